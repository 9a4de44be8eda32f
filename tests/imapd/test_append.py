"""APPEND of one message (RFC 9051 6.3.12, 4315, 7888, 7889, 3516, 6855, 9208)."""

import pytest

from mox_trio.base.quota import Quota
from mox_trio.ledger import sent
from mox_trio.mailstore import mailboxes, reading
from storage_backends.index.tables.messages import EVERYTHING
from tests.kit import stores
from tests.kit.imap_world import Client, World

pytestmark = pytest.mark.uid_only_too

DATA = stores.message("new", "text\r\n")


def literal(data: bytes, before: str = "APPEND Inbox", *, waits: bool = True) -> bytes:
    """A command that announces a message; without waiting with its octets."""
    if waits:
        return b"%b {%d}" % (before.encode(), len(data))
    return b"%b {%d+}\r\n%b" % (before.encode(), len(data), data)


async def fetched(client: Client, uid: int) -> bytes:
    answer = await client.ok(f"UID FETCH {uid} BODY.PEEK[]")
    return answer.lines[0].partition(b"}\r\n")[2].removesuffix(b")")


async def counts(world: World, mailbox: str = "Inbox") -> tuple[int, int]:
    """Messages, and the next UID."""
    row = await mailboxes.get(world.store, world.account, mailbox)
    return row.messages, row.uidnext


async def bodies(world: World) -> int:
    return len([info async for info in world.store.bodies["main"].refs()])


async def test_a_message_is_stored_as_it_came_with_its_flags_and_date(world: World) -> None:
    data = stores.message("new", "a\0b \xe4\nc\r\n")
    before = 'APPEND Inbox (\\Seen $Forwarded work) "17-Jul-1996 02:44:25 -0700"'
    async with world.user("Inbox") as client:
        answer = await client.ok(literal(data, before), data + b"\r\n")
        uidvalidity = (await mailboxes.get(world.store, world.account, "Inbox")).uidvalidity
        assert answer.code == f"APPENDUID {uidvalidity} 1"
        assert b"* 1 EXISTS" in answer.lines
        answer = await client.ok("FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE)")
        assert answer.starting("1 FETCH") == [
            b'1 FETCH (FLAGS (\\Seen $Forwarded work) INTERNALDATE "17-Jul-1996 09:44:25 +0000" RFC822.SIZE %d)'
            % len(data)
        ]
    stored = await reading.rows(world.store, (await mailboxes.get(world.store, world.account, "Inbox")).id)
    assert await reading.mail(world.store, world.account, stored[0].email_id) == data


async def test_a_literal_that_nobody_waits_for(world: World) -> None:
    async with world.user() as client:
        assert (await client.ok(literal(DATA, waits=False))).code.startswith("APPENDUID ")
        await client.ok("SELECT Inbox")
        assert await fetched(client, 1) == DATA


async def test_a_keyword_is_announced_before_it_is_used(world: World) -> None:
    async with world.user("Inbox") as client:
        answer = await client.ok(literal(DATA, "APPEND Inbox (fresh)"), DATA + b"\r\n")
        assert answer.holding(b"FLAGS (")[0].endswith(b" fresh)")


async def test_a_large_message_streams_into_the_store(world: World) -> None:
    data = stores.message("large", "x" * 70 + "\r\n") + b"0123456789" * 200_000 + b"\r\n"
    async with world.user() as client:
        tag = await client.begin(literal(data))
        assert (await client.response()).startswith(b"+")
        for start in range(0, len(data), 40_000):
            await client.send(data[start : start + 40_000])
        await client.send(b"\r\n")
        assert (await client.finish(tag)).is_ok
        await client.ok("SELECT Inbox")
        assert await fetched(client, 1) == data


async def test_a_binary_message_and_one_in_utf_8(world: World) -> None:
    data = stores.message("b\u00e4r", "a\0b\r\n")
    async with world.user("", "UTF8=ACCEPT") as client:
        await client.ok(b"APPEND Inbox ~{%d}" % len(data), data + b"\r\n")
        await client.ok(b"APPEND Inbox (\\Seen) UTF8 (~{%d}" % len(data), data + b")\r\n")
        assert (await client.do(b"APPEND Inbox UTF8 ({%d+}\r\n%b)" % (len(data), data))).kind == "BAD"
    assert await counts(world) == (2, 3)


