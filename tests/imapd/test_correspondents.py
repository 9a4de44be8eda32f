"""Whom messages in Sent went to: where the rows are made."""

import threading

import pytest

from mox_trio.ledger import sent
from tests.kit import stores
from tests.kit.imap_world import World


@pytest.mark.parametrize(("count", "in_loop"), [(3, True), (400, False)])
async def test_many_recipients_are_looked_at_in_a_thread(
    world: World, monkeypatch: pytest.MonkeyPatch, count: int, in_loop: bool
) -> None:
    made, threads = sent.correspondent, set()

    def noted(*arguments: object) -> object:
        threads.add(threading.current_thread() is threading.main_thread())
        return made(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sent, "correspondent", noted)
    to = ", ".join(f"user{number}@example{number % 7}.org" for number in range(count))
    async with world.user() as client:
        data = stores.message("to many", To=to)
        await client.ok(b"APPEND Sent {%d}" % len(data), data + b"\r\n")
    assert threads == {in_loop}
