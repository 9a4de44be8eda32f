"""Special uses by an annotation (RFC 6154 4), and over sessions."""

import pytest

from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def test_the_annotation_is_the_special_use(world: World) -> None:
    async with world.user() as client:
        assert (await client.ok("GETMETADATA Sent /private/specialuse")).lines == [
            b'* METADATA "Sent" (/private/specialuse "\\\\Sent")'
        ]
        await client.ok('SETMETADATA Archive (/private/specialuse "\\\\Sent \\\\Archive")')
        assert (await client.ok("GETMETADATA Sent /private/specialuse")).lines == [
            b'* METADATA "Sent" (/private/specialuse NIL)'
        ]
        assert (await client.ok('LIST "" Archive')).lines == [
            b'* LIST (\\HasNoChildren \\Archive \\Sent) "/" "Archive"'
        ]
        await client.ok("SETMETADATA Archive (/private/specialuse NIL)")
        assert (await client.ok('LIST "" Archive')).lines == [b'* LIST (\\HasNoChildren) "/" "Archive"']


@pytest.mark.parametrize("use", ["\\\\All", "Sent", "\\\\Sent \\\\Bogus"])
async def test_what_no_mailbox_can_be_is_refused_with_all_the_rest(world: World, use: str) -> None:
    async with world.user() as client:
        answer = await client.do(f'SETMETADATA Archive (/private/comment "x" /private/specialuse "{use}")')
        assert (answer.kind, answer.code) == ("NO", "USEATTR")
        assert (await client.ok("GETMETADATA Archive /private/comment")).lines == [
            b'* METADATA "Archive" (/private/comment NIL)'
        ]


async def test_it_is_found_below_private(world: World) -> None:
    async with world.user() as client:
        await client.ok('SETMETADATA Sent (/private/comment "x")')
        assert (await client.ok("GETMETADATA (DEPTH 1) Sent /private")).lines == [
            b'* METADATA "Sent" (/private/comment "x" /private/specialuse "\\\\Sent")'
        ]


async def test_a_use_stays_through_a_rename(world: World) -> None:
    async with world.user() as client:
        await client.ok("RENAME Sent Gesendet")
        assert (await client.ok('LIST (SPECIAL-USE) "" G*')).lines == [
            b'* LIST (\\HasNoChildren \\Sent) "/" "Gesendet"'
        ]
