"""One connection with its client: bytes in with deadlines, bytes out with back-pressure, as slowly as it deserves.

What is written gathers until `flush`, which the loop calls when the client is waited for, and `drain` when there is much of
it. Silent and Broken (`transport.connection`) pass through; `waits` ends the session at its deadline or when the server
stops.
"""

import math
from typing import Final

import trio

from mox_trio.imapd.compressing import Compression
from mox_trio.imapd.settings import Settings
from mox_trio.protocol.imap.events import NEED_DATA, Event
from mox_trio.protocol.imap.server import ServerConnection
from mox_trio.transport import tarpit
from mox_trio.transport.closing import Closing
from mox_trio.transport.connection import Connection

FULL: Final = 64 * 1024
"""Bytes after which what was written is sent."""
GOODBYE: Final = 10.0
"""Seconds that a last reply may take, and each reply once the server stops."""


class Dialog:
    """Of one session."""

    def __init__(self, connection: Connection, settings: Settings, closing: Closing) -> None:
        self.connection = connection
        self.settings = settings
        self.protocol = ServerConnection()
        self.waits = trio.CancelScope()
        """Around the whole session, with a deadline while it waits for the client."""
        self.idle_timeout = settings.login_timeout
        self.is_slow = False
        """Replies are drawn out."""
        self.compression: Compression | None = None
        self._closing = closing
        self._out: list[bytes] = []
        self._written = 0
        self._waiting: trio.CancelScope | None = None
        self._woken = False
        self._put_back: Event | None = None

    # -- what comes

    async def next_event(self) -> Event:
        """The next thing that the client wants, after everything that was written was sent. Silent, Broken.

        However slowly its octets come, all of it has to be there in time.
        """
        until = 0.0
        while True:
            event = self.next_event_nowait()
            if event is not NEED_DATA:
                return event
            await self.flush()
            until = until or trio.current_time() + self.idle_timeout
            self.protocol.receive(await self._receive(until))

    async def event_or_wake(self) -> Event | None:
        """The same; None where `wake` was called meanwhile, or since the last time."""
        while True:
            event = self.next_event_nowait()
            if event is not NEED_DATA:
                return event
            if not await self.more_or_wake():
                return None

    async def more_or_wake(self) -> bool:
        """Send what was written, and wait for more bytes; False where `wake` was called meanwhile, or since the last time."""
        await self.flush()
        if self._woken:
            self._woken = False
            return False
        data = b""
        with trio.CancelScope() as self._waiting:
            data = await self._receive(trio.current_time() + self.idle_timeout)
        is_woken = self._waiting.cancelled_caught
        self._waiting = None
        if not is_woken:
            self.protocol.receive(data)
        return not is_woken

    @property
    def may_send_now(self) -> bool:
        """Whether the session waits, with nothing to send, in the way of bytes that are sent as they are."""
        return not (self._waiting is None or self._woken or self._out or self.is_slow or self.compression is not None)

    def send_now(self, data: bytes) -> None:
        """Send this while the session waits; what the network does not take at once is sent when it has woken."""
        rest = data[self.connection.send_some(data) :]
        if rest:
            self.write(rest)
            self.wake()

    def put_back(self, event: Event) -> None:
        """Let this be the next event: it is for somebody else."""
        self._put_back = event

    def next_event_nowait(self) -> Event:
        """What the bytes that came mean, without waiting for more. What the protocol says is written."""
        if self._put_back is not None:
            returned, self._put_back = self._put_back, None
            return returned
        event = self.protocol.next_event()
        output = self.protocol.take_output()
        if output:
            self.write(output)
        return event

    def wake(self) -> None:
        """Let `event_or_wake` return."""
        self._woken = True
        if self._waiting is not None:
            self._waiting.cancel()

    def forget_wake(self) -> None:
        """What it was for has been looked at."""
        self._woken = False

    async def _receive(self, until: float) -> bytes:
        data = b""
        while self.compression is not None and self.compression.has_more:
            await trio.lowlevel.checkpoint()
            if data := self.compression.inflated():  # else it was the end of a block, and not of the connection
                return data
        if self.is_slow:
            self.takes_its_time()
            await trio.sleep(self.settings.tarpit)
        self._closing.watch(self.waits)
        self.waits.deadline = until
        while True:
            data = await self.connection.receive(timeout=math.inf)
            if data and self.compression is not None:
                data = self.compression.inflated(data)
                if not data:
                    continue
            break
        self._closing.forget(self.waits)
        self.takes_its_time()
        return data

    def takes_its_time(self) -> None:
        """What comes now is our own doing, or meant to be slow: the client's deadline does not end it."""
        if self.waits.deadline != math.inf:
            self.waits.deadline = math.inf

    # -- what goes

    def write(self, data: bytes) -> None:
        """Say this, later."""
        self._out.append(data)
        self._written += len(data)

    async def drain(self) -> None:
        """Send what was written where it is much."""
        if self._written >= FULL:
            await self.flush()

    async def flush(self) -> None:
        """Send what was written, at the pace that the client deserves."""
        output = self._taken()
        if not output:
            return
        if self.compression is not None:
            output = await self.compression.deflated(output)
        if self.is_slow:
            await tarpit.send(self._send_slowly, output, pause=self.settings.tarpit)
        else:
            await self._send(output)

    async def flush_finally(self) -> None:
        """Send what was written, also when the session is cancelled meanwhile."""
        output = self._taken()
        if not output:
            return
        with trio.CancelScope(shield=True, deadline=trio.current_time() + GOODBYE):
            if self.compression is not None:
                output = await self.compression.deflated(output)
            await self.connection.send(output[self.connection.send_some(output) :], timeout=math.inf)

    def _taken(self) -> bytes:
        output = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._written = 0
        return output

    async def _send(self, data: bytes) -> None:
        data = data[self.connection.send_some(data) :]
        if not data:
            return
        self.waits.deadline = trio.current_time() + self.settings.send_timeout
        self._closing.hurry(self.waits, GOODBYE)
        await self.connection.send(data, timeout=math.inf)
        self._closing.forget(self.waits)
        self.takes_its_time()

    async def _send_slowly(self, data: bytes) -> None:
        await self._send(data)
        self.takes_its_time()

    def slow_down(self, *, exempt: bool) -> None:
        """From now on replies are drawn out, but for networks without limits."""
        self.is_slow = not exempt and self.settings.tarpit > 0
