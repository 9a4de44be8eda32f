"""LIST in the form of RFC 3501, and LSUB (RFC 9051 6.3.9, RFC 3501 6.3.9, RFC 3348)."""

import pytest

from mox_trio.imapd import listing
from mox_trio.imapd.listing import Names
from mox_trio.imapd.patterns import Patterns
from mox_trio.mailstore import mailboxes
from mox_trio.protocol.imap.commands.listing import List
from tests.kit.imap_world import Answer, World

pytestmark = pytest.mark.uid_only_too


def names(answer: Answer) -> list[str]:
    """The names of LIST or LSUB responses."""
    return [line.rpartition(b' "/" ')[2].decode().strip('"') for line in answer.lines]


async def test_everything_there_is_with_its_attributes(world: World) -> None:
    async with world.user() as client:
        await client.ok("CREATE Lists/trio")
        assert (await client.ok('LIST "" *')).lines == [
            b'* LIST (\\HasNoChildren \\Archive) "/" "Archive"',
            b'* LIST (\\HasNoChildren \\Drafts) "/" "Drafts"',
            b'* LIST (\\HasNoChildren) "/" "Inbox"',
            b'* LIST (\\HasNoChildren \\Junk) "/" "Junk"',
            b'* LIST (\\HasChildren) "/" "Lists"',
            b'* LIST (\\HasNoChildren) "/" "Lists/trio"',
            b'* LIST (\\HasNoChildren \\Sent) "/" "Sent"',
            b'* LIST (\\HasNoChildren \\Trash) "/" "Trash"',
        ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('LIST "" %', ["Archive", "Drafts", "Inbox", "Junk", "Sent", "Trash", "a"]),
        ('LIST "" a', ["a"]),
        ('LIST "" a/%', ["a/b", "a/x"]),
        ("LIST a/ %", ["a/b", "a/x"]),
        ('LIST "a/b" "/*"', ["a/b/c"]),
        ('LIST "" a*', ["a", "a/b", "a/b/c", "a/x"]),
        ('LIST "" a%', ["a"]),
        ('LIST "" inbox', ["Inbox"]),
        ('LIST "" INBOX*', ["Inbox"]),
        ('LIST "" nowhere', []),
        ("LIST nowhere/ *", []),
        ('LIST "" "a/%/c"', ["a/b/c"]),
        ('LIST "" S*t', ["Sent"]),
    ],
)
async def test_patterns_choose(world: World, line: str, expected: list[str]) -> None:
    async with world.user() as client:
        await client.ok("CREATE a/b/c")
        await client.ok("CREATE a/x")
        assert names(await client.ok(line)) == expected


async def test_an_empty_pattern_asks_for_the_delimiter(world: World) -> None:
    async with world.user() as client:
        assert (await client.ok('LIST "" ""')).lines == [b'* LIST (\\NoSelect) "/" ""']
        assert (await client.ok('LIST anything ""')).lines == [b'* LIST (\\NoSelect) "/" ""']
        assert (await client.ok('LSUB "" ""')).lines == [b'* LSUB (\\NoSelect) "/" ""']
        assert (await client.ok('LIST "" ("")')).lines == []


async def test_lsub_tells_of_levels_above_what_is_subscribed(world: World) -> None:
    async with world.user() as client:
        await client.ok("CREATE a/b/c")
        await client.ok("UNSUBSCRIBE a")
        await client.ok("UNSUBSCRIBE a/b")
        await client.ok("SUBSCRIBE gone/away")
        assert (await client.ok('LSUB "" a*')).lines == [b'* LSUB (\\HasNoChildren) "/" "a/b/c"']
        assert (await client.ok('LSUB "" a/%')).lines == [b'* LSUB (\\NoSelect \\HasChildren) "/" "a/b"']
        assert (await client.ok("LSUB a/ %")).lines == [b'* LSUB (\\NoSelect \\HasChildren) "/" "a/b"']
        answer = await client.ok('LSUB "" %')
        assert names(answer) == ["Archive", "Drafts", "Inbox", "Junk", "Sent", "Trash", "a", "gone"]
        assert b'* LSUB (\\NoSelect \\HasChildren) "/" "a"' in answer.lines
        assert b'* LSUB (\\HasNoChildren \\Sent) "/" "Sent"' in answer.lines


async def test_names_are_encoded_as_the_session_understands_them(world: World) -> None:
    async with world.user() as old, world.user("", "IMAP4rev2") as new:
        await new.ok('CREATE "\u53f0\u5317 \\"a\\""')
        assert (await old.ok('LIST "" &U,BTFw-*')).lines == [b'* LIST (\\HasNoChildren) "/" "&U,BTFw- \\"a\\""']
        assert (await new.ok('LIST "" "*\u5317*"')).lines == [
            '* LIST (\\HasNoChildren) "/" "\u53f0\u5317 \\"a\\""'.encode()
        ]


@pytest.mark.parametrize("line", ["LIST", 'LIST ""', 'LIST "" a b', "LSUB", 'LSUB ""', 'LSUB "" (a)'])
async def test_other_arguments_are_bad(world: World, line: str) -> None:
    async with world.user() as client:
        assert (await client.do(line)).kind == "BAD"


async def test_patterns_have_a_largest_length(world: World) -> None:
    async with world.user() as client:
        answer = await client.do('LIST "" ' + "a" * 20_000)
        assert (answer.kind, answer.code) == ("NO", "LIMIT")
        await client.ok('LIST "" "' + "*a" * 8000 + '"')
        await client.ok('LIST "" (' + " ".join(["%"] * 1000) + ")")
        assert (await client.do('LIST "" (' + " ".join(["%"] * 1001) + ")")).kind == "BAD"


async def test_ten_thousand_mailboxes_are_listed(world: World) -> None:
    rows = [(await mailboxes.get(world.store, world.account, "Inbox"))._replace(name=f"a/{n}") for n in range(10_000)]
    found = list(listing.entries(Names.of(rows, frozenset()), List("", ("*9%",)), Patterns("", ["*9%"])))
    assert len(found) == 10_000 - 9**4
