"""A received message without the Authentication-Results that somebody wrote in our name (RFC 8601 5).

The checks see the bytes as they were received; what is stored is a second spool without those fields, streamed. Failures
are those of the spool (`mailstore.spool`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from mox_trio.incoming.content import Content
from mox_trio.mailstore.spool import Spool, Spooled
from mox_trio.mailstore.store import MailStore
from mox_trio.protocol import auth_results
from storage_backends.bodies.api import BLOCK


@asynccontextmanager
async def without_forged_results(store: MailStore, message: Spooled, content: Content) -> AsyncIterator[Spooled]:
    """The message as it is to be stored."""
    forged = iter(content.forged_results)
    kept = [each.raw for each in content.header.fields if each.key != auth_results.KEY or not next(forged, True)]
    async with Spool(store) as spool:
        await spool.write(b"".join(kept) + content.header.end)
        await _copy_body(store, message, spool)
        yield await spool.finish()


async def _copy_body(store: MailStore, message: Spooled, spool: Spool) -> None:
    for start in range(message.root.body_start, message.size, BLOCK):
        if message.scratch is None:
            await spool.write(message.read(start, start + BLOCK))
        else:
            await spool.write(await trio.to_thread.run_sync(message.read, start, start + BLOCK, limiter=store.spooling))
