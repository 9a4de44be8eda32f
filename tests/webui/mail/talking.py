"""A page of the webmail as tests play it: logging in by requests, the protocol over a real websocket."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Protocol

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from mox_trio.app.localserve_files import ADDRESS, PASSWORD
from tests.kit.localserve import LocalServer

WAIT = 20.0
Said = dict[str, Any]


class Place(Protocol):
    """A server with pages on this machine."""

    @property
    def base(self) -> int:
        """The port of its pages without TLS, less 80."""


class Refused(Exception):
    """The server answered a call with an error."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


def origin(server: Place) -> str:
    """Of pages of the server."""
    return f"http://127.0.0.1:{server.base + 80}"


@dataclass
class Browser:
    """Cookies and the CSRF token."""

    server: Place
    http: httpx.AsyncClient
    csrf: str = ""

    async def log_in(self, password: str = PASSWORD, address: str = ADDRESS) -> httpx.Response:
        """As the form does it."""
        token = (await self.http.post("login/prepare", json={})).json()["token"]
        answer = await self.http.post("login", json={"token": token, "address": address, "password": password})
        self.csrf = answer.json().get("csrf", "")
        return answer

    @property
    def cookies(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())

    @asynccontextmanager
    async def page(self, **more: Any) -> AsyncIterator["Page"]:
        """A page that was welcomed."""
        async with self.websocket() as wire:
            page = Page(wire)
            await page.say(t="hello", csrf=self.csrf, **more)
            page.welcome = await page.hear("welcome")
            yield page

    @asynccontextmanager
    async def websocket(self, from_origin: str | None = None) -> AsyncIterator[WebSocketConnection]:
        """The bare websocket."""
        given = {"cookie": self.cookies, "origin": from_origin or origin(self.server)}
        headers = [(name.encode(), value.encode()) for name, value in given.items()]
        host = origin(self.server).removeprefix("http://")
        stream = await trio.open_tcp_stream("127.0.0.1", self.server.base + 80)
        async with stream, trio.open_nursery() as nursery:
            yield await wrap_client_stream(nursery, stream, host, "/webmail/live", extra_headers=headers)
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def browser(server: Place) -> AsyncIterator[Browser]:
    """One that is not logged in."""
    async with httpx.AsyncClient(base_url=f"{origin(server)}/webmail/", timeout=WAIT) as http:
        yield Browser(server, http)


@asynccontextmanager
async def logged_in(server: Place, password: str = PASSWORD, address: str = ADDRESS) -> AsyncIterator[Browser]:
    """One that is."""
    async with browser(server) as found:
        assert (await found.log_in(password, address)).status_code == 200
        yield found


@dataclass
class Page:
    """One connection."""

    wire: WebSocketConnection
    welcome: Said = field(default_factory=dict)
    heard: list[Said] = field(default_factory=list)
    _number: int = 0

    async def say(self, **message: Any) -> None:
        await self.wire.send_message(json.dumps(message))

    async def next(self) -> Said:
        with trio.fail_after(WAIT):
            message: Said = json.loads(await self.wire.get_message())
        self.heard.append(message)
        return message

    async def hear(self, kind: str, fits: Callable[[Said], bool] = lambda _: True) -> Said:
        """The next message of a kind that fits; what comes before it is in `heard`."""
        while True:
            message = await self.next()
            if message["t"] == kind and fits(message):
                return message

    async def call(self, name: str, /, **args: Any) -> Any:
        """Do something; Refused."""
        self._number += 1
        number = self._number
        await self.say(t="call", id=number, name=name, args=args)
        while True:
            message = await self.next()
            if message.get("id") == number and message["t"] == "result":
                return message["value"]
            if message.get("id") == number and message["t"] == "error":
                raise Refused(message["code"], message["message"])

    async def look(self, view: int, **what: Any) -> Said:
        """Look at something and get its first rows."""
        await self.say(t="look", view=view, start=0, stop=50, **what)
        return await self.hear("list", lambda message: message["view"] == view)

    def box(self, role: str) -> int:
        """The id of a mailbox."""
        return next(int(each["id"]) for each in self.welcome["mailboxes"] if each["role"] == role)

    async def closed(self) -> int:
        """The code with which the server closes."""
        with pytest.raises(ConnectionClosed) as raised:
            await self._read_on()
        return int(getattr(raised.value.reason, "code", 0))

    async def _read_on(self) -> None:
        while True:
            await self.next()


def mail(subject: str, text: str = "hello", **fields: str) -> EmailMessage:
    """A mail from outside."""
    message = EmailMessage()
    message["From"] = fields.pop("From", "Ann Example <ann@example.org>")
    message["To"] = ADDRESS
    message["Subject"] = subject
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


async def deliver(server: LocalServer, *messages: EmailMessage) -> None:
    """Send mails to the server, as another server does."""

    def send() -> None:
        with server.smtp() as smtp:
            for each in messages:
                smtp.send_message(each, "ann@example.org", [ADDRESS])

    await trio.to_thread.run_sync(send)


def letter(subject: str, **more: Any) -> Said:
    """A message that is being written."""
    return {"sender": ["Mox", ADDRESS], "to": [["Ann", "you@localhost"]], "subject": subject, "text": "Hi\n", **more}
