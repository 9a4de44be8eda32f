"""ESEARCH answers: MIN, MAX, ALL, COUNT (RFC 4731, RFC 9051 6.4.4)."""

import pytest

from mox_trio.imapd import searching
from mox_trio.mailstore.search import run
from tests.kit import stores
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too

T0 = 1_700_000_000_000


async def filled(world: World, flagged: str = "2 3 5", count: int = 6) -> None:
    for number in range(1, count + 1):
        flags = ["\\Flagged"] if str(number) in flagged.split() else []
        await world.put(stores.message(f"number {number}"), flags=flags, received=T0 + number * 1000)


ANSWERS = [
    ("RETURN () FLAGGED", b'* ESEARCH (TAG "%b") ALL 2:3,5'),
    ("RETURN (ALL) FLAGGED", b'* ESEARCH (TAG "%b") ALL 2:3,5'),
    ("RETURN (MIN) FLAGGED", b'* ESEARCH (TAG "%b") MIN 2'),
    ("RETURN (MAX) FLAGGED", b'* ESEARCH (TAG "%b") MAX 5'),
    ("RETURN (COUNT) FLAGGED", b'* ESEARCH (TAG "%b") COUNT 3'),
    ("RETURN (MIN MAX) FLAGGED", b'* ESEARCH (TAG "%b") MIN 2 MAX 5'),
    ("return (max min count all) flagged", b'* ESEARCH (TAG "%b") MIN 2 MAX 5 COUNT 3 ALL 2:3,5'),
    ("RETURN (MIN MAX) UID 3", b'* ESEARCH (TAG "%b") MIN 3 MAX 3'),
    ("RETURN (MIN MAX) DELETED", b'* ESEARCH (TAG "%b")'),
    ("RETURN (MIN) DELETED", b'* ESEARCH (TAG "%b")'),
    ("RETURN (MAX) DELETED", b'* ESEARCH (TAG "%b")'),
    ("RETURN (ALL) DELETED", b'* ESEARCH (TAG "%b")'),
    ("RETURN (COUNT) DELETED", b'* ESEARCH (TAG "%b") COUNT 0'),
    ("RETURN (MIN COUNT) CHARSET UTF-8 SUBJECT number", b'* ESEARCH (TAG "%b") MIN 1 COUNT 6'),
]


@pytest.mark.by_number
async def test_what_is_asked_for_is_returned(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        for command, expected in ANSWERS:
            tag = await client.begin(f"SEARCH {command}")
            answer = await client.finish(tag)
            assert answer.is_ok
            assert answer.lines == [expected % tag.encode()], command
            tag = await client.begin(f"UID SEARCH {command}")
            head, _, rest = (expected % tag.encode()).partition(b")")
            assert (await client.finish(tag)).lines == [head + b") UID" + rest], command


@pytest.mark.by_number
async def test_numbers_and_uids_are_told_apart(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        await client.ok("STORE 1 +FLAGS (\\Deleted)")
        await client.ok("EXPUNGE")
        assert (await client.ok("SEARCH RETURN (MIN MAX) FLAGGED")).holding("MIN 1 MAX 4")
        assert (await client.ok("UID SEARCH RETURN (MIN MAX) FLAGGED")).holding("UID MIN 2 MAX 5")


async def test_the_modseq_is_that_of_what_is_returned(world: World) -> None:
    await filled(world)
    async with world.user("INBOX", "CONDSTORE") as client:
        modseqs = {}
        for number in (2, 3, 5):
            (line,) = (await client.ok(f"FETCH {number} MODSEQ")).holding("MODSEQ")
            modseqs[number] = line.partition(b"(MODSEQ (")[2].partition(b")")[0]
        for returned, number in (("MIN", 2), ("MAX", 5), ("MIN MAX", 5), ("ALL", 5), ("COUNT", 5)):
            (line,) = (await client.ok(f"SEARCH RETURN ({returned}) FLAGGED MODSEQ 1")).holding("ESEARCH")
            assert line.endswith(b"MODSEQ " + modseqs[number]), (returned, line)
        (line,) = (await client.ok("SEARCH RETURN (COUNT) DELETED MODSEQ 1")).holding("ESEARCH")
        assert line.endswith(b"COUNT 0")


@pytest.mark.by_number
async def test_ends_are_found_from_their_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(world, count=40, flagged="1 20 40")
    monkeypatch.setattr(searching, "WINDOW", 2)
    monkeypatch.setattr(run, "ROWS", 5)
    async with world.user("INBOX") as client:
        for keys, first, last in (
            ("ALL", 1, 40),
            ("FLAGGED", 1, 40),
            ("FLAGGED NOT 40", 1, 20),
            ("FLAGGED 2:39", 20, 20),
        ):
            assert (await client.ok(f"SEARCH RETURN (MIN MAX) {keys}")).holding(f"MIN {first} MAX {last}")
            assert (await client.ok(f"SEARCH RETURN (MAX) {keys}")).holding(f'") MAX {last}')


@pytest.mark.parametrize(
    "command",
    [
        "RETURN ALL ALL",
        "RETURN (SOME) ALL",
        "RETURN (ALL ALL",
        "RETURN (ALL)",
        "RETURN",
        "RETURN (ALL)ALL",
        "RETURN (ALL) (",
    ],
)
async def test_what_is_no_return_option_is_bad(world: World, command: str) -> None:
    async with world.user("INBOX") as client:
        assert (await client.do(f"SEARCH {command}")).kind == "BAD"
