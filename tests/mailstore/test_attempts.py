"""Attempts to log in, as rows."""

from dataclasses import replace

import pytest
import trio
import trio.testing

from mox_trio.mailstore import attempts, upkeep
from mox_trio.mailstore.attempts import Attempt, LoginAttempts
from mox_trio.mailstore.store import DAY, Account
from storage_backends.index.tables import login_attempts as rows
from tests.kit.stores import Kit

ATTEMPT = Attempt("ann", "ann@example.org", "203.0.113.7", "192.0.2.25", "", "submission", "PLAIN", attempts.OK)


async def found(kit: Kit, account: Account) -> list[tuple[str, int]]:
    return [(row.result, row.times) for row in await attempts.latest(kit.store, account)]


async def test_equal_attempts_are_one_row(kit: Kit, account: Account) -> None:
    recorded = LoginAttempts(kit.store)
    for _ in range(3):
        recorded.record(ATTEMPT)
    await recorded.flush()
    kit.clock.ahead += 1000
    recorded.record(ATTEMPT)
    recorded.record(replace(ATTEMPT, result=attempts.BAD_CREDENTIALS))
    await recorded.flush()
    await recorded.flush()
    assert sorted(await found(kit, account)) == [(attempts.BAD_CREDENTIALS, 1), (attempts.OK, 4)]
    (row,) = [each for each in await attempts.latest(kit.store, account) if each.result == attempts.OK]
    assert row.last - row.first >= 1000


async def test_they_are_written_a_little_later_and_at_the_end(
    kit: Kit, account: Account, autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.02
    recorded = LoginAttempts(kit.store)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recorded.run)
        recorded.record(ATTEMPT)
        while not await found(kit, account):  # noqa: ASYNC110 - what is waited for is a row
            await trio.sleep(attempts.PAUSE)
        assert await found(kit, account) == [(attempts.OK, 1)]
        recorded.record(replace(ATTEMPT, mechanism="LOGIN"))
        nursery.cancel_scope.cancel()
    assert len(await found(kit, account)) == 2


async def test_a_client_may_name_itself_a_moment_later(kit: Kit, account: Account) -> None:
    recorded = LoginAttempts(kit.store)
    recorded.record(ATTEMPT)
    recorded.record(ATTEMPT)
    recorded.name_client(ATTEMPT, "Swift 9")
    await recorded.flush()
    recorded.name_client(ATTEMPT, "too late")
    await recorded.flush()
    found = [(row.user_agent, row.times) for row in await attempts.latest(kit.store, account)]
    assert sorted(found) == [("", 1), ("Swift 9", 1)]


async def test_what_gathers_is_bounded(kit: Kit, account: Account) -> None:
    recorded = LoginAttempts(kit.store)
    for number in range(attempts.MOST_WAITING + 10):
        recorded.record(replace(ATTEMPT, login=f"{number}@example.org"))
    await recorded.flush()
    assert len(await attempts.latest(kit.store, account, 2000)) == attempts.MOST_WAITING


async def test_names_that_are_nobody_s_have_rows_without_an_account(kit: Kit, account: Account) -> None:
    recorded = LoginAttempts(kit.store)
    recorded.record(replace(ATTEMPT, account="", result=attempts.BAD_CREDENTIALS))
    recorded.record(replace(ATTEMPT, account="gone", result=attempts.BAD_CREDENTIALS))
    await recorded.flush()
    assert await found(kit, account) == []
    assert await kit.store.index.read(lambda tx: rows.crowded(tx, 0)) == [rows.NOBODY]


async def test_old_ones_go_with_the_upkeep(kit: Kit, account: Account) -> None:
    recorded = LoginAttempts(kit.store)
    recorded.record(ATTEMPT)
    await recorded.flush()
    await upkeep.prune(kit.store)
    assert len(await found(kit, account)) == 1
    kit.clock.ahead += 31 * DAY
    recorded.record(replace(ATTEMPT, mechanism="LOGIN"))
    await recorded.flush()
    await upkeep.prune(kit.store)
    assert len(await found(kit, account)) == 1


async def test_of_failed_ones_the_newest_are_kept(kit: Kit, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MOST_FAILED", 3)
    recorded = LoginAttempts(kit.store)
    recorded.record(ATTEMPT)
    for number in range(5):
        kit.clock.ahead += 1000
        for name in ("ann", ""):
            recorded.record(
                replace(ATTEMPT, account=name, result=attempts.BAD_CREDENTIALS, login=f"{number}@x.example")
            )
        await recorded.flush()
    assert await attempts.prune(kit.store) == 4
    kept = await attempts.latest(kit.store, account)
    assert [row.login for row in kept] == ["4@x.example", "3@x.example", "2@x.example", "ann@example.org"]


def test_a_name_is_kept_on_one_line() -> None:
    assert attempts.attempted_name("a\nb" + "x" * 1000) == "a b" + "x" * 253
