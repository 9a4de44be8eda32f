"""Sessions of web pages, as rows."""

import pytest

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import accounts, upkeep, web_sessions
from mox_trio.mailstore.store import Account
from mox_trio.mailstore.web_sessions import LIFE, MOST, Visit
from tests.kit.stores import Kit

VISIT = Visit("webmail", "ann@example.org", "203.0.113.7", "Browser\n1.0")


async def test_a_token_is_known_until_it_is_ended_and_only_for_its_kind(kit: Kit, account: Account) -> None:
    token = await web_sessions.begin(kit.store, account.id, VISIT)
    found = await web_sessions.find(kit.store, token, "webmail")
    assert (found.account, found.login, found.user_agent) == ("ann", "ann@example.org", "Browser 1.0")
    for wrong, kind in ((token, "account"), (token + "x", "webmail"), ("", "webmail")):
        with pytest.raises(Failure) as raised:
            await web_sessions.find(kit.store, wrong, kind)
        assert raised.value.kind is Kind.EXPIRED
    assert await web_sessions.end(kit.store, account.id, found.hash)
    assert not await web_sessions.end(kit.store, account.id, found.hash)
    with pytest.raises(Failure):
        await web_sessions.find(kit.store, token, "webmail")


async def test_a_session_lives_for_a_day_after_it_was_last_used(kit: Kit, account: Account) -> None:
    used = await web_sessions.begin(kit.store, account.id, VISIT)
    unused = await web_sessions.begin(kit.store, account.id, VISIT)
    kit.clock.ahead += LIFE // 2
    await web_sessions.find(kit.store, used, "webmail")
    kit.clock.ahead += LIFE // 2 + 1000
    await web_sessions.find(kit.store, used, "webmail")
    with pytest.raises(Failure):
        await web_sessions.find(kit.store, unused, "webmail")
    assert len(await web_sessions.listed(kit.store, account.id, "ann")) == 1
    await upkeep.prune(kit.store)
    assert await web_sessions.prune(kit.store) == 0


async def test_the_one_that_was_not_used_for_longest_makes_room(kit: Kit, account: Account) -> None:
    first = await web_sessions.begin(kit.store, account.id, VISIT)
    last = first
    for _ in range(MOST):
        kit.clock.ahead += 1000
        last = await web_sessions.begin(kit.store, account.id, VISIT)
    assert len(await web_sessions.listed(kit.store, account.id, "ann")) == MOST
    with pytest.raises(Failure):
        await web_sessions.find(kit.store, first, "webmail")
    kept = await web_sessions.find(kit.store, last, "webmail")
    assert await web_sessions.end_others(kit.store, account.id, kept.hash) == MOST - 1
    await web_sessions.find(kit.store, last, "webmail")


async def test_a_disabled_account_is_told_so(kit: Kit, account: Account) -> None:
    token = await web_sessions.begin(kit.store, account.id, VISIT)
    await accounts.set_disabled(kit.store, "ann", disabled=True)
    with pytest.raises(Failure) as raised:
        await web_sessions.find(kit.store, token, "webmail")
    assert raised.value.kind is Kind.DISABLED
    assert not await web_sessions.is_open(kit.store, web_sessions.hashed(token))


def test_the_csrf_token_is_another_one_for_each_session() -> None:
    assert web_sessions.csrf("a") == web_sessions.csrf("a") != web_sessions.csrf("b")
