"""SORT (RFC 5256 3), SORT=DISPLAY is in `test_sort_display`, RETURN in `test_esort`."""

from collections.abc import Sequence
from typing import Any

import pytest

from mox_trio.mailstore.search import sorting
from tests.kit import stores
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too

# Subject, From, To, Cc, Date, minutes before the last one was received, body.
MESSAGES = (
    ("Re: berries", "Zed <bob@z.example>", "x@a.example", "k@a.example", "Tue, 14 Nov 2023 12:00:00 +0000", 1, "1"),
    ("apples", "Ann <ann@a.example>", "z@a.example", "j@a.example", "Tue, 14 Nov 2023 12:00:00 +0500", 2, "333"),
    ("[list] Apples (fwd)", "ANN@b.example", "X@b.example", "", "Mon, 13 Nov 2023 12:00:00 +0000", 3, "22"),
    ("fwd: Berries", "anna@a.example", "", "J@b.example", "", 0, "333"),
    ("cherries", "cy <c@a.example>", "w@a.example", "i@a.example", "Wed, 15 Nov 2023 12:00:00 +0000", 5, "1"),
)
LAST = 1_700_000_000_000
"""14 November 2023, 22:13 UTC."""


async def filled(world: World) -> None:
    for subject, sender, to, cc, date, minutes, body in MESSAGES:
        fields = {name: value for name, value in (("To", to), ("Cc", cc), ("Date", date)) if value}
        data = stores.message(subject, body, From=sender, **({"To": ""} | fields))
        await world.put(data, received=LAST - minutes * 60_000)


ORDERS = [
    ("ARRIVAL", "5 3 2 1 4"),
    ("REVERSE ARRIVAL", "4 1 2 3 5"),
    ("CC", "3 5 2 4 1"),
    ("DATE", "3 2 1 4 5"),
    ("FROM", "2 3 4 1 5"),
    ("SUBJECT", "2 3 1 4 5"),
    ("REVERSE SUBJECT", "5 1 4 2 3"),
    ("TO", "4 5 1 3 2"),
    ("SUBJECT REVERSE DATE", "2 3 4 1 5"),
    ("REVERSE SUBJECT REVERSE ARRIVAL", "5 4 1 2 3"),
    ("subject arrival", "3 2 1 4 5"),
]


async def test_messages_are_sorted_by_each_criterion(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        for criteria, order in ORDERS:
            assert (await client.ok(f"SORT ({criteria}) UTF-8 ALL")).lines == [f"* SORT {order}".encode()], criteria
            assert (await client.ok(f"UID SORT ({criteria}) US-ASCII ALL")).lines == [f"* SORT {order}".encode()]
        assert (await client.ok('SORT (SUBJECT) UTF-8 OR FROM ann SUBJECT "cherries"')).lines == [b"* SORT 2 3 4 5"]
        assert (await client.ok("SORT (SIZE) UTF-8 UID 1:2")).lines[0].startswith(b"* SORT ")
        assert (await client.ok("SORT (SUBJECT) UTF-8 DELETED")).lines == [b"* SORT"]


@pytest.mark.by_number
async def test_numbers_are_those_that_the_session_knows(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await other.ok("STORE 2 +FLAGS (\\Deleted)")
        await other.ok("EXPUNGE")
        await world.deliver("aardvark")
        assert (await client.ok("SORT (SUBJECT) UTF-8 ALL")).starting("SORT") == [b"SORT 3 1 4 5"]
        answer = await client.ok("UID SORT (SUBJECT) UTF-8 ALL")
        assert answer.lines[0] == b"* SORT 6 3 1 4 5"
        assert answer.holding("EXPUNGE") == [b"2 EXPUNGE"]
        assert (await client.ok("SORT (SUBJECT) UTF-8 ALL")).lines == [b"* SORT 5 2 1 3 4"]


async def test_the_modseq_of_a_sort_is_told(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        (line,) = (await client.ok("SORT (SUBJECT) UTF-8 MODSEQ 1")).starting("SORT")
        assert line.startswith(b"SORT 2 3 1 4 5 (MODSEQ ")


@pytest.mark.parametrize(
    "command",
    [
        "SORT",
        "SORT (SUBJECT)",
        "SORT (SUBJECT) UTF-8",
        "SORT SUBJECT UTF-8 ALL",
        "SORT () UTF-8 ALL",
        "SORT (REVERSE) UTF-8 ALL",
        "SORT (BEAUTY) UTF-8 ALL",
        "SORT (SUBJECT) ALL",
    ],
)
async def test_what_is_no_sort_command_is_bad(world: World, command: str) -> None:
    async with world.user("INBOX") as client:
        for prefix in ("", "UID "):
            assert (await client.do(prefix + command)).kind in ("BAD", "NO")
        answer = await client.do("SORT (SUBJECT) KOI8-R ALL")
        assert (answer.kind, answer.code) == ("NO", "BADCHARSET (UTF-8)")


async def test_a_criterion_that_is_named_again_decides_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(world)
    asked: list[Sequence[sorting.Key]] = []
    original = sorting.order

    async def order(*given: Any) -> Any:
        asked.append(given[-1])
        return await original(*given)

    monkeypatch.setattr(sorting, "order", order)
    async with world.user("INBOX") as client:
        plain = await client.ok("SORT (REVERSE SUBJECT ARRIVAL) UTF-8 ALL")
        again = await client.ok(f"SORT (REVERSE SUBJECT{' SUBJECT' * 500} ARRIVAL) UTF-8 ALL")
    assert plain.lines == again.lines
    assert asked[0] == asked[1]
