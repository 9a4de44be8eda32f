"""CREATE, with special uses and ids (RFC 9051 6.3.4, RFC 6154, RFC 8474)."""

import re

import pytest

from mox_trio.mailstore import mailboxes
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def test_a_mailbox_is_made_with_its_parents_subscribed(world: World) -> None:
    async with world.user() as client:
        answer = await client.ok("CREATE a/b/c/")
        assert re.fullmatch(r"MAILBOXID \(F[0-9]+\)", answer.code)
        listed = await client.ok('LIST "" a* RETURN (SUBSCRIBED)')
        assert listed.starting("LIST") == [
            b'LIST (\\HasChildren \\Subscribed) "/" "a"',
            b'LIST (\\HasChildren \\Subscribed) "/" "a/b"',
            b'LIST (\\HasNoChildren \\Subscribed) "/" "a/b/c"',
        ]
        status = await client.ok("STATUS a/b/c (MAILBOXID)")
        assert status.lines == [b'* STATUS "a/b/c" (%b)' % answer.code.encode()]


async def test_a_mailbox_that_is_made_again_has_another_id_and_uidvalidity(world: World) -> None:
    async with world.user() as client:
        first = (await client.ok("CREATE a")).code
        before = (await client.ok("STATUS a (UIDVALIDITY)")).lines
        await client.ok("DELETE a")
        assert (await client.ok("CREATE a")).code != first
        assert (await client.ok("STATUS a (UIDVALIDITY)")).lines != before


async def test_what_is_there_is_not_made_again(world: World) -> None:
    async with world.user() as client:
        for name in ("inbox", "InBox", "Sent", "Sent/"):
            assert (await client.do(f"CREATE {name}")).code == "ALREADYEXISTS"


@pytest.mark.parametrize("name", ['""', "/", "a//b", "/a", "#news.a", '"a*"', '"a%b"', '"a\x07"', "x" * 600])
async def test_a_name_that_cannot_be_one_is_refused(world: World, name: str) -> None:
    async with world.user() as client:
        answer = await client.do(f"CREATE {name}")
        assert (answer.kind, answer.code) == ("NO", "CANNOT")


async def test_a_name_in_modified_utf_7_is_one_in_utf_8(world: World) -> None:
    async with world.user() as old, world.user("", "UTF8=ACCEPT") as new:
        await old.ok("CREATE &ZeVnLIqe-")
        assert (await new.ok('LIST "" "\u65e5*"')).lines == [
            '* LIST (\\HasNoChildren) "/" "\u65e5\u672c\u8a9e"'.encode()
        ]
        assert (await old.ok('LIST "" &ZeVnLIqe-')).lines == [b'* LIST (\\HasNoChildren) "/" "&ZeVnLIqe-"']
        answer = await old.do("CREATE &Zg-")
        assert (answer.kind, answer.code) == ("NO", "CANNOT")


async def test_a_session_of_rev2_hears_the_normal_form_of_a_name(world: World) -> None:
    async with world.user("", "IMAP4rev2") as client:
        answer = await client.ok('CREATE "Cafe\u0301"')
        assert answer.lines == ['* LIST () "/" "Caf\u00e9" ("OLDNAME" ("Cafe\u0301"))'.encode()]
        assert (await client.ok("CREATE plain")).lines == []


async def test_a_special_use_goes_from_one_mailbox_to_another(world: World) -> None:
    async with world.user() as client:
        await client.ok("CREATE Gesendet (USE (\\Sent))")
        answer = await client.ok('LIST (SPECIAL-USE) "" *')
        assert b'LIST (\\HasNoChildren \\Sent) "/" "Gesendet"' in answer.starting("LIST")
        assert not answer.holding(b'"Sent"')
        await client.ok("CREATE Both (USE (\\archive \\TRASH))")
        answer = await client.ok('LIST "" Both')
        assert answer.lines == [b'* LIST (\\HasNoChildren \\Archive \\Trash) "/" "Both"']
        await client.ok("CREATE None (USE ())")


@pytest.mark.parametrize("use", ["\\All", "\\Flagged", "\\Important", "\\Nonsense", "Sent"])
async def test_a_special_use_that_no_mailbox_can_have_is_refused(world: World, use: str) -> None:
    async with world.user() as client:
        answer = await client.do(f"CREATE a (USE (\\Sent {use}))")
        assert (answer.kind, answer.code) == ("NO", "USEATTR")
        assert (await client.ok('LIST "" a')).lines == []


@pytest.mark.parametrize("line", ["CREATE", "CREATE a b", "CREATE a (", "CREATE a (SIZE 5)", "CREATE a (USE \\Sent)"])
async def test_other_arguments_are_bad(world: World, line: str) -> None:
    async with world.user() as client:
        assert (await client.do(line)).kind == "BAD"


async def test_there_is_a_largest_number_of_mailboxes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "MOST", 8)
    async with world.user() as client:
        await client.ok("CREATE a")
        answer = await client.do("CREATE b/c")
        assert (answer.kind, answer.code) == ("NO", "LIMIT")
        await client.ok("CREATE b")
