"""Commands of every state, the greeting, how sessions end, and trouble of the stores."""

import pytest

from mox_trio.imapd import capabilities
from mox_trio.transport.admission import Refused
from storage_backends.errors import Unavailable
from tests.kit import wires
from tests.kit.imap_world import Client, World


async def test_the_greeting_announces_what_can_be_done(world: World) -> None:
    async with world.client(greeted=False) as client:
        greeting = await client.greeting()
        assert greeting.startswith(b"* OK [CAPABILITY IMAP4rev2 IMAP4rev1 ")
        assert b"AUTH=SCRAM-SHA-256" in greeting
        answer = await client.ok("CAPABILITY")
        assert answer.lines == [b"* " + greeting[len(b"* OK [") : greeting.index(b"]")]]


async def test_the_state_decides_what_is_announced(world: World) -> None:
    async with world.client() as client:
        before = set((await client.ok("CAPABILITY")).lines[0].split(b" "))
        await client.login()
        after = set((await client.ok("CAPABILITY")).lines[0].split(b" "))
        assert {b"SASL-IR", b"AUTH=PLAIN"} <= before - after
        assert {b"UNAUTHENTICATE", b"COMPRESS=DEFLATE"} <= after - before


def test_every_capability_has_a_source_and_is_there_once() -> None:
    names = [each.name for each in capabilities.TABLE]
    assert len(names) == len(set(names))
    assert all(each.rfc for each in capabilities.TABLE)


def test_appendlimit_has_32_bits() -> None:
    said = capabilities.announced(capabilities.Situation(is_logged_in=True, message_bytes=2**40))
    assert "APPENDLIMIT=4294967295" in said


async def test_logging_out_ends_the_session(world: World) -> None:
    async with world.user() as client:
        answer = await client.ok("LOGOUT")
        assert answer.starting("BYE")
        assert await client.rest() == b""


async def test_id_tells_the_version_to_users_only(world: World) -> None:
    async with world.client() as client:
        assert (await client.ok("ID NIL")).lines == [b'* ID ("name" "mox-trio")']
        await client.login()
        answer = await client.ok('ID ("name" "Swift" "version" "9")')
        assert answer.lines == [b'* ID ("name" "mox-trio" "version" "1.0")']


async def test_enable_says_what_it_switched_on(world: World) -> None:
    async with world.user() as client:
        answer = await client.ok("ENABLE QRESYNC X-UNHEARD IMAP4rev2 METADATA")
        assert answer.lines == [b"* ENABLED QRESYNC IMAP4rev2 METADATA"]
        assert (await client.ok("ENABLE QRESYNC")).lines == [b"* ENABLED"]


async def test_names_in_utf8_are_switched_on_before_a_mailbox_is_selected(world: World) -> None:
    async with world.user("INBOX") as client:
        assert (await client.ok("ENABLE UTF8=ACCEPT METADATA")).lines == [b"* ENABLED METADATA"]
        await client.ok("UNSELECT")
        assert (await client.ok("ENABLE UTF8=ACCEPT")).lines == [b"* ENABLED UTF8=ACCEPT"]


async def test_commands_that_come_together_are_answered_in_order(world: World) -> None:
    await world.deliver()
    async with world.user("INBOX") as client:
        await client.send(b"x1 NOOP\r\nx2 FETCH 1 UID\r\nx3 NONSENSE\r\nx4 CAPABILITY\r\n")
        said = [await client.response() for _ in range(6)]
        tags = [line.split(b" ")[0] for line in said]
        assert tags == [b"x1", b"*", b"x2", b"x3", b"*", b"x4"]
        assert said[3].startswith(b"x3 BAD")


@pytest.mark.parametrize(("refused", "code"), [(Refused.SESSIONS, b"UNAVAILABLE"), (Refused.RATE, b"LIMIT")])
async def test_who_is_not_admitted_hears_why(world: World, refused: Refused, code: bytes) -> None:
    from mox_trio.imapd import session

    theirs, ours = wires.pair()
    await session.serve(ours, refused, world.settings, world.parts)
    await ours.aclose()
    assert (await Client(theirs).rest()).startswith(b"* BYE [" + code + b"]")


async def test_trouble_of_the_stores_is_an_answer_and_not_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.deliver()
    async with world.user("INBOX") as client:
        with monkeypatch.context() as patched:

            async def away(*args: object) -> None:
                raise Unavailable("the disk is away: secret path")

            patched.setattr(type(world.store.index), "write", away)
            answer = await client.do("STORE 1 +FLAGS (\\Seen)")
            assert (answer.kind, answer.code) == ("NO", "UNAVAILABLE")
            assert b"secret" not in answer.completion
        await client.ok("STORE 1 +FLAGS (\\Seen)")
    text = world.parts.metrics.text()
    assert b'imap_command_duration_seconds_count{cmd="store",result="error"} 1.0' in text
