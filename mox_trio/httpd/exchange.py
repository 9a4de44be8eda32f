"""One request and its answer, between hypercorn and an application: bounded, measured, with the headers that every answer has.

- A body longer than allowed is answered with 413, and the application hears that the client is gone.
- A body that comes too slowly is answered with 408 in the same way (`_next`): an octet a minute would hold its connection.
- A body that nobody read is thrown away, as far as LEFT_OVER goes, before the answer ends: a client that still sends
  would not see the answer, and hypercorn would wait for somebody to take what comes.
- A client of HTTP/2 that opens no window for what is sent is dropped (`_give`): its other frames would keep the connection open.
- The stop of the server closes websockets with 1001 (RFC 6455 7.4.1).
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import trio

from mox_trio.base import limits
from mox_trio.httpd.wire import PIECE, SEND, Wire
from mox_trio.transport.closing import Closing

LEFT_OVER: Final = 2.0
"""Seconds for which a body that nobody wants is read."""
GOING_AWAY: Final = 1001

HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
"""What an answer says unless its application says it otherwise."""

CLOSE: Final = (b"connection", b"close")

Headers = list[tuple[bytes, bytes]]


def with_ours(given: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers of an application and those of ours that it does not set."""
    headers = list(given)
    names = {name.lower() for name, _ in headers}
    headers += [each for each in HEADERS if each[0] not in names]
    return headers


@dataclass(slots=True)
class Exchange:
    """`receive` and `send` stand in for hypercorn's."""

    wire: Wire
    closing: Closing
    body_bytes: int
    inner_receive: Any
    inner_send: Any
    began: float = field(default_factory=time.perf_counter)
    flow_controlled: bool = False
    """The client says how much it takes (HTTP/2)."""
    further: Headers = field(default_factory=list)
    """Headers of every answer, beside HEADERS."""
    status: int = 0
    """Of the answer; 0 while there is none."""
    received: int = 0
    """Octets of the body, or of a websocket's messages."""
    sent: int = 0
    _patience: float = limits.HTTP_BODY_PATIENCE
    """Seconds for which the client may still be waited for."""
    _is_whole: bool = False
    """The request's body is there to its end."""
    _is_over: bool = False
    """The answer is finished, or the client gone."""
    _is_busy: bool = False

    async def receive(self) -> Any:
        """The next part of the body, or that the client is gone."""
        if self._is_over:
            return {"type": "http.disconnect"}
        message = await self.inner_receive() if self._is_whole else await self._next()
        if message is None:
            # RFC 9110 15.5.9: the connection is given up; HTTP/2 has no field for that
            await self.refuse(408, b"the body comes too slowly\n", [] if self.flow_controlled else [CLOSE])
            return {"type": "http.disconnect"}
        if message["type"] == "http.request":
            self.received += len(message["body"])
            if self.received > self.body_bytes:
                await self.refuse(413, b"the body is too large\n")
                return {"type": "http.disconnect"}
            if not message["more_body"]:
                self._is_whole = True
                self._busy()
        elif message["type"] == "http.disconnect":
            self._is_over = True
        return message

    async def _next(self) -> Any:
        """The next part of a body; None when the client has used our patience up. Only what is waited for it counts."""
        began, message = trio.current_time(), None
        with trio.move_on_after(self._patience):
            message = await self.inner_receive()
        earned = len(message.get("body", b"")) / limits.HTTP_BODY_RATE if message is not None else 0.0
        left = self._patience - (trio.current_time() - began) + earned
        self._patience = min(max(left, 0.0), limits.HTTP_BODY_PATIENCE)
        return message

    async def send(self, message: Any) -> None:
        """Hand an answer on."""
        if self._is_over:
            return
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            message = {**message, "headers": with_ours(message.get("headers", ())) + self.further}
        elif message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish(message)
                return
        await self._give(message)

    async def _give(self, message: Any) -> None:
        """Hand on to hypercorn. What waits for a window of the client waits as long as `wire` gives it for as many octets."""
        if not self.flow_controlled:
            await self.inner_send(message)
            return
        size = len(message.get("body") or message.get("text") or message.get("bytes") or b"")
        with trio.move_on_after(SEND * (3 + size / PIECE)) as scope:
            await self.inner_send(message)
        if scope.cancelled_caught:
            self._is_over = True
            await self.wire.drop()

    async def answer(self, status: int, body: bytes, headers: Headers | None = None) -> None:
        """A whole answer of plain text."""
        kind = (b"content-type", b"text/plain; charset=utf-8")
        length = (b"content-length", str(len(body)).encode())
        every = [kind, length, (b"cache-control", b"no-store"), *(headers or ())]
        await self.send({"type": "http.response.start", "status": status, "headers": every})
        await self.send({"type": "http.response.body", "body": body})

    async def refuse(self, status: int, body: bytes, headers: Headers | None = None) -> None:
        """The same where nothing was answered yet; what the application says from now on goes nowhere."""
        if not self.status:
            await self.answer(status, body, headers)
        self._is_over = True

    async def _finish(self, message: Any) -> None:
        """End the answer; take what still comes, so that hypercorn can go on."""
        if self._is_whole:
            await self._give(message)
            self._is_over = True
            return
        await self._give({**message, "more_body": True})
        with trio.move_on_after(LEFT_OVER):
            await self._discard(limits.HTTP_LEFT_OVER_BYTES)
        async with trio.open_nursery() as beside:
            if not self._is_whole:
                beside.start_soon(self._discard, 2**62)
            await self._give({"type": "http.response.body", "body": b"", "more_body": False})
            beside.cancel_scope.cancel()
        self._is_over = True

    async def _discard(self, most: int) -> None:
        while most > 0:
            message = await self.inner_receive()
            if message["type"] != "http.request" or not message["more_body"]:
                self._is_whole = True
                return
            most -= len(message["body"])

    async def receive_message(self) -> Any:
        """For a websocket: the next event; its end when the server stops."""
        gone = {"type": "websocket.disconnect", "code": GOING_AWAY}
        if self._is_over:
            return gone
        message: Any = None
        with self.closing.interruptible():
            message = await self.inner_receive()
        if message is None:
            self._is_over = True
            await self._give({"type": "websocket.close", "code": GOING_AWAY})
            return gone
        self.received += len(message.get("text") or message.get("bytes") or b"")
        self._is_over = message["type"] == "websocket.disconnect"
        return message

    async def send_message(self, message: Any) -> None:
        """For a websocket."""
        if self._is_over:
            return
        if message["type"] == "websocket.accept":
            self.status = 101
        elif message["type"] == "websocket.close":
            self.status = self.status or 403
            self._is_over = True
        else:
            self.sent += len(message.get("text") or message.get("bytes") or b"")
        await self._give(message)

    def _busy(self) -> None:
        if not self._is_busy:
            self._is_busy = True
            self.wire.busy += 1

    def end(self) -> None:
        """Whatever came of it: the client is waited for again."""
        if self._is_busy:
            self._is_busy = False
            self.wire.busy -= 1
