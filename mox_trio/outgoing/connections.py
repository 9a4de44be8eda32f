"""Conversations that are over but not closed, for the next message to the same host in the same way.

A conversation waits here for a few seconds at most, is used for a bounded number of messages and not for ever, and the number
that waits is bounded. `run` closes what waited for too long, and says goodbye to what nobody wants any more, so that nobody
who has delivered a message waits for a slow QUIT; while it does not run nothing is kept.
"""

from collections import deque
from collections.abc import Hashable
from typing import Final

import trio

from mox_trio.outgoing.smtp_dialog import Dialog

IDLE: Final = 5.0
"""Seconds that a conversation waits for the next message: hosts may close after less, but seldom do."""
MOST_IDLE: Final = 100
"""Conversations that wait, all together."""
MOST_MAILS: Final = 100
"""Messages of one conversation; hosts that watch for floods count them."""
OLDEST: Final = 300.0
"""Seconds from the beginning of a conversation to its last message: addresses and certificates change."""

FAREWELL: Final = 1.0
"""Seconds that closing may take where nobody else does it."""


class Connections:
    """Idle conversations by key, which is whatever has to be equal for one to be used again."""

    def __init__(self, *, idle: float = IDLE, most_idle: int = MOST_IDLE, most_mails: int = MOST_MAILS) -> None:
        self._idle = idle
        self._most_idle = most_idle
        self._most_mails = most_mails
        self._waiting: deque[tuple[float, Hashable, Dialog]] = deque()
        """With the time when it waited for too long; the oldest first."""
        self._unwanted: list[Dialog] = []
        self._change = trio.Event()
        self._is_running = False

    def __contains__(self, key: object) -> bool:
        return any(each == key for _, each, _ in self._waiting)

    def maybe_take(self, key: Hashable) -> Dialog | None:
        """One that can be used at once, the one that waited least; None if there is none."""
        now = trio.current_time()
        for index in range(len(self._waiting) - 1, -1, -1):
            expiry, other, dialog = self._waiting[index]
            if other == key and expiry > now:
                del self._waiting[index]
                return dialog
        return None

    async def give(self, key: Hashable, dialog: Dialog) -> None:
        """Nobody uses it now. It is kept if it may be, else closed, politely and by somebody else.

        Not to be cancelled: what the host said about the last message is on its way to be written down.
        """
        if not self._is_running:
            with trio.move_on_after(FAREWELL, shield=True):
                await dialog.say_goodbye(wait=False)
            return
        dialog.rests_since = trio.current_time()
        fresh = trio.current_time() - dialog.began < OLDEST
        if dialog.is_reusable and fresh and dialog.mails < self._most_mails:
            if len(self._waiting) >= self._most_idle:
                self._unwanted.append(self._waiting.popleft()[2])
            self._waiting.append((trio.current_time() + self._idle, key, dialog))
        else:
            self._unwanted.append(dialog)
        self._change.set()

    async def run(self) -> None:
        """Close what is not wanted; until cancelled, which closes everything."""
        self._is_running = True
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    self._expire()
                    for dialog in self._unwanted:
                        nursery.start_soon(dialog.say_goodbye)
                    self._unwanted.clear()
                    await self._wait()
        finally:
            self._is_running = False
            await self._close_all()

    def _expire(self) -> None:
        now = trio.current_time()
        while self._waiting and self._waiting[0][0] <= now:
            self._unwanted.append(self._waiting.popleft()[2])

    async def _wait(self) -> None:
        """Until something was given back or the first one has waited for too long."""
        deadline = self._waiting[0][0] if self._waiting else float("inf")
        with trio.CancelScope(deadline=deadline):
            await self._change.wait()
        self._change = trio.Event()

    async def _close_all(self) -> None:
        """At once: a closed socket is all the goodbye there is time for."""
        dialogs = [*self._unwanted, *(dialog for _, _, dialog in self._waiting)]
        self._unwanted.clear()
        self._waiting.clear()
        async with trio.open_nursery() as nursery:
            for dialog in dialogs:
                nursery.start_soon(dialog.connection.aclose)
