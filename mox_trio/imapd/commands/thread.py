"""THREAD (RFC 5256 4)."""

from bisect import bisect_left
from contextlib import aclosing

import trio

from mox_trio.imapd import searching, threading
from mox_trio.imapd.progress import Progress
from mox_trio.imapd.state import Session
from mox_trio.mailstore.search import conversations
from mox_trio.mailstore.search.conversations import Members
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
    members = Members()
    reading = conversations.pages(
        session.store,
        session.require_account(),
        selected.box.id,
        uids,
        with_links=command.algorithm != "ORDEREDSUBJECT",
    )
    async with aclosing(reading) as pages:
        async for page in pages:
            members.extend(page)
            await progress.at(len(members.uids), len(uids))
    known = None if command.uid else selected.view.uids

    def work() -> bytes:
        if known is not None:
            members.uids = [bisect_left(known, uid) + 1 for uid in members.uids]
        return encoding.encode(Threads(threading.ALGORITHMS[command.algorithm](members)), session.wire)

    session.write(await trio.to_thread.run_sync(work, limiter=session.store.computing))
    await session.drain()
    return THREADED
