"""AUTHENTICATE: what goes wrong in the middle of it."""

from tests.kit.imap_world import World


async def test_an_answer_that_is_not_base64_ends_the_attempt_and_not_the_session(world: World) -> None:
    async with world.client() as client:
        tag = await client.begin("AUTHENTICATE PLAIN")
        assert await client.response() == b"+ "
        await client.send("!!!\r\n")
        answer = await client.finish(tag)
        assert answer.kind == "BAD"
        await client.login()
