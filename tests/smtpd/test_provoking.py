"""Addresses that provoke errors."""

from dataclasses import replace

import pytest
import trio
import trio.testing

from mox_trio.smtpd.provoking import QUEUE, RCPT_TO, Provoking
from tests.smtpd.talking import World


def provoking(world: World, *recipients: str) -> World:
    receiver = Provoking(world.receiver, recipients or (RCPT_TO, QUEUE))
    return replace(world, parts=replace(world.parts, receiver=receiver))


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("MAIL FROM:<mailfromtemperror@x.example>", "451 4.0.0 as the address asks for (s1)"),
        ("MAIL FROM:<MailFrom-PermError@x.example>", "550 5.0.0 as the address asks for (s1)"),
        ("MAIL FROM:<mailfrom452@x.example>", "452 4.0.0 as the address asks for (s1)"),
        ("MAIL FROM:<mailfrom@x.example>", "250 2.1.0 OK"),
        ("MAIL FROM:<mailfrom200@x.example>", "250 2.1.0 OK"),
        ("MAIL FROM:<rcpttotemperror@x.example>", "250 2.1.0 OK"),
        ("MAIL FROM:<temperror@x.example>", "250 2.1.0 OK"),
        ("RCPT TO:<rcpttotemperror@x.example>", "451 4.0.0 as the address asks for (s1)"),
        ("RCPT TO:<rcptto-550@x.example>", "550 5.0.0 as the address asks for (s1)"),
        ("RCPT TO:<queuetemperror@x.example>", "451 4.0.0 as the address asks for (s1)"),
        ("RCPT TO:<mailfromtemperror@x.example>", "250 2.1.5 OK"),
    ],
)
async def test_an_address_gets_what_it_asks_for(world: World, command: str, reply: str) -> None:
    async with provoking(world).client() as client:
        await client.hello()
        if command.startswith("RCPT"):
            await client.say("MAIL FROM:<a@b.example>")
        assert await client.say(command) == reply


async def test_submission_lets_the_queue_meet_its_errors(world: World) -> None:
    async with provoking(world, RCPT_TO).client() as client:
        await client.hello()
        await client.begin("a@b.example", "queuetemperror@x.example")
        assert await client.message() == "250 2.0.0 taken"


async def test_an_address_may_ask_for_silence(world: World, autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.02
    async with provoking(world).client() as client:
        await client.hello()
        began = trio.current_time()
        assert (await client.say("MAIL FROM:<mailfromtimeout@x.example>")).startswith("250")
        assert trio.current_time() - began >= 3600
