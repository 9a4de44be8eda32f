"""A front with applications of a test, and clients of it on wires in memory."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import h11
import trio

from mox_trio.base.domain import Domain
from mox_trio.base.metrics import Metrics
from mox_trio.httpd.front import Front, Port, Requests
from mox_trio.httpd.routing import Mount
from mox_trio.httpd.serving import Application, Server
from mox_trio.policy.ratelimit import IpAddress, Most
from mox_trio.transport.closing import Closing
from mox_trio.transport.connection import Connection
from tests.kit import wires

HOST = Domain.parse("mail.example.org")


async def telling(scope: Any, receive: Any, send: Any) -> None:
    """Says what it was asked, and how long the body was."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    visitor = scope["state"]["visitor"]
    facts = {
        "path": scope["path"],
        "root": scope["root_path"],
        "scheme": scope["scheme"],
        "client": str(visitor.address),
        "secure": visitor.secure,
        "headers": sorted(name.decode() for name, _ in scope["headers"]),
        "body": size,
    }
    body = json.dumps(facts).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def nobody(address: IpAddress) -> bool:
    """No address is exempt."""
    return False


@dataclass
class World:
    """One port."""

    application: Application = telling
    forwarded: bool = False
    body_bytes: int = 1000
    most: Most = Most(1000, 1000, 1000)  # noqa: RUF009 - a frozen value
    now: Callable[[], float] = lambda: 1_000_000.0
    closing: Closing = field(default_factory=Closing)
    metrics: Metrics = field(default_factory=Metrics)

    def server(self) -> Server:
        mounts = [
            Mount(kind, path, self.application, HOST.__eq__, self.body_bytes)
            for kind, path in (("account", "/"), ("webapi", "/webapi/"))
        ]
        port = Port("public", mounts, self.forwarded)
        return Server(Front(port, Requests(self.most, nobody, self.now), self.metrics, self.closing))

    @asynccontextmanager
    async def client(self) -> AsyncIterator["Client"]:
        """A client that speaks HTTP/1.1."""
        near, far = wires.pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.server().serve, far, self.closing)
            try:
                yield Client(near)
            finally:
                await near.aclose()


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def facts(self) -> Any:
        return json.loads(self.body)


class Client:
    """Speaks HTTP/1.1 on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.state = h11.Connection(h11.CLIENT)

    async def ask(
        self, path: str, *, method: str = "GET", host: str = str(HOST), body: bytes = b"", **headers: str
    ) -> Answer:
        """One request and its answer; the connection is kept."""
        given = [("Host", host), *((name.replace("_", "-"), value) for name, value in headers.items())]
        if body:
            given.append(("Content-Length", str(len(body))))
        await self.connection.send(self.state.send(h11.Request(method=method, target=path, headers=given)), timeout=5)
        if body:
            await self.connection.send(self.state.send(h11.Data(data=body)), timeout=5)
        await self.connection.send(self.state.send(h11.EndOfMessage()), timeout=5)
        return await self.answer()

    async def answer(self) -> Answer:
        """Read one."""
        found = Answer(0, {}, b"")
        while True:
            event = self.state.next_event()
            if event is h11.NEED_DATA:
                self.state.receive_data(await self.connection.receive(timeout=100))
            elif isinstance(event, h11.Response):
                found.status = event.status_code
                found.headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                found.body += event.data
            elif isinstance(event, h11.EndOfMessage):
                if self.state.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
                    self.state.start_next_cycle()
                return found
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionError(f"closed after {found}")
