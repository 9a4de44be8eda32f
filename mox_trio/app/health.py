"""Whether a server can do its work: the index answers, every body store answers, the queue can be counted.

The Failure of the first that does not says which it is. A store is asked for what lies in the name of no account, which is one
small listing; loops that fail end the process by themselves (`supervise`).
"""

from collections.abc import Awaitable, Callable
from functools import partial

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailqueue import managing
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.mailstore.orphans import MARKS
from mox_trio.services import Services
from storage_backends.bodies.api import BodyStore
from storage_backends.errors import StorageError
from storage_backends.index.tables import stores


async def check(services: Services, queue: Mailqueue) -> None:
    """Ask each. UNAVAILABLE."""
    mail = services.mail
    await _asked("index", partial(mail.index.read, stores.in_use))
    for name, bodies in mail.bodies.items():
        await _asked(f"body store {name}", partial(_listed, bodies))
    await _asked("queue", partial(managing.counts, queue))


async def _asked(part: str, ask: Callable[[], Awaitable[object]]) -> None:
    try:
        await ask()
    except StorageError as error:
        raise Failure(Kind.UNAVAILABLE, f"{part}: {error}") from error


async def _listed(bodies: BodyStore) -> None:
    _ = [each async for each in bodies.refs(MARKS)]
