"""Commands over very many messages let others have their turn: no step of a session takes more than 50 ms of CPU."""

import time
from typing import Final

import trio

from mox_trio.mailstore import mailboxes, moving
from tests.kit.imap_world import Client, World

MESSAGES: Final = 100_000
MOST: Final = 0.05
"""Seconds of CPU of one step. What the machine does beside it does not count."""
TRIES: Final = 5
"""Collections of garbage fall on steps by chance: one of so many runs must be without."""

COMMANDS: Final = (
    "UID FETCH 1:* (FLAGS)",
    "UID SEARCH ALL",
    "SEARCH UNSEEN KEYWORD x",
    "UID SEARCH RETURN (SAVE COUNT) SUBJECT hello",
    "UID SORT (ARRIVAL) UTF-8 ALL",
    "SORT (REVERSE SUBJECT DATE) UTF-8 ALL",
    "STORE 1:* +FLAGS (\\Seen)",
    "COPY 1:* Archive",
)


class Steps(trio.abc.Instrument):
    """The longest step of the tasks of sessions and their feeds."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.count = 0
        self._began = 0.0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task.name.startswith(("mox_trio.", "tests.kit.imap_world.")):
            self.count += 1
            self.longest = max(self.longest, time.thread_time() - self._began)


async def completed(client: Client, command: str) -> bytes:
    """How a command ends; what is said before is not looked at."""
    tag = (await client.begin(command)).encode()
    tail = b""
    while b"\r\n" + tag + b" " not in b"\r\n" + tail or not tail.endswith(b"\r\n"):
        tail = tail[-200:] + await client.connection.receive(timeout=60)
    return tail


async def test_nobody_waits_for_a_command_over_very_many_messages(world: World) -> None:
    inbox = await mailboxes.get(world.store, world.account, "Inbox")
    await world.deliver()
    count = 1
    while count < MESSAGES:
        more = min(count, MESSAGES - count)
        await moving.copy(world.store, world.account, inbox.id, [(1, more)], "Inbox")
        count += more
    async with world.user("Inbox") as client:
        for command in COMMANDS:
            longest: list[float] = []
            while len(longest) < TRIES and min(longest, default=MOST) >= MOST:
                steps = Steps()
                trio.lowlevel.add_instrument(steps)
                try:
                    completion = await completed(client, command)
                finally:
                    trio.lowlevel.remove_instrument(steps)
                assert b" OK " in completion, command
                longest.append(steps.longest)
            assert min(longest) < MOST, command
