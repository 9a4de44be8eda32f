"""INPROGRESS: a client that waits for a long command hears how far it is (RFC 9585)."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from mox_trio.mailstore import expunging, flagging, mailboxes, moving
from mox_trio.mailstore.search import columns, conversations, placed, run
from mox_trio.mailstore.search.conversations import Members
from mox_trio.mailstore.search.filters import Filter
from mox_trio.mailstore.search.run import Page
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import MailboxId, Uid
from tests.imapd.test_esearch import filled
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock) -> None:
    """Each message takes six seconds."""
    searched, threaded = run.pages, conversations.pages

    async def pages(
        store: MailStore, account: Account, mailbox_ids: Sequence[MailboxId], wanted: Filter
    ) -> AsyncGenerator[Page, None]:
        async with aclosing(searched(store, account, mailbox_ids, wanted)) as found:
            async for page in found:
                mock_clock.jump(6)
                yield page

    async def members(
        store: MailStore, account: Account, mailbox_id: MailboxId, uids: Sequence[Uid], *, with_links: bool
    ) -> AsyncGenerator[Members, None]:
        async with aclosing(threaded(store, account, mailbox_id, uids, with_links=with_links)) as found:
            async for page in found:
                mock_clock.jump(6)
                yield page

    monkeypatch.setattr(run, "pages", pages)
    monkeypatch.setattr(conversations, "pages", members)
    for module, name in (
        (columns, "COLUMNS"),
        (columns, "HEADERS"),
        (columns, "SUBJECTS"),
        (run, "ROWS"),
        (placed, "PAGE"),
    ):
        monkeypatch.setattr(module, name, 1)


async def told(world: World, command: str) -> list[str]:
    """The codes that a command of the first session is told."""
    await filled(world)
    async with world.user("INBOX") as client:
        tag = await client.begin(command)
        answer = await client.finish(tag)
        assert answer.is_ok
        codes = [line.partition(b"[INPROGRESS ")[2].partition(b"]")[0] for line in answer.holding("INPROGRESS")]
        return [code.replace(tag.encode(), b"TAG").decode() for code in codes]


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize(
    "command", ["SEARCH TEXT nowhere", "UID SEARCH ALL", "SEARCH SUBJECT 6", "SORT (SUBJECT) UTF-8 TEXT nowhere"]
)
async def test_progress_is_told_at_most_every_ten_seconds(mock_clock: MockClock, world: World, command: str) -> None:
    assert await told(world, command) == ['("TAG" 2 6)', '("TAG" 4 6)', '("TAG" 6 6)']


@pytest.mark.usefixtures("slow")
async def test_progress_of_threads_is_that_of_both_steps(mock_clock: MockClock, world: World) -> None:
    found = await told(world, "THREAD REFERENCES UTF-8 ALL")
    assert found == [f'("TAG" {done} 12)' for done in (2, 4, 6, 7, 9, 11)]


@pytest.mark.usefixtures("slow")
async def test_progress_of_several_mailboxes_is_in_mailboxes(mock_clock: MockClock, world: World) -> None:
    assert await told(world, "ESEARCH IN (mailboxes (Sent Inbox Trash)) SUBJECT 6") != []


async def test_quick_commands_say_nothing_of_it(world: World) -> None:
    assert await told(world, "SEARCH TEXT nowhere") == []


async def test_a_client_that_went_away_ends_its_search(
    monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock, world: World
) -> None:
    begun = trio.Event()

    async def endless(
        store: MailStore, account: Account, mailbox_ids: Sequence[MailboxId], wanted: Filter
    ) -> AsyncGenerator[Page, None]:
        while True:
            begun.set()
            mock_clock.jump(6)
            await trio.lowlevel.checkpoint()
            yield Page(mailbox_ids[0], [], Uid(1), [])

    await filled(world)
    monkeypatch.setattr(run, "pages", endless)
    async with world.user("INBOX") as client:
        await client.begin("SEARCH ALL")
        await begun.wait()
    # The session is over: `user` waits for it.


@pytest.mark.parametrize(
    ("module", "name", "command"),
    [
        (flagging, "store_flags", "STORE 1:* +FLAGS (\\Deleted)"),
        (moving, "copy", "COPY 1:* Trash"),
        (moving, "move", "MOVE 1:* Trash"),
        (expunging, "expunge", "EXPUNGE"),
        (expunging, "expunge", "CLOSE"),
        (mailboxes, "delete", "DELETE Archive"),
        (mailboxes, "rename", "RENAME Archive Old"),
    ],
)
async def test_changes_that_take_long_are_told_to_go_on(
    monkeypatch: pytest.MonkeyPatch, mock_clock: MockClock, world: World, module: Any, name: str, command: str
) -> None:
    work = getattr(module, name)

    async def slowly(*arguments: Any) -> Any:
        for _ in range(2):
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(10)
        await trio.testing.wait_all_tasks_blocked()
        return await work(*arguments)

    monkeypatch.setattr(module, name, slowly)
    assert await told(world, command) == ['("TAG" NIL NIL)'] * 2
