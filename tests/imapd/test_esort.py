"""SORT with RETURN: MIN and MAX are the first and the last of the order, ALL is in it (RFC 5267 3)."""

import pytest

from tests.imapd.test_sort import filled
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too

ANSWERS = [
    ("RETURN () (SUBJECT)", b"ALL 2:3,1,4:5"),
    ("RETURN (ALL) (REVERSE SUBJECT)", b"ALL 5,1,4,2:3"),
    ("RETURN (MIN) (SUBJECT)", b"MIN 2"),
    ("RETURN (MAX) (REVERSE SUBJECT)", b"MAX 3"),
    ("RETURN (MIN MAX COUNT) (ARRIVAL)", b"MIN 5 MAX 4 COUNT 5"),
    ("RETURN (COUNT) (ARRIVAL)", b"COUNT 5"),
]


@pytest.mark.by_number
async def test_results_are_in_the_order_of_the_sort(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        for command, expected in ANSWERS:
            tag = await client.begin(f"SORT {command} UTF-8 ALL")
            assert (await client.finish(tag)).lines == [b'* ESEARCH (TAG "%b") %b' % (tag.encode(), expected)]
            tag = await client.begin(f"UID SORT {command} UTF-8 ALL")
            assert (await client.finish(tag)).lines == [b'* ESEARCH (TAG "%b") UID %b' % (tag.encode(), expected)]
        tag = await client.begin("SORT RETURN (MIN ALL) (SUBJECT) UTF-8 DELETED")
        assert (await client.finish(tag)).lines == [b'* ESEARCH (TAG "%b")' % tag.encode()]


async def test_a_sort_saves_its_result(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        assert (await client.ok("SORT RETURN (SAVE) (REVERSE SUBJECT) UTF-8 FROM ann")).lines == []
        assert (await client.ok("SEARCH $")).lines == [b"* SEARCH 2 3 4"]
        await client.ok("SORT RETURN (SAVE MIN) (REVERSE SUBJECT) UTF-8 FROM ann")
        assert (await client.ok("SEARCH $")).lines == [b"* SEARCH 4"]
