""" "$": the result of a search, used by what comes after it (RFC 5182, RFC 9051 6.4.4.1)."""

import pytest

from mox_trio.imapd import searching
from storage_backends.errors import Unavailable
from tests.imapd.test_esearch import filled
from tests.kit.imap_world import Client, World

pytestmark = pytest.mark.uid_only_too


async def saved(client: Client) -> list[int]:
    """The UIDs that "$" stands for."""
    (line,) = (await client.ok("UID SEARCH UID $")).starting("SEARCH")
    return [int(each) for each in line.split()[1:]]


async def test_a_saved_result_is_used_by_all_commands_with_sets(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        assert await saved(client) == []
        answer = await client.ok("SEARCH RETURN (SAVE) FLAGGED")
        assert answer.lines == []
        assert await saved(client) == [2, 3, 5]
        assert len((await client.ok("FETCH $ UID")).holding("FETCH")) == 3
        assert len((await client.ok("UID FETCH $ UID")).holding("FETCH")) == 3
        await client.ok("STORE $ +FLAGS.SILENT (\\Answered)")
        assert (await client.ok("SEARCH ANSWERED")).lines == [b"* SEARCH 2 3 5"]
        assert (await client.ok("SEARCH $ SUBJECT 3")).lines == [b"* SEARCH 3"]
        assert (await client.ok("SEARCH NOT $")).lines == [b"* SEARCH 1 4 6"]
        assert (await client.ok("SORT (REVERSE ARRIVAL) UTF-8 $")).starting("SORT")[0].count(b" ") == 3
        await client.ok("COPY $ Archive")
        await client.ok("UID MOVE $ Archive")
        assert await saved(client) == []


@pytest.mark.by_number
async def test_what_vanishes_is_in_no_result(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        await client.ok("SEARCH RETURN (SAVE) FLAGGED")
        await client.ok("STORE 3 +FLAGS (\\Deleted)")
        await client.ok("EXPUNGE")
        assert await saved(client) == [2, 5]
        assert [line.split()[0] for line in (await client.ok("FETCH $ UID")).starting("")] == [b"2", b"4"]
        await world.deliver(flags=["\\Flagged"])
        await client.ok("NOOP")
        assert await saved(client) == [2, 5]


COMBINED = [
    ("SAVE", [2, 3, 5]),
    ("SAVE ALL", [2, 3, 5]),
    ("SAVE COUNT", [2, 3, 5]),
    ("SAVE MIN", [2]),
    ("SAVE MAX", [5]),
    ("SAVE MIN MAX", [2, 5]),
    ("SAVE MIN COUNT", [2, 3, 5]),
    ("SAVE MAX ALL", [2, 3, 5]),
    ("SAVE PARTIAL 2:3", [3, 5]),
    ("SAVE MIN PARTIAL 3:3", [2, 5]),
    ("SAVE MAX PARTIAL 1:1", [2, 5]),
    ("SAVE MIN MAX PARTIAL 2:2", [2, 3, 5]),
    ("SAVE COUNT PARTIAL 1:1", [2, 3, 5]),
    ("SAVE PARTIAL -1:-2", [3, 5]),
]


async def test_what_is_saved_depends_on_what_is_returned(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        for returned, expected in COMBINED:
            await client.ok("SEARCH RETURN (SAVE) DELETED")
            assert await saved(client) == []
            await client.ok(f"SEARCH RETURN ({returned}) FLAGGED")
            assert await saved(client) == expected, returned


async def test_a_search_that_saves_and_fails_leaves_nothing_and_a_bad_one_leaves_it_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        await client.ok("SEARCH RETURN (SAVE) FLAGGED")
        assert (await client.do("SEARCH RETURN (SAVE) NONSENSE")).kind == "BAD"
        assert await saved(client) == [2, 3, 5]
        answer = await client.do("SEARCH RETURN (SAVE) FILTER unheard-of")
        assert answer.kind == "NO"
        assert await saved(client) == []
        await client.ok("SEARCH RETURN (SAVE) FLAGGED")
        assert (await client.do("SEARCH RETURN (ALL) FILTER unheard-of")).kind == "NO"
        assert await saved(client) == [2, 3, 5]

        async def away(*arguments: object) -> None:
            raise Unavailable("away")

        for refused in ("SEARCH RETURN (SAVE) CHARSET NOSUCH ALL", "SORT RETURN (SAVE) (DATE) NOSUCH ALL"):
            await client.ok("SEARCH RETURN (SAVE) FLAGGED")
            assert (await client.do(refused.replace("SAVE", "ALL"))).code == "BADCHARSET (UTF-8)"
            assert await saved(client) == [2, 3, 5]
            assert (await client.do(refused)).code == "BADCHARSET (UTF-8)"
            assert await saved(client) == []

        with monkeypatch.context() as patched:
            patched.setattr(searching, "found", away)
            assert (await client.do("SEARCH RETURN (SAVE) ALL")).kind == "NO"
        assert await saved(client) == []


@pytest.mark.by_number
async def test_pipelined_commands_use_what_the_one_before_saved(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        lines = b"b1 SEARCH RETURN (SAVE) FLAGGED\r\nb2 FETCH $ UID\r\nb3 SEARCH RETURN (SAVE COUNT) $ 3:9\r\nb4 FETCH $ UID\r\n"
        await client.send(lines)
        answers = [await client.finish(f"b{number}") for number in range(1, 5)]
        assert all(answer.is_ok for answer in answers)
        assert len(answers[1].lines) == 3
        assert answers[2].lines == [b'* ESEARCH (TAG "b3") COUNT 2']
        assert len(answers[3].lines) == 2


async def test_another_mailbox_has_no_saved_result(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        await client.ok("SEARCH RETURN (SAVE) ALL")
        await client.ok("SELECT Archive")
        assert await saved(client) == []
        await client.ok("SELECT INBOX")
        assert await saved(client) == []


async def test_messages_between_two_that_were_saved_are_not(world: World) -> None:
    await filled(world, flagged="1 6")
    async with world.user("INBOX") as client:
        await client.ok("UID STORE 2:5 +FLAGS (\\Deleted)")
        await client.ok("EXPUNGE")
        await client.ok("SEARCH RETURN (SAVE) ALL")
        await world.deliver()
        await client.ok("NOOP")
        assert await saved(client) == [1, 6]
        assert len((await client.ok("FETCH $ UID")).holding("FETCH")) == 2
