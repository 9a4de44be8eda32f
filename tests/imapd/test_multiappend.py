"""APPEND of several messages: all or none (RFC 3502)."""

import pytest
import trio

from mox_trio.base import limits
from mox_trio.base.quota import Quota
from mox_trio.imapd import appending
from mox_trio.mailstore import mailboxes, reading
from tests.imapd.test_append import bodies, counts
from tests.kit import stores
from tests.kit.imap_world import PATIENCE, World

pytestmark = pytest.mark.uid_only_too


def several(messages: list[bytes], more: str = " (\\Seen)", name: str = "Inbox") -> bytes:
    """A command with all octets in it."""
    parts = [b"%b {%d+}\r\n%b" % (more.encode(), len(data), data) for data in messages]
    return b"APPEND " + name.encode() + b"".join(parts)


async def test_messages_have_uids_in_their_order(world: World) -> None:
    messages = [stores.message(f"message {number}") for number in range(40)]
    async with world.user("Inbox") as client:
        answer = await client.ok(several(messages))
        assert answer.code.split(" ")[2] == "1:40"
        assert b"* 40 EXISTS" in answer.lines
        for uid in (1, 17, 40):
            found = await client.ok(f"UID FETCH {uid} (FLAGS BODY.PEEK[HEADER.FIELDS (Subject)])")
            assert f"message {uid - 1}\r\n".encode() in found.lines[0]
            assert b"FLAGS (\\Seen)" in found.lines[0]


async def test_each_literal_is_asked_for(world: World) -> None:
    one, two = stores.message("one"), stores.message("two")
    async with world.user() as client:
        more = b' (\\Flagged) "17-Jul-1996 02:44:25 -0700" {%d}\r\n' % len(two)
        await client.ok(b"APPEND Inbox {%d}" % len(one), one + more, two + b"\r\n")
    row = await mailboxes.get(world.store, world.account, "Inbox")
    assert [each.size for each in await reading.rows(world.store, row.id)] == [len(one), len(two)]


@pytest.mark.parametrize("last", [b"{0+}\r\n", b"{0}", b"(\\Seen) ~{0+}\r\n"])
async def test_a_message_without_octets_cancels_all(world: World, last: bytes) -> None:
    async with world.user() as client:
        answer = await client.do(several([stores.message()] * 20) + b" " + last)
        assert answer.kind == "NO"
        await client.ok("NOOP")
    assert await counts(world) == (0, 1)
    assert await bodies(world) == 0


async def test_bad_syntax_behind_some_messages_cancels_all(world: World) -> None:
    async with world.user() as client:
        assert (await client.do(several([stores.message()] * 20) + b" nonsense")).kind == "BAD"
        await client.ok("NOOP")
    assert await counts(world) == (0, 1)
    assert await bodies(world) == 0


async def test_a_client_that_goes_away_between_messages_appends_none(world: World) -> None:
    async with world.user() as client:
        await client.begin(several([stores.message()] * 20) + b" {100}")
        assert (await client.response()).startswith(b"+")
    assert await counts(world) == (0, 1)
    assert await bodies(world) == 0


async def test_what_does_not_fit_together_is_refused_together(world: World) -> None:
    data = stores.message()
    world.quotas["mia"] = Quota(2 * len(data))
    async with world.user() as client:
        assert (await client.do(several([data] * 3))).code == "OVERQUOTA"
        assert (await client.do(several([data] * 2))).kind == "OK"
    assert await counts(world) == (2, 3)
    assert await bodies(world) == 2


async def test_one_that_is_too_large_takes_the_others_with_it(world: World) -> None:
    async with world.client(world.of(message_bytes=1000)) as client:
        await client.login()
        answer = await client.do(several([b"x" * 1000, b"x" * 1001]))
        assert (answer.kind, answer.code) == ("NO", "TOOBIG")
        await client.ok("NOOP")
    assert await counts(world) == (0, 1)


async def test_columns_that_wait_in_memory_have_a_largest_size(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IMAP_APPEND_COLUMNS_OCTETS", 30_000)
    wide = stores.message("wide", **{f"X-{number}": "y" * 900 for number in range(30)})
    async with world.user() as client:
        answer = await client.do(several([wide] * appending.TOGETHER))
        assert (answer.kind, answer.code) == ("NO", "LIMIT")
        await client.ok(several([stores.message()] * appending.TOGETHER))
    assert await bodies(world) == appending.TOGETHER


async def test_large_messages_leave_memory_before_the_last_has_come(world: World) -> None:
    large = stores.message("large", "x" * 70 + "\r\n") + b"y" * 600_000
    async with world.user() as client:
        tag = await client.begin(several([large, large]) + b" {5}")
        assert (await client.response()).startswith(b"+")
        with trio.fail_after(PATIENCE):
            while await bodies(world) < 2:
                await trio.lowlevel.checkpoint()
        assert await counts(world) == (0, 1)
        await client.send(b"small\r\n")
        assert (await client.finish(tag)).is_ok
    assert await counts(world) == (3, 4)
