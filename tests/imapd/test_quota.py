"""Quota (RFC 9208)."""

import pytest

from mox_trio.base.quota import Quota
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def test_usage_and_limit_are_told_in_kib(world: World) -> None:
    world.quotas["mia"] = Quota(5000 * 1024)
    await world.deliver(body="x" * 3100 + "\r\n")
    async with world.user() as client:
        assert (await client.ok('GETQUOTA ""')).lines == [b'* QUOTA "" (STORAGE 4 5000)']
        assert (await client.ok("GETQUOTAROOT inbox")).lines == [
            b'* QUOTAROOT "Inbox" ""',
            b'* QUOTA "" (STORAGE 4 5000)',
        ]


@pytest.mark.by_number
async def test_messages_have_a_limit_too(world: World) -> None:
    world.quotas["mia"] = Quota(messages=3)
    await world.deliver()
    await world.deliver(mailbox="Sent")
    async with world.user("Inbox") as client:
        assert (await client.ok("GETQUOTAROOT Inbox")).lines == [
            b'* QUOTAROOT "Inbox" ""',
            b'* QUOTA "" (MESSAGE 2 3)',
        ]
        await client.ok("COPY 1 Inbox")
        assert (await client.ok('GETQUOTA ""')).lines == [b'* QUOTA "" (MESSAGE 3 3)']
        world.quotas["mia"] = Quota(1024 * 1024, 3)
        assert (await client.ok('GETQUOTA ""')).lines == [b'* QUOTA "" (STORAGE 1 1024 MESSAGE 3 3)']
        assert (await client.do("COPY 1 Sent")).code == "OVERQUOTA"
        assert (await client.do("APPEND Sent {3}", b"a\r\n\r\n")).code == "OVERQUOTA"
        await client.ok("MOVE 1 Sent")
        await client.ok("REPLACE 1 Inbox {3+}\r\na\r\n")
        assert (await client.ok('GETQUOTA ""')).lines == [b'* QUOTA "" (STORAGE 1 1024 MESSAGE 3 3)']


async def test_of_several_messages_at_once_all_count(world: World) -> None:
    world.quotas["mia"] = Quota(messages=2)
    async with world.user() as client:
        one = b" {3+}\r\na\r\n"
        assert (await client.do(b"APPEND Inbox" + one * 3)).code == "OVERQUOTA"
        await client.ok(b"APPEND Inbox" + one * 2)
        assert (await client.ok("STATUS Inbox (MESSAGES)")).lines == [b'* STATUS "Inbox" (MESSAGES 2)']


async def test_without_a_limit_there_is_no_root(world: World) -> None:
    async with world.user() as client:
        assert (await client.ok("GETQUOTAROOT Inbox")).lines == [b'* QUOTAROOT "Inbox"']
        assert (await client.ok('GETQUOTA ""')).lines == [b'* QUOTA "" ()']


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("GETQUOTA other", "NONEXISTENT"),
        ("GETQUOTAROOT nowhere", "NONEXISTENT"),
        ("GETQUOTAROOT a//b", "CANNOT"),
        ('SETQUOTA "" (STORAGE 1)', "NOPERM"),
        ('SETQUOTA "" ()', "NOPERM"),
        ("SETQUOTA other (STORAGE 1)", "NONEXISTENT"),
    ],
)
async def test_what_is_unknown_or_not_allowed_is_refused(world: World, line: str, code: str) -> None:
    world.quotas["mia"] = Quota(10 * 1024)
    async with world.user() as client:
        answer = await client.do(line)
        assert (answer.kind, answer.code) == ("NO", code)
        assert answer.lines == []


@pytest.mark.parametrize(
    "line",
    [
        "GETQUOTA",
        "GETQUOTA a b",
        "GETQUOTAROOT",
        "SETQUOTA",
        'SETQUOTA ""',
        'SETQUOTA "" (STORAGE)',
        'SETQUOTA "" (STORAGE 99999999999999999999)',
    ],
)
async def test_other_arguments_are_bad(world: World, line: str) -> None:
    async with world.user() as client:
        assert (await client.do(line)).kind == "BAD"


async def test_a_copy_beyond_the_limit_is_refused(world: World) -> None:
    await world.deliver(body="x" * 3000 + "\r\n")
    world.quotas["mia"] = Quota(5000)
    async with world.user("Inbox") as client:
        assert (await client.do("COPY 1 Sent")).code == "OVERQUOTA"
        assert (await client.ok("STATUS Sent (MESSAGES)")).lines == [b'* STATUS "Sent" (MESSAGES 0)']
