"""Filters with names (RFC 5466)."""

import pytest

from mox_trio.mailstore import annotating
from tests.imapd.test_esearch import filled
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def define(world: World, name: str, value: str, place: str = "private") -> None:
    await annotating.put(world.store, world.account, 0, f"/{place}/filters/values/{name}", value.encode())


@pytest.mark.by_number
async def test_a_filter_is_searched_by_its_name(world: World) -> None:
    await filled(world)
    await define(world, "important", 'FLAGGED NOT SUBJECT "number 3"')
    await define(world, "named", 'CHARSET UTF-8 SUBJECT "number" 1:4')
    async with world.user("INBOX") as client:
        assert (await client.ok("SEARCH FILTER important")).lines == [b"* SEARCH 2 5"]
        assert (await client.ok('UID SEARCH FILTER "IMPORTANT"')).lines == [b"* SEARCH 2 5"]
        assert (await client.ok("SEARCH NOT FILTER important 1:4")).lines == [b"* SEARCH 1 3 4"]
        assert (await client.ok("SEARCH FILTER named FLAGGED")).lines == [b"* SEARCH 2 3"]
        assert (await client.ok("SEARCH RETURN (COUNT) OR FILTER named FILTER important")).holding("COUNT 5")
        assert (await client.ok("SORT (REVERSE ARRIVAL) UTF-8 FILTER important")).lines == [b"* SORT 5 2"]
        await define(world, "important", "SEEN")
        assert (await client.ok("SEARCH FILTER important")).lines == [b"* SEARCH"]


async def test_an_own_filter_goes_before_a_shared_one(world: World) -> None:
    await filled(world)
    await define(world, "both", "1", "shared")
    await define(world, "common", "3", "shared")
    await define(world, "both", "2", "private")
    async with world.user("INBOX") as client:
        assert (await client.ok("SEARCH FILTER both")).lines == [b"* SEARCH 2"]
        assert (await client.ok("SEARCH FILTER common")).lines == [b"* SEARCH 3"]


async def test_filters_are_set_as_annotations(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        await client.ok('SETMETADATA "" (/private/filters/values/mine "FLAGGED 3:9")')
        assert (await client.ok("SEARCH FILTER mine")).lines == [b"* SEARCH 3 5"]
        await client.ok('SETMETADATA "" (/private/filters/values/mine NIL)')
        answer = await client.do("SEARCH FILTER mine")
        assert (answer.kind, answer.code) == ("NO", "UNDEFINED-FILTER mine")


async def test_filters_name_others_and_never_themselves(world: World) -> None:
    await filled(world)
    await define(world, "low", "1:3")
    await define(world, "some", "FILTER low FLAGGED")
    await define(world, "rest", "NOT FILTER some FILTER LOW")
    await define(world, "self", "OR ALL FILTER self")
    await define(world, "ping", "FILTER pong")
    await define(world, "pong", "FILTER ping")
    await define(world, "broken", "FLAGGED (")
    await define(world, "missing", "FILTER nowhere")
    async with world.user("INBOX") as client:
        assert (await client.ok("SEARCH FILTER some")).lines == [b"* SEARCH 2 3"]
        assert (await client.ok("SEARCH FILTER rest")).lines == [b"* SEARCH 1"]
        for name, undefined in (
            ("self", "self"),
            ("ping", "ping"),
            ("broken", "broken"),
            ("missing", "nowhere"),
            ("unheard", "unheard"),
        ):
            answer = await client.do(f"SEARCH FILTER {name}")
            assert (answer.kind, answer.code) == ("NO", f"UNDEFINED-FILTER {undefined}"), name


async def test_filters_that_grow_without_end_are_refused(world: World) -> None:
    await filled(world)
    await define(world, "f0", "ALL")
    for number in range(1, 40):
        await define(world, f"f{number}", f"OR FILTER f{number - 1} FILTER f{number - 1}")
    await define(world, "g0", "NOT " * 40 + "ALL")
    await define(world, "g1", "NOT " * 40 + "FILTER g0")
    async with world.user("INBOX") as client:
        for name in ("f39", "f10", "g1"):
            answer = await client.do(f"SEARCH FILTER {name}")
            assert (answer.kind, answer.code) == ("NO", "LIMIT"), name
        assert (await client.ok("SEARCH RETURN (COUNT) FILTER f5")).holding("COUNT 6")


@pytest.mark.parametrize("key", ["FILTER", "FILTER a/b", 'FILTER ""'])
async def test_what_is_no_name_of_a_filter_is_bad(world: World, key: str) -> None:
    async with world.user("INBOX") as client:
        assert (await client.do(f"SEARCH {key}")).kind == "BAD"


async def test_filters_are_kept_as_searches_alone(world: World) -> None:
    """RFC 5466 3.2; what they name may come later."""
    async with world.user("INBOX") as client:
        for value in ("FLAGGED (", "", "NONSENSE", "FROM caf\u00e9 "):
            octets = value.encode()
            command = b'SETMETADATA "" (/private/filters/values/new {%d+}\r\n%b)' % (len(octets), octets)
            answer = await client.do(command)
            assert (answer.kind, answer.code) == ("NO", "CANNOT"), value
        await client.ok(
            'SETMETADATA "" (/shared/filters/values/new "FILTER later" /private/filters/descriptions/new "x (")'
        )
        await client.ok('SETMETADATA "" (/private/filters/values/later "UNSEEN")')
        await client.ok("SEARCH FILTER new")
        await client.ok('SETMETADATA "" (/private/filters/values/later NIL)')
        assert (await client.do("SEARCH FILTER new")).code == "UNDEFINED-FILTER later"


@pytest.mark.parametrize("command", ["SEARCH CHARSET KOI8-R", "SORT (DATE) KOI8-R", "THREAD REFS KOI8-R"])
async def test_texts_of_other_charsets_are_bad_with_a_filter(world: World, command: str) -> None:
    """RFC 5466 3.1."""
    async with world.user("INBOX") as client:
        for keys, kind in (
            ("FILTER some", "BAD"),
            ("NOT (SEEN filter some)", "BAD"),
            ('SUBJECT "my FILTER "', "NO"),
            ("ALL", "NO"),
        ):
            answer = await client.do(f"{command} {keys}")
            assert (answer.kind, answer.code) == (kind, "BADCHARSET (UTF-8)"), keys
