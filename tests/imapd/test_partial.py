"""PARTIAL: a page of a result (RFC 9394, RFC 5267 4.4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.imapd import answering
from tests.imapd.test_esearch import filled
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too

PAGES = [
    ("1:2", b"(1:2 2:3)"),
    ("2:3", b"(2:3 3,5)"),
    ("3:2", b"(3:2 3,5)"),
    ("3:100", b"(3:100 5)"),
    ("4:100", b"(4:100 NIL)"),
    ("-1:-2", b"(-1:-2 3,5)"),
    ("-2:-1", b"(-2:-1 3,5)"),
    ("-3:-100", b"(-3:-100 2)"),
    ("-4:-100", b"(-4:-100 NIL)"),
    ("-1:-1", b"(-1:-1 5)"),
]


@pytest.mark.by_number
async def test_pages_of_a_search(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        for page, expected in PAGES:
            (line,) = (await client.ok(f"SEARCH RETURN (PARTIAL {page}) FLAGGED")).starting("ESEARCH")
            assert line.endswith(b") PARTIAL " + expected)
            (line,) = (await client.ok(f"UID SEARCH RETURN (COUNT PARTIAL {page}) FLAGGED")).starting("ESEARCH")
            assert line.endswith(b") UID COUNT 3 PARTIAL " + expected)


@pytest.mark.by_number
async def test_pages_of_a_sort_are_in_its_order(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        for page, expected in (("1:2", b"(1:2 6,5)"), ("-1:-2", b"(-1:-2 2,1)"), ("7:9", b"(7:9 NIL)")):
            answer = await client.ok(f"SORT RETURN (PARTIAL {page}) (REVERSE ARRIVAL SUBJECT) UTF-8 ALL")
            assert answer.starting("ESEARCH")[0].endswith(b") PARTIAL " + expected)


async def test_the_modseq_is_that_of_the_page(world: World) -> None:
    await filled(world)
    async with world.user("INBOX", "CONDSTORE") as client:
        found = []
        for page in ("1:1", "2:2", "-1:-1"):
            (line,) = (await client.ok(f"SEARCH RETURN (PARTIAL {page}) FLAGGED MODSEQ 1")).starting("ESEARCH")
            found.append(int(line.rpartition(b" MODSEQ ")[2]))
        assert found == sorted(set(found))


@pytest.mark.parametrize(
    "options",
    [
        "PARTIAL",
        "PARTIAL 1",
        "PARTIAL 0:5",
        "PARTIAL 1:*",
        "PARTIAL 1:-1",
        "PARTIAL 1:2 ALL",
        "PARTIAL 1:2 PARTIAL 3:4",
    ],
)
async def test_what_is_no_page_is_bad(world: World, options: str) -> None:
    async with world.user("INBOX") as client:
        assert (await client.do(f"SEARCH RETURN ({options}) ALL")).kind == "BAD"


places = st.integers(1, 12)


@given(st.integers(0, 8), places, places, st.booleans())
def test_a_page_is_what_counting_gives(size: int, first: int, last: int, from_the_end: bool) -> None:
    found = list(range(101, 101 + size))
    low, high = sorted((first, last))
    if from_the_end:
        expected = [uid for back, uid in enumerate(reversed(found), 1) if low <= back <= high][::-1]
        assert answering.part(found, (-first, -last)) == expected
    else:
        expected = [uid for place, uid in enumerate(found, 1) if low <= place <= high]
        assert answering.part(found, (first, last)) == expected
