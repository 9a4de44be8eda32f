"""ESEARCH in several mailboxes (RFC 7377)."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.kit import stores
from tests.kit.imap_world import Client, World

pytestmark = pytest.mark.uid_only_too


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with world.user() as client:
        for mailbox in ("folder1", "folder1/sub", "folder1/sub/deep", "folder2", "Grüße & <co>", "folder10"):
            await world.put(stores.message("other"), mailbox)
            await world.put(stores.message(f"found in {mailbox}"), mailbox, flags=["\\Flagged"])
        await world.put(stores.message("found in the inbox"))
        yield client


def parsed(lines: list[bytes], tag: str) -> list[tuple[str, str]]:
    """Mailboxes and what was found in them."""
    found = []
    for line in lines:
        if b"ESEARCH" not in line:
            continue
        head, _, rest = line.partition(b" UIDVALIDITY ")
        start = b'* ESEARCH (TAG "%b" MAILBOX ' % tag.encode()
        assert head.startswith(start), line
        _, _, results = rest.partition(b") UID ")
        found.append((head.removeprefix(start).strip(b'"').decode(), results.decode()))
    return found


async def search(client: Client, arguments: str) -> list[tuple[str, str]]:
    tag = await client.begin(f"ESEARCH {arguments}")
    answer = await client.finish(tag)
    assert answer.is_ok, answer
    return parsed(answer.lines, tag)


SUBTREE = [("folder1", "ALL 2"), ("folder1/sub", "ALL 2"), ("folder1/sub/deep", "ALL 2")]


async def test_each_mailbox_with_matches_is_answered(client: Client) -> None:
    wanted = "RETURN () SUBJECT found"
    assert await search(client, f"IN (mailboxes (folder2 folder1)) {wanted}") == [
        ("folder1", "ALL 2"),
        ("folder2", "ALL 2"),
    ]
    assert await search(client, f"IN (mailboxes folder2) {wanted}") == [("folder2", "ALL 2")]
    assert await search(client, f"IN (subtree folder1) {wanted}") == SUBTREE
    assert await search(client, f"IN (subtree-one folder1) {wanted}") == SUBTREE[:2]
    assert await search(client, f"IN (subtree folder1/sub mailboxes folder1) {wanted}") == SUBTREE
    assert await search(client, f"IN (inboxes) {wanted}") == [("Inbox", "ALL 1")]
    assert len(await search(client, f"IN (personal) {wanted}")) == 7
    assert await search(client, f"IN (mailboxes nowhere) {wanted}") == []
    assert await search(client, f"IN (mailboxes (nowhere folder2)) {wanted}") == [("folder2", "ALL 2")]
    assert await search(client, "IN (personal) RETURN () SUBJECT nowhere") == []


async def test_what_is_returned_is_said_for_each(client: Client) -> None:
    options = "RETURN (MIN MAX COUNT ALL)"
    assert await search(client, f"IN (mailboxes folder1) {options} ALL") == [("folder1", "MIN 1 MAX 2 COUNT 2 ALL 1:2")]
    assert await search(client, "IN (mailboxes folder1) RETURN (PARTIAL -1:-1) ALL") == [
        ("folder1", "PARTIAL (-1:-1 2)")
    ]
    assert await search(client, "IN (mailboxes folder1) ALL") == [("folder1", "ALL 1:2")]
    ((_, results),) = await search_with_modseq(client)
    assert results.startswith("ALL 1:2 MODSEQ ")


async def search_with_modseq(client: Client) -> list[tuple[str, str]]:
    tag = await client.begin("ESEARCH IN (mailboxes folder1) MODSEQ 1")
    answer = await client.finish(tag)
    return parsed(answer.lines, tag)


async def test_a_star_is_the_highest_uid_of_each_mailbox(client: Client, world: World) -> None:
    await world.put(stores.message("third"), "folder2")
    both = "IN (mailboxes (folder1 folder2))"
    assert await search(client, f"{both} UID *") == [("folder1", "ALL 2"), ("folder2", "ALL 3")]
    assert await search(client, f"{both} UID 9:*") == [("folder1", "ALL 2"), ("folder2", "ALL 3")]
    assert await search(client, f"{both} NOT UID *") == [("folder1", "ALL 1"), ("folder2", "ALL 1:2")]
    await client.ok("SELECT folder2")
    await client.ok("STORE 3 +FLAGS.SILENT (\\Deleted)")
    await client.ok("EXPUNGE")
    assert await search(client, f"{both} UID *") == [("folder1", "ALL 2"), ("folder2", "ALL 2")]
    await client.ok("CREATE empty")
    assert await search(client, "IN (mailboxes empty) UID *") == []


async def test_subscribed_mailboxes_are_searched(client: Client) -> None:
    for mailbox in ("folder1", "folder1/sub", "folder2"):
        await client.ok(f"UNSUBSCRIBE {mailbox}")
    found = [mailbox for mailbox, _ in await search(client, "IN (subscribed) SUBJECT found")]
    assert "folder1" not in found
    assert "folder1/sub/deep" in found


async def test_names_of_mailboxes_are_encoded(world: World, client: Client) -> None:
    await world.put(stores.message("needle"), "Grüße & <co>")
    assert await search(client, "IN (personal) SUBJECT needle") == [("Gr&APwA3w-e &- <co>", "ALL 3")]
    await client.ok("ENABLE UTF8=ACCEPT")
    assert await search(client, 'IN (mailboxes "Grüße & <co>") SUBJECT needle') == [("Grüße & <co>", "ALL 3")]


@pytest.mark.by_number
async def test_the_selected_mailbox_is_searched_as_the_session_knows_it(world: World, client: Client) -> None:
    await client.ok("SELECT folder1")
    await world.put(stores.message("found later"), "folder1")
    assert await search(client, "SUBJECT found") == [("folder1", "ALL 2")]
    await client.ok("NOOP")
    await world.put(stores.message("found last"), "folder1")
    assert await search(client, "IN (selected mailboxes folder2) SUBJECT found") == [
        ("folder1", "ALL 2:3"),
        ("folder2", "ALL 2"),
    ]
    assert await search(client, "IN (selected) 1:2") == [("folder1", "ALL 1:2")]
    assert await search(client, "IN (mailboxes folder1) RETURN (COUNT) 2") == [("folder1", "COUNT 1")]


async def test_saving_and_contexts_are_for_the_selected_mailbox(client: Client) -> None:
    await client.ok("SELECT folder1")
    assert await search(client, "IN (selected) RETURN (SAVE) FLAGGED") == []
    assert (await client.ok("UID SEARCH UID $")).lines == [b"* SEARCH 2"]
    assert await search(client, "IN (selected) RETURN (SAVE COUNT) ALL") == [("folder1", "COUNT 2")]
    for options in ("SAVE", "UPDATE", "CONTEXT", "SAVE ALL"):
        assert (await client.do(f"ESEARCH IN (mailboxes folder2) RETURN ({options}) ALL")).kind == "BAD"
        assert (await client.do(f"ESEARCH IN (mailboxes folder1) RETURN ({options}) ALL")).kind == "BAD"
        assert (await client.do(f"ESEARCH IN (selected mailboxes folder2) RETURN ({options}) ALL")).kind == "BAD"
    tag = await client.begin("ESEARCH RETURN (UPDATE COUNT) FLAGGED")
    await client.finish(tag)
    answer = await client.ok("UID STORE 1 +FLAGS.SILENT (\\Flagged)")
    assert answer.holding("ADDTO") == [f'ESEARCH (TAG "{tag}") UID ADDTO (0 1)'.encode()]


async def test_numbers_mean_nothing_elsewhere(client: Client) -> None:
    for keys in ("1:2", "$", "UID $", "NOT 1"):
        assert (await client.do(f"ESEARCH IN (mailboxes folder2) {keys}")).kind == "BAD"
    assert await search(client, "IN (mailboxes (folder1 folder2)) UID 2:*") == [
        ("folder1", "ALL 2"),
        ("folder2", "ALL 2"),
    ]


async def test_without_a_selected_mailbox_one_must_be_named(client: Client) -> None:
    for arguments in ("ALL", "IN (selected) ALL", "IN (selected mailboxes folder1) ALL"):
        assert (await client.do(f"ESEARCH {arguments}")).kind == "BAD"


async def test_inboxes_are_where_mail_is_delivered(world: World, client: Client) -> None:
    parts = replace(world.parts, personal=lambda name: frozenset({"folder2"}))
    async with world.user(parts=parts) as other:
        assert await search(other, "IN (inboxes) SUBJECT found") == [("Inbox", "ALL 1"), ("folder2", "ALL 2")]


@pytest.mark.parametrize(
    "arguments",
    ["", "IN", "IN () ALL", "IN (everywhere) ALL", "IN (mailboxes) ALL", "IN (selected-delayed) ALL", "IN (personal)"],
)
async def test_what_is_no_such_command_is_bad(client: Client, arguments: str) -> None:
    assert (await client.do(f"ESEARCH {arguments}")).kind == "BAD"


async def test_sources_of_one_kind_are_looked_up_together(world: World) -> None:
    await world.deliver(mailbox="Archive")
    await world.deliver()
    async with world.user() as client:
        sources = " ".join(["subtree Archive", "subtree Nowhere", "mailboxes Inbox", "subtree-one Archive"] * 200)
        answer = await client.ok(f"ESEARCH IN ({sources}) RETURN (COUNT) ALL")
        assert [line.partition(b"MAILBOX ")[2].split(b" ")[0] for line in answer.lines] == [b'"Archive"', b'"Inbox"']
