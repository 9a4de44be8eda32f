"""THREAD (RFC 5256 4)."""

from bisect import bisect_left
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import trio

from mox_trio.imapd import searching, threading
from mox_trio.imapd.progress import Progress
from mox_trio.imapd.state import Session
from mox_trio.mailstore.search import conversations
from mox_trio.mailstore.search.conversations import Member
from mox_trio.protocol.imap import encoding
from mox_trio.protocol.imap.commands.search import Thread
from mox_trio.protocol.imap.responses import Status, Threads
from storage_backends.index.api import Uid

THREADED = Status("OK", "threaded")


async def thread(session: Session, command: Thread) -> Status:
    """THREAD and UID THREAD."""
    selected = session.require_selected()
    wanted = await searching.translated(session, command.key)
    progress = Progress(session, steps=2)
    uids = [Uid(uid) for uid in await searching.found(session, wanted, progress)]
    progress.next_step()
    members: list[Member] = []
    reading = conversations.pages(
        session.store,
        session.require_account(),
        selected.box.id,
        uids,
        with_references=command.algorithm != "ORDEREDSUBJECT",
    )
    async with aclosing(reading) as pages:
        async for page in pages:
            members += page
            await progress.at(len(members), len(uids))
    known = None if command.uid else selected.view.uids

    def work() -> bytes:
        counted = members if known is None else _numbered(known, members)
        return encoding.encode(Threads(threading.ALGORITHMS[command.algorithm](counted)), session.wire)

    session.write(await trio.to_thread.run_sync(work, limiter=session.store.computing))
    await session.drain()
    return THREADED


def _numbered(known: Sequence[int], members: Sequence[Member]) -> list[Member]:
    """The messages under their sequence numbers; `known` are the UIDs that the session knows, these among them."""
    return [replace(each, uid=Uid(bisect_left(known, each.uid) + 1)) for each in members]
