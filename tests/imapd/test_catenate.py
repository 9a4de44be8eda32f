"""CATENATE (RFC 4469): new messages from parts of old ones."""

from collections.abc import Sequence

import pytest

from mox_trio.base.quota import Quota
from mox_trio.mailstore import deliver, mailboxes
from mox_trio.mailstore.deliver import Incoming, Prepared
from mox_trio.mailstore.store import Account, MailStore
from tests.imapd.test_append import bodies, counts, fetched
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too

OLD = (
    b"From: mia@example.org\r\nSubject: old\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    b"--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n"
)


async def uidvalidity(world: World, name: str = "Drafts") -> int:
    return (await mailboxes.get(world.store, world.account, name)).uidvalidity


async def test_an_attachment_goes_from_one_draft_to_the_next(world: World) -> None:
    await world.put(OLD, "Drafts")
    base = f"/Drafts;UIDVALIDITY={await uidvalidity(world)}/;UID=1"
    between, end = b"\r\n--b\r\n", b"\r\n--b--\r\n"
    async with world.user() as client:
        answer = await client.ok(
            f'APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE (URL "{base}/;section=HEADER" TEXT {{{len(between)}}}',
            between + f' URL "{base}/;section=2.MIME" URL "{base}/;section=2" TEXT {{{len(end)}}}\r\n'.encode(),
            end + b")\r\n",
        )
        assert answer.code.startswith("APPENDUID ")
        await client.ok("SELECT Drafts")
        header = OLD[: OLD.index(b"--b")]
        part = b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA"
        assert await fetched(client, 2) == header + between + part + end
        assert b"\\Seen" not in (await client.ok("FETCH 1 FLAGS")).lines[0]


@pytest.mark.parametrize(
    ("section", "octets"),
    [
        ("", OLD),
        ("/;SECTION=TEXT", OLD[OLD.index(b"--b") :]),
        ("/;SECTION=1", b"hello"),
        ("/;SECTION=1/;PARTIAL=1.3", b"ell"),
        ("/;SECTION=1/;PARTIAL=3", b"lo"),
        ("/;SECTION=HEADER.FIELDS%20(Subject)", b"Subject: old\r\n\r\n"),
        ("/;SECTION=HEADER.FIELDS%20(Subject)/;PARTIAL=9.3", b"old"),
        ("/;PARTIAL=0.4", b"From"),
    ],
)
async def test_a_part_is_what_fetch_gives(world: World, section: str, octets: bytes) -> None:
    await world.put(OLD, "Drafts")
    async with world.user() as client:
        await client.ok(f'APPEND Inbox CATENATE (URL "/Drafts/;UID=1{section}")')
        await client.ok("SELECT Inbox")
        assert await fetched(client, 1) == octets


async def test_a_url_may_be_of_the_selected_mailbox(world: World) -> None:
    await world.put(OLD, "Drafts")
    async with world.user("Drafts") as client:
        await client.ok("UID REPLACE 1 Drafts CATENATE (TEXT {4+}\r\nA: b URL ;UID=1/;SECTION=TEXT)")
        assert await fetched(client, 2) == b"A: b" + OLD[OLD.index(b"--b") :]
        await client.ok("UNSELECT")
        assert (await client.do("APPEND Inbox CATENATE (URL ;UID=2)")).code == 'BADURL ";UID=2"'


@pytest.mark.parametrize(
    "url",
    [
        "/Drafts;UIDVALIDITY=1/;UID=1",
        "/Drafts/;UID=7",
        "/Drafts/;UID=1/;SECTION=3",
        "/Drafts/;UID=1/;SECTION=1.HEADER",
        "/nowhere/;UID=1",
        "/a%0D%0A/;UID=1",
        "/Drafts",
        "imap://mia@imap.example.org/Drafts/;UID=1",
        "/Drafts/;UID=1/;URLAUTH=anonymous",
    ],
)
async def test_a_url_that_names_nothing_here_is_told(world: World, url: str) -> None:
    await world.put(OLD, "Drafts")
    async with world.user() as client:
        # It is told in place of the request for what follows (RFC 4469 A.4).
        answer = await client.do(f'APPEND Inbox CATENATE (TEXT {{1+}}\r\nx URL "{url}" TEXT {{5}}')
        assert (answer.kind, answer.code) == ("NO", f'BADURL "{url}"')
        await client.ok("NOOP")
    assert await counts(world) == (0, 1)
    assert await bodies(world) == 1


