"""Limits of a day and whom an account wrote to, on both engines."""

import pytest

from mox_trio.base.address import Path
from mox_trio.base.domain import Domain
from mox_trio.base.failure import Failure, Kind
from mox_trio.ledger import sent
from mox_trio.ledger.sent import Limits
from mox_trio.mailstore.codec import Plain, Sealed
from storage_backends.index.api import AccountId, Index, Transaction
from tests.kit.queued import START

TEN = Limits(10, 5)
HOUR = 3_600_000
DAY = 24 * HOUR


async def submit(index: Index, account: AccountId, names: str, limits: Limits = TEN, at: int = START) -> None:
    rows = [sent.correspondent(Plain(), Path.parse(f"<{name}@b.example>"), None) for name in names]
    ask = sent.submitting(account, rows, limits, at)

    def unit(tx: Transaction) -> None:
        ask(tx)()

    await index.write([account], unit)


async def test_new_recipients_are_counted_once(index: Index, account: AccountId) -> None:
    await submit(index, account, "abc")
    await submit(index, account, "abd", at=START + HOUR)
    assert await sent.used(index, account, START + HOUR) == (6, 4)


async def test_more_than_the_limit_is_refused_and_not_counted(index: Index, account: AccountId) -> None:
    await submit(index, account, "abcd")
    with pytest.raises(Failure, match="never written to") as refused:
        await submit(index, account, "ef")
    assert refused.value.kind is Kind.RATE
    await submit(index, account, "abcdab")
    with pytest.raises(Failure, match="more than 10 recipients"):
        await submit(index, account, "a")
    assert await sent.used(index, account, START) == (10, 4)
    assert await sent.last_sent(index, account, Plain(), Path.parse("<e@b.example>")) is None


async def test_a_day_later_the_limit_is_free_again(index: Index, account: AccountId) -> None:
    await submit(index, account, "abcde")
    await submit(index, account, "fghij", at=START + DAY)
    assert await sent.used(index, account, START + DAY) == (5, 5)
    assert await sent.prune(index, START + 3 * DAY) == 1
    assert await sent.used(index, account, START + DAY) == (5, 5)


@pytest.mark.parametrize("codec", [Plain(), Sealed(bytes(32))], ids=["readable", "sealed"])
async def test_correspondents_are_known_by_address_and_name(
    index: Index, account: AccountId, codec: Plain | Sealed
) -> None:
    bob = Path.parse("<Bob@b.example>")
    row = sent.correspondent(codec, bob, Domain.parse("example"), "Bob")
    ask = sent.submitting(account, [row, row], Limits(10, 10), START)
    await index.write([account], lambda tx: ask(tx)())
    assert await sent.known(index, account, codec) == [("Bob@b.example", "Bob", START)]
    assert await sent.last_sent(index, account, codec, Path.parse("<bob@b.example>")) == START
    assert row.org_domain_key == sent.domain_key(codec, Domain.parse("example")) != row.domain_key
    assert b"Bob" not in row.address or not codec.sealing
