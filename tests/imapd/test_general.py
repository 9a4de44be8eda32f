"""Commands of every state, the greeting, and how sessions end."""

from tests.kit.imap_world import World


async def test_the_greeting_announces_what_can_be_done(world: World) -> None:
    async with world.client(greeted=False) as client:
        greeting = await client.greeting()
        assert greeting.startswith(b"* OK [CAPABILITY IMAP4rev2 IMAP4rev1 ")
        assert b"AUTH=SCRAM-SHA-256" in greeting
        answer = await client.ok("CAPABILITY")
        assert answer.lines == [b"* " + greeting[len(b"* OK [") : greeting.index(b"]")]]


async def test_logging_out_ends_the_session(world: World) -> None:
    async with world.user() as client:
        answer = await client.ok("LOGOUT")
        assert answer.starting("BYE")
        assert await client.rest() == b""
