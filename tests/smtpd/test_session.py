"""A connection from its greeting to its end."""

from tests.smtpd.talking import World


async def test_a_message_comes_in(world: World) -> None:
    async with world.client() as client:
        assert await client.replies() == ["220 mx.example.org ESMTP mox-trio"]
        assert (await client.say("EHLO client.example")).splitlines()[0] == "250-mx.example.org"
        await client.begin()
        assert await client.message() == "250 2.0.0 taken"
        assert await client.say("QUIT") == "221 2.0.0 bye"
        assert await client.rest() == b""
    (taken,) = world.receiver.taken
    assert taken.content == b"Subject: x\r\n\r\nhello\r\n"
    assert str(taken.envelope.reverse_path) == "<a@b.example>"
    assert [str(each.path) for each in taken.envelope.recipients] == ["<c@example.org>"]
    assert (taken.client.hello, taken.client.session, str(taken.client.address)) == (
        "client.example",
        "s1",
        "203.0.113.7",
    )
