"""RENAME (RFC 9051 6.3.6)."""

import pytest

from mox_trio.imapd.commands import listing
from mox_trio.imapd.commands import mailboxes as mailbox_commands
from mox_trio.imapd.state import Session
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def test_children_go_along_and_keep_ids_uids_and_uidvalidity(world: World) -> None:
    await world.deliver(mailbox="a/b")
    async with world.user() as client:
        items = "(MAILBOXID UIDVALIDITY UIDNEXT MESSAGES)"
        before = (await client.ok(f"STATUS a/b {items}")).lines[0]
        await client.ok("RENAME a x/y")
        assert (await client.ok(f"STATUS x/y/b {items}")).lines[0] == before.replace(b'"a/b"', b'"x/y/b"')
        assert (await client.ok('LIST "" a*')).lines == []
        assert len((await client.ok('LIST (SUBSCRIBED) "" x*')).lines) == 3


async def test_a_session_of_rev2_hears_the_old_names(world: World) -> None:
    async with world.user("", "IMAP4rev2") as client:
        await client.ok("CREATE a/b")
        assert (await client.ok("RENAME a z")).lines == [
            b'* LIST () "/" "z" ("OLDNAME" ("a"))',
            b'* LIST () "/" "z/b" ("OLDNAME" ("a/b"))',
        ]


@pytest.mark.by_number
async def test_inbox_is_emptied_into_another_and_stays(world: World) -> None:
    await world.deliver()
    async with world.user("Inbox") as client:
        await client.ok('SETMETADATA Inbox (/private/comment "mine")')
        answer = await client.ok("RENAME inbox Old/mail")
        assert b"* 1 EXPUNGE" in answer.lines
        assert (await client.ok("STATUS Old/mail (MESSAGES)")).lines == [b'* STATUS "Old/mail" (MESSAGES 1)']
        assert (await client.ok("STATUS Inbox (MESSAGES)")).lines == [b'* STATUS "Inbox" (MESSAGES 0)']
        for name in ("Inbox", "Old/mail"):
            answer = await client.ok(f"GETMETADATA {name} /private/comment")
            assert answer.lines == [b'* METADATA "%b" (/private/comment "mine")' % name.encode()]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("RENAME nowhere a", "NONEXISTENT"),
        ("RENAME Sent Trash", "ALREADYEXISTS"),
        ("RENAME Inbox Trash", "ALREADYEXISTS"),
        ("RENAME Sent Sent", "CANNOT"),
        ("RENAME Sent Sent/old", "CANNOT"),
        ("RENAME Sent #old", "CANNOT"),
        ('RENAME Sent ""', "CANNOT"),
    ],
)
async def test_what_cannot_be_is_refused(world: World, line: str, code: str) -> None:
    async with world.user() as client:
        answer = await client.do(line)
        assert (answer.kind, answer.code) == ("NO", code)


@pytest.mark.by_number
async def test_a_session_that_has_it_selected_goes_on(world: World) -> None:
    await world.deliver(mailbox="a")
    async with world.user("a") as other, world.user() as client:
        await client.ok("RENAME a b")
        assert (await other.ok("FETCH 1 UID")).starting("1 FETCH")


async def test_other_arguments_are_bad(world: World) -> None:
    async with world.user() as client:
        for line in ("RENAME", "RENAME a", "RENAME a b c"):
            assert (await client.do(line)).kind == "BAD"


async def test_of_very_many_names_others_have_their_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every so many responses of LSUB and RENAME somebody else is let in."""
    turns: list[str] = []
    turn = Session.turn

    async def counted(session: Session) -> None:
        turns.append(session.tag)
        await turn(session)

    monkeypatch.setattr(Session, "turn", counted)
    monkeypatch.setattr(listing, "AT_ONCE", 2)
    monkeypatch.setattr(mailbox_commands, "AT_ONCE", 2)
    async with world.user("", "IMAP4rev2") as client:
        await client.ok("CREATE top/a/b/c")
        for command, said in (('LSUB "" top*', 4), ("RENAME top other", 4)):
            turns.clear()
            assert len((await client.ok(command)).lines) == said
            assert len(turns) == 2