async def test_another_session_hears_of_it(world: World) -> None:
    async with world.user("Inbox") as other, world.user() as client:
        await client.ok(literal(DATA), DATA + b"\r\n")
        assert b"* 1 EXISTS" in (await other.ok("NOOP")).lines


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize(("name", "code"), [("nowhere", "TRYCREATE"), ("a//b", "CANNOT"), ('""', "CANNOT")])
async def test_a_mailbox_that_is_not_there_is_refused_before_the_octets(
    world: World, name: str, code: str, *, waits: bool
) -> None:
    async with world.user() as client:
        answer = await client.do(literal(DATA, f"APPEND {name}", waits=waits))
        assert (answer.kind, answer.code) == ("NO", code)
        await client.ok("NOOP")
    assert await bodies(world) == 0


@pytest.mark.parametrize("waits", [True, False])
async def test_a_message_that_is_too_large_is_refused_before_the_octets(world: World, *, waits: bool) -> None:
    async with world.client(world.of(message_bytes=1000)) as client:
        await client.login()
        for size, kind in ((1000, "OK"), (1001, "NO")):
            data = b"x" * size
            answer = await client.do(literal(data, waits=waits), *([data + b"\r\n"] if waits and kind == "OK" else []))
            assert (answer.kind, answer.code.partition(" ")[0]) == (kind, "TOOBIG" if kind == "NO" else "APPENDUID")
        await client.ok("NOOP")
    assert await counts(world) == (1, 2)


async def test_a_size_beyond_all_measure_is_refused(world: World) -> None:
    async with world.user() as client:
        assert (await client.do("APPEND Inbox {4294967296}")).code == "TOOBIG"
        assert (await client.do("APPEND Inbox {9999999999999999999}")).kind in ("NO", "BAD")
        assert (await client.do("APPEND Inbox {99999999999999999999999999}")).kind == "BAD"
        await client.begin("APPEND Inbox {9999999999+}")
        assert (await client.response()).split(b" ")[1] == b"NO"
        assert (await client.response()).startswith(b"* BYE ")


@pytest.mark.parametrize("waits", [True, False])
async def test_an_account_that_is_full_is_told_before_the_octets(world: World, *, waits: bool) -> None:
    await world.put(DATA)
    world.quotas["mia"] = Quota(2 * len(DATA))
    async with world.user() as client:
        answer = await client.do(literal(DATA + b"x", waits=waits))
        assert (answer.kind, answer.code) == ("NO", "OVERQUOTA")
        await client.ok(literal(DATA, waits=False))
        assert (await client.do(literal(DATA, waits=waits))).code == "OVERQUOTA"
    assert await counts(world) == (2, 3)


@pytest.mark.parametrize("flag", ["\\Nonsense", "a]b", "x" * 101])
async def test_a_flag_that_cannot_be_one_is_refused(world: World, flag: str) -> None:
    async with world.user() as client:
        answer = await client.do(literal(DATA, f"APPEND Inbox ({flag})"))
        assert (answer.kind, answer.code) == ("NO", "CANNOT")
        assert (await client.do(literal(DATA, "APPEND Inbox (\\Recent)"))).kind == "BAD"
        await client.ok("NOOP")


async def test_keywords_have_a_largest_number(world: World) -> None:
    async with world.user() as client:
        named = " ".join(f"k{number}" for number in range(64))
        assert (await client.do(literal(DATA, f"APPEND Inbox ({named})", waits=False))).code == "LIMIT"
    assert await counts(world) == (0, 1)
    assert await bodies(world) == 0


@pytest.mark.parametrize("waits", [True, False])
async def test_a_message_without_octets_is_not_appended(world: World, *, waits: bool) -> None:
    async with world.user() as client:
        answer = await client.do(literal(b"", waits=waits))
        assert answer.kind == "NO"
        await client.ok("NOOP")
    assert await counts(world) == (0, 1)


@pytest.mark.parametrize(
    "line",
    [
        "APPEND",
        "APPEND Inbox",
        "APPEND Inbox text",
        "APPEND Inbox ()",
        'APPEND Inbox "17-Jul-1996 02:44:25 -0700"',
        'APPEND Inbox "31-Feb-1996 02:44:25 -0700" {5}',
        'APPEND Inbox "nonsense" {5}',
        "APPEND Inbox (\\Seen {5}",
        "APPEND Inbox {x}",
        "APPEND Inbox {-1}",
        "APPEND Inbox {5",
    ],
)
async def test_other_arguments_are_bad(world: World, line: str) -> None:
    async with world.user() as client:
        assert (await client.do(line)).kind == "BAD"
        await client.ok("NOOP")


