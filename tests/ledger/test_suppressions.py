"""Addresses that get nothing more, on both engines."""

import pytest

from mox_trio.base.address import Path
from mox_trio.ledger import sent, suppressions
from mox_trio.mailstore.codec import Plain
from mox_trio.protocol.smtp.reply import Reply
from storage_backends.index.api import AccountId, Index
from tests.kit.queued import START

BOB = Path.parse("<bob@b.example>")
KEY = sent.address_key(Plain(), BOB)


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("<bob@b.example>", "bob@b.example"),
        ("<B.o.B+list-x@b.example>", "bob@b.example"),
        ("<bob-list+x@B.example>", "bob@b.example"),
        ("<+x@b.example>", "+x@b.example"),
        ("<bob@[192.0.2.1]>", "bob@[192.0.2.1]"),
        ("<jürgen.x@münchen.example>", "jürgenx@xn--mnchen-3ya.example"),
    ],
)
def test_variants_have_one_base_address(path: str, base: str) -> None:
    assert suppressions.base_address(Path.parse(path)) == base


@pytest.mark.parametrize(
    ("code", "status", "never"),
    [
        (550, "", True),
        (550, "5.1.1", True),
        (554, "5.1.1", True),
        (550, "5.2.1", True),
        (550, "5.4.1", True),  # how some hosts say that there is nobody
        (556, "5.1.10", True),
        (550, "5.7.17", True),
        (521, "", True),
        (452, "4.1.1", False),
        (450, "5.1.1", False),
        (554, "5.6.0", False),
        (550, "5.6.0", False),
        (550, "5.7.1", False),
        (550, "5.7.26", False),
        (553, "5.7.1", False),
        (550, "5.1.8", False),
        (550, "5.2.2", False),
        (550, "5.2.3", False),
    ],
)
def test_replies_about_the_address_suppress_it(code: int, status: str, never: bool) -> None:
    assert suppressions.says_never_again(Reply.of(code, status, "x")) is never


async def fail(index: Index, account: AccountId, reply: Reply | None) -> bool:
    return await index.write([account], lambda tx: suppressions.note_failure(tx, account, BOB, KEY, reply, START))


async def test_a_reply_that_says_never_again_suppresses_at_once(index: Index, account: AccountId) -> None:
    assert await fail(index, account, Reply.of(550, "5.1.1", "no such user"))
    assert not await fail(index, account, Reply.of(550, "5.1.1", "no such user"))
    variant, other = Path.parse("<b.ob+x@b.example>"), Path.parse("<carol@b.example>")
    assert await suppressions.suppressed(index, {(account, variant), (account, other)}) == {(account, variant)}
    assert await suppressions.suppressed(index, {(AccountId(account + 1), variant)}) == set()
    (row,) = await suppressions.listed(index, account)
    assert (row.address, row.manual) == ("bob@b.example", 0)
    assert "no such user" in row.reason


async def test_three_failures_in_a_row_suppress(index: Index, account: AccountId) -> None:
    row = sent.correspondent(Plain(), BOB, None)
    ask = sent.submitting(account, [row], sent.Limits(9, 9), START)
    await index.write([account], lambda tx: ask(tx)())
    odd = Reply.of(554, "5.6.0", "bad content")
    assert [await fail(index, account, odd) for _ in range(2)] == [False, False]
    await index.write([account], lambda tx: suppressions.note_success(tx, account, KEY))
    assert [await fail(index, account, odd) for _ in range(3)] == [False, False, True]


async def test_the_list_is_kept_by_hand(index: Index, account: AccountId) -> None:
    assert await suppressions.add(index, account, BOB, "asked me not to", START)
    assert not await suppressions.add(index, account, Path.parse("<bob+x@b.example>"), "", START)
    assert [row.manual for row in await suppressions.listed(index, account)] == [1]
    assert await suppressions.remove(index, account, BOB)
    assert not await suppressions.remove(index, account, BOB)
    assert await suppressions.suppressed(index, {(account, BOB)}) == set()
