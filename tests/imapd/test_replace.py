"""REPLACE and UID REPLACE (RFC 8508), plain and with UIDONLY."""

import pytest

from mox_trio.base.quota import Quota
from mox_trio.mailstore import mailboxes
from tests.imapd.test_append import counts, literal
from tests.kit import stores
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too

DATA = stores.message("new")


async def test_a_new_message_takes_the_place_of_an_old_one(world: World) -> None:
    for subject in ("one", "two", "three"):
        await world.deliver(subject, flags=["\\Flagged"])
    async with world.user("Inbox") as client:
        answer = await client.ok(literal(DATA, "REPLACE 2 Inbox (\\Seen)"), DATA + b"\r\n")
        uidvalidity = (await mailboxes.get(world.store, world.account, "Inbox")).uidvalidity
        assert answer.lines[0][:1] == b"+" or answer.lines[0].startswith(b"* OK [APPENDUID %d 4]" % uidvalidity)
        said = [line for line in answer.lines if not line.startswith(b"+")]
        assert said[0].startswith(b"* OK [APPENDUID %d 4]" % uidvalidity)
        assert client.gone(2) in said
        assert b"* 3 EXISTS" in said
        assert (await client.ok("UID FETCH 1:* FLAGS")).starting("") == [
            b"%d FETCH (UID %d FLAGS (\\%b))" % (uid if world.uid_only else number, uid, flag)
            for number, uid, flag in ((1, 1, b"Flagged"), (2, 3, b"Flagged"), (3, 4, b"Seen"))
        ]


async def test_by_uid_and_into_another_mailbox(world: World) -> None:
    await world.deliver(mailbox="Drafts")
    async with world.user("Drafts") as client:
        answer = await client.ok(literal(DATA, "UID REPLACE 1 Sent", waits=False))
        assert client.gone(1) in answer.lines
    assert await counts(world, "Drafts") == (0, 2)
    assert await counts(world, "Sent") == (1, 2)


async def test_the_last_one_is_meant_by_a_star(world: World) -> None:
    for _ in range(3):
        await world.deliver()
    async with world.user("Inbox") as client:
        assert client.gone(3) in (await client.ok(literal(DATA, "REPLACE * Inbox", waits=False))).lines
        again = (await client.ok(literal(DATA, "UID REPLACE * Inbox", waits=False))).lines
        assert (b"* VANISHED 4" if world.uid_only else b"* 3 EXPUNGE") in again


@pytest.mark.by_number
async def test_without_sequence_numbers(world: World) -> None:
    await world.deliver()
    async with world.user("Inbox", "UIDONLY") as client:
        answer = await client.do(literal(DATA, "REPLACE 1 Inbox", waits=False))
        assert answer.code == "UIDREQUIRED"
        answer = await client.ok(literal(DATA, "UID REPLACE 1 Inbox", waits=False))
        assert b"* VANISHED 1" in answer.lines
    assert await counts(world) == (1, 3)


async def test_the_modification_sequence_is_told(world: World) -> None:
    await world.deliver()
    async with world.user("Inbox", "QRESYNC") as client:
        answer = await client.ok(literal(DATA, "UID REPLACE 1 Inbox", waits=False))
        highest = (await mailboxes.get(world.store, world.account, "Inbox")).highest_modseq
        assert answer.code == f"HIGHESTMODSEQ {highest}"
        assert b"* VANISHED 1" in answer.lines


async def test_what_goes_makes_room(world: World) -> None:
    await world.put(DATA)
    world.quotas["mia"] = Quota(len(DATA) + 10)
    async with world.user("Inbox") as client:
        larger = DATA + b"0123456789"
        assert (await client.do(literal(larger + b"x", "REPLACE 1 Inbox", waits=False))).code == "OVERQUOTA"
        await client.ok(literal(larger, "REPLACE 1 Inbox", waits=False))
    assert await counts(world) == (1, 3)


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize(
    ("before", "kind", "code"),
    [
        ("REPLACE 2 Inbox", "BAD", ""),
        ("UID REPLACE 9 Inbox", "NO", "NONEXISTENT"),
        ("REPLACE 1 nowhere", "NO", "TRYCREATE"),
        ("REPLACE 1 a//b", "NO", "CANNOT"),
        ("REPLACE 1 Inbox (\\Nonsense)", "NO", "CANNOT"),
    ],
)
async def test_what_cannot_be_is_refused_before_the_octets(
    world: World, before: str, kind: str, code: str, *, waits: bool
) -> None:
    await world.deliver()
    if world.uid_only and kind == "BAD":  # RFC 9586 3: what is no number of a message is the UID of none
        kind, code = "NO", "NONEXISTENT"
    async with world.user("Inbox") as client:
        answer = await client.do(literal(DATA, before, waits=waits))
        assert (answer.kind, answer.code) == (kind, code)
        await client.ok("NOOP")
    assert await counts(world) == (1, 2)


async def test_a_mailbox_that_is_only_read_keeps_its_messages(world: World) -> None:
    await world.deliver()
    async with world.user() as client:
        await client.ok("EXAMINE Inbox")
        answer = await client.do(literal(DATA, "REPLACE 1 Sent"))
        assert (answer.kind, answer.code) == ("NO", "READ-ONLY")
    assert await counts(world, "Sent") == (0, 1)


async def test_a_message_that_goes_meanwhile_is_not_replaced(world: World) -> None:
    await world.deliver()
    async with world.user("Inbox") as client, world.user("Inbox") as other:
        tag = await client.begin(literal(DATA, "REPLACE 1 Inbox"))
        assert (await client.response()).startswith(b"+")
        await other.ok("STORE 1 +FLAGS \\Deleted")
        await other.ok("EXPUNGE")
        await client.send(DATA + b"\r\n")
        answer = await client.finish(tag)
        assert (answer.kind, answer.code) == ("NO", "NONEXISTENT")
    assert await counts(world) == (0, 2)


async def test_it_takes_one_message_and_a_selected_mailbox(world: World) -> None:
    await world.deliver()
    async with world.user() as client:
        assert (await client.do(literal(DATA, "REPLACE 1 Inbox", waits=False))).kind == "BAD"
        await client.ok("SELECT Inbox")
        both = literal(DATA, "REPLACE 1 Inbox", waits=False) + b" {1+}\r\nx"
        assert (await client.do(both)).kind == "BAD"
        for line in ("REPLACE", "REPLACE 1", "REPLACE 0 Inbox {5}", "REPLACE 1:2 Inbox {5}", "REPLACE 1 Inbox"):
            assert (await client.do(line)).kind == "BAD"
        assert (await client.do("REPLACE 1 Inbox {0}")).kind == "NO"
    assert await counts(world) == (1, 2)