async def test_a_line_that_goes_on_wrongly_appends_nothing(world: World) -> None:
    async with world.user() as client:
        answer = await client.do(literal(DATA), DATA + b" nonsense\r\n")
        assert answer.kind == "BAD"
        await client.ok("NOOP")
    assert await counts(world) == (0, 1)
    assert await bodies(world) == 0


async def test_a_client_that_goes_away_appends_nothing(world: World) -> None:
    async with world.user() as client:
        await client.begin(literal(DATA))
        await client.response()
        await client.send(DATA[:20])
    assert await counts(world) == (0, 1)
    assert await bodies(world) == 0


async def test_a_mailbox_that_goes_while_octets_come_is_one_to_be_made(world: World) -> None:
    async with world.user() as client, world.user() as other:
        tag = await client.begin(literal(DATA, "APPEND Trash"))
        await client.response()
        await client.send(DATA)
        await other.ok("DELETE Trash")
        await client.send(b"\r\n")
        assert (await client.finish(tag)).code == "TRYCREATE"
        assert await bodies(world) == 0
        await client.ok("CREATE Trash")
        await client.ok(literal(DATA, "APPEND Trash"), DATA + b"\r\n")


async def test_what_fits_no_more_when_it_is_there_is_refused(world: World) -> None:
    world.quotas["mia"] = Quota(len(DATA) + 10)
    async with world.user() as client:
        tag = await client.begin(literal(DATA))
        await client.response()
        await world.put(DATA)
        await client.send(DATA + b"\r\n")
        assert (await client.finish(tag)).code == "OVERQUOTA"
    assert await counts(world) == (1, 2)
    assert await bodies(world) == 1


async def test_a_session_of_rev2_hears_the_normal_form_of_the_name(world: World) -> None:
    async with world.user("", "IMAP4rev2") as client:
        answer = await client.ok(literal(DATA, "APPEND INBOX"), DATA + b"\r\n")
        assert answer.lines == [b'* LIST () "/" "Inbox" ("OLDNAME" ("INBOX"))']


async def test_whom_a_message_in_sent_went_to_is_remembered(world: World) -> None:
    data = stores.message(
        "hi", To='"Bob B." <bob@example.com>, nonsense', Cc="list: ann@example.net;", Bcc="c@example.com"
    )
    async with world.user() as client:
        await client.ok(literal(data, "APPEND Inbox"), data + b"\r\n")
        assert await sent.known(world.store.index, world.account.id, world.account.codec) == []
        await client.ok(literal(data, "APPEND Sent"), data + b"\r\n")
    known = await sent.known(world.store.index, world.account.id, world.account.codec)
    assert {(each.address, each.name) for each in known} == {
        ("bob@example.com", "Bob B."),
        ("ann@example.net", ""),
        ("c@example.com", ""),
    }


async def test_many_recipients_are_remembered_up_to_a_number(world: World) -> None:
    data = stores.message("hi", To=", ".join(f"a{number}@example.com" for number in range(1200)))
    async with world.user() as client:
        await client.ok(literal(data, "APPEND Sent"), data + b"\r\n")
    assert len(await sent.known(world.store.index, world.account.id, world.account.codec)) == 1000


async def test_a_message_without_a_header_is_a_message(world: World) -> None:
    async with world.user("Inbox") as client:
        await client.ok(literal(b"x"), b"x\r\n")
        assert (await client.ok("FETCH 1 (RFC822.SIZE)")).starting("1 FETCH") == [b"1 FETCH (RFC822.SIZE 1)"]


async def test_every_append_is_a_message_of_its_own(world: World) -> None:
    async with world.user() as client:
        for _ in range(3):
            await client.ok(literal(DATA, waits=False))
    row = await mailboxes.get(world.store, world.account, "Inbox")
    ids = {each.email_id for each in await reading.rows(world.store, row.id, EVERYTHING)}
    assert len(ids) == 3


async def test_where_messages_go_is_looked_up_anew_for_another_user(world: World) -> None:
    await world.add("bob")
    async with world.user() as client:
        await client.ok("CREATE Only")
        await client.ok("APPEND Only {5}", b"x: y\n\r\n")
        await client.ok("UNAUTHENTICATE")
        await client.login("bob@example.org")
        answer = await client.do("APPEND Only {5}")
        assert (answer.kind, answer.code) == ("NO", "TRYCREATE")