async def test_a_message_that_was_expunged_is_no_part_any_more(world: World) -> None:
    await world.put(OLD, flags=["\\Deleted"])
    async with world.user("Inbox") as client, world.user("Inbox") as other:
        await client.ok("EXPUNGE")
        assert (await other.do("APPEND Sent CATENATE (URL ;UID=1)")).code == 'BADURL ";UID=1"'


async def test_parts_together_have_the_limits_of_a_message(world: World) -> None:
    await world.put(b"x" * 600)
    async with world.client(world.of(message_bytes=1000)) as client:
        await client.login()
        assert (await client.do("APPEND Sent CATENATE (URL /Inbox/;UID=1 URL /Inbox/;UID=1)")).code == "TOOBIG"
        assert (await client.do("APPEND Sent CATENATE (URL /Inbox/;UID=1 TEXT {401}")).code == "TOOBIG"
        await client.ok("APPEND Sent CATENATE (URL /Inbox/;UID=1 TEXT {400+}\r\n" + "y" * 400 + ")")
        world.quotas["mia"] = Quota(1700)
        assert (await client.do("APPEND Sent CATENATE (TEXT {101}")).code == "OVERQUOTA"
        assert (await client.do("APPEND Sent CATENATE (URL /Inbox/;UID=1)")).code == "OVERQUOTA"
    assert await counts(world, "Sent") == (1, 2)


async def test_several_messages_may_be_made_at_once(world: World) -> None:
    await world.put(OLD)
    async with world.user() as client:
        await client.ok("APPEND Sent CATENATE (URL /Inbox/;UID=1) (\\Seen) CATENATE (TEXT {1+}\r\nx) {1+}\r\ny")
    assert await counts(world, "Sent") == (3, 4)


async def test_nothing_makes_no_message(world: World) -> None:
    await world.put(OLD)
    async with world.user() as client:
        assert (await client.do("APPEND Sent CATENATE (URL /Inbox/;UID=1/;PARTIAL=9999)")).kind == "NO"
        assert (await client.do("APPEND Sent CATENATE (TEXT {0}")).kind == "NO"
        for line in ("()", "(TEXT)", "(TEXT x)", "(URL)", "(FILE x)", "URL /Inbox/;UID=1", "(URL /Inbox/;UID=1"):
            assert (await client.do(f"APPEND Sent CATENATE {line}")).kind == "BAD"
    assert await counts(world, "Sent") == (0, 1)


async def test_octets_from_urls_count_before_they_are_put_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.put(b"Subject: large\r\n\r\n" + b"x" * 400_000, "Drafts")
    world.quotas["mia"] = Quota(1_000_000)
    put = 0
    original = deliver.prepare

    async def prepare(store: MailStore, account: Account, incoming: Sequence[Incoming]) -> list[Prepared]:
        nonlocal put
        put += sum(each.spooled.size for each in incoming)
        return await original(store, account, incoming)

    monkeypatch.setattr(deliver, "prepare", prepare)
    async with world.user() as client:
        answer = await client.do("APPEND Drafts" + ' CATENATE (URL "/Drafts/;UID=1")' * 50)
        assert (answer.kind, answer.code) == ("NO", "OVERQUOTA")
        assert (await client.ok("STATUS Drafts (MESSAGES)")).lines == [b'* STATUS "Drafts" (MESSAGES 1)']
    assert put < 1_000_000
