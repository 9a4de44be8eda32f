"""What all web applications are made of: Quart on trio, with bodies that wait for who reads them, and errors without insides.

Quart keeps what arrives of a body until somebody reads it; here a client waits when `HELD` octets are unread. A body is read
block by block (`blocks`) and never through Quart's form parser, which writes files of its own. Answers have no time limit:
clients that take nothing are the server's matter.
"""

import gzip
import logging
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

import trio
from quart import Response, request
from quart.wrappers.response import DataBody
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers.request import TrioBody, TrioRequest
from werkzeug.exceptions import HTTPException

from mox_trio.running import Visitor

logger = logging.getLogger(__name__)

HELD: Final = 256 * 1024
"""Octets of a body that wait to be read."""


class _Body(TrioBody):
    """A body whose sender waits."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._taken = trio.Event()

    async def __anext__(self) -> bytes:
        data = await super().__anext__()
        self._taken.set()
        self._taken = trio.Event()
        return data

    @property
    def is_full(self) -> bool:
        """Whether nothing more may come before some of it is read."""
        return len(self._data) > HELD

    async def room(self) -> None:
        """Until so much was read that more may come."""
        while self.is_full:
            await self._taken.wait()


class _Request(TrioRequest):
    body_class: Any = _Body


class _Connection(TrioASGIHTTPConnection):
    async def __call__(self, receive: Any, send: Any) -> None:
        """Answer one request. One that came whole, with an answer that is there whole, needs no tasks of its own; of others the
        client is watched, so that they end with it.
        """
        request: Any = self._create_request_from_scope(send)
        while not request.body.is_full and (message := await receive())["type"] == "http.request":
            request.body.append(message.get("body", b""))
            if not message.get("more_body", False):
                request.body.set_complete()
                await self._answer(request, receive, send)
                return
        if request.body.is_full:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.handle_messages, nursery, request, receive)
                nursery.start_soon(self.handle_request, nursery, request, send)

    async def _answer(self, request: Any, receive: Any, send: Any) -> None:
        response: Any = await self.app.handle_request(request)
        if isinstance(getattr(response, "response", None), DataBody):
            await self._send_response(send, response)
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.handle_messages, nursery, request, receive)
            await self._send_response(send, response)
            nursery.cancel_scope.cancel()

    async def handle_messages(self, nursery: trio.Nursery, request: Any, receive: Any) -> None:  # type: ignore[override]
        """Bring what arrives to the body, no faster than it is read; the request ends when the client is gone."""
        await request.body.room()
        while (message := await receive())["type"] == "http.request":
            request.body.append(message.get("body", b""))
            if message.get("more_body", False):
                await request.body.room()
            else:
                request.body.set_complete()
        nursery.cancel_scope.cancel()


class Application(QuartTrio):
    """A web application."""

    request_class = _Request
    asgi_http_class = _Connection


def application(name: str, **options: Any) -> Application:
    """An application of this name; `options` are Quart's."""
    made = Application(name, **options)
    made.config["MAX_CONTENT_LENGTH"] = None
    made.config["BODY_TIMEOUT"] = None
    made.config["RESPONSE_TIMEOUT"] = None
    made.register_error_handler(HTTPException, _http_error)
    made.register_error_handler(500, _internal_error)
    return made


def public(body: bytes, content_type: str, headers: Mapping[str, str]) -> Response:
    """An answer that is the same for everybody, compressed for who takes that.

    Nothing else is: an answer that has secrets beside what others wrote tells of the secrets by its length when it is compressed
    (BREACH), and mail is both.
    """
    response = Response(body, headers=dict(headers), content_type=content_type)
    response.headers["Vary"] = "Accept-Encoding"
    if takes_gzip(request.headers.get("accept-encoding", "")):
        response.set_data(_packed(body))
        response.headers["Content-Encoding"] = "gzip"
    return response


def takes_gzip(accepted: str) -> bool:
    """Whether a client takes gzip (RFC 9110 12.5.3): `gzip;q=0` is no."""
    for each in accepted.split(","):
        name, _, quality = each.partition(";")
        if name.strip().lower() in ("gzip", "*"):
            return quality.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


@lru_cache(maxsize=100)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)


def blocks(request: Any) -> AsyncIterator[bytes]:
    """The body as it comes."""
    return cast("AsyncIterator[bytes]", request.body)


def visitor(request: Any) -> Visitor:
    """Who asks."""
    return cast("Visitor", request.scope["state"]["visitor"])


def plain(status: int, text: str, **headers: str) -> Response:
    """An answer of a line of text."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(text + "\n", status, headers=named, content_type="text/plain; charset=utf-8")


async def _http_error(error: HTTPException) -> Response:
    if error.code == 405 and error.response is None and hasattr(error, "valid_methods"):
        return plain(405, "this method is not allowed here", Allow=", ".join(error.valid_methods or ()))
    if error.code is not None and 300 <= error.code < 400:
        return cast("Response", error.get_response())
    return plain(error.code or 500, error.name.lower())


async def _internal_error(error: Exception) -> Response:
    """Logged by Quart already."""
    return plain(500, "something went wrong; it is in the server's log")
