"""From the configuration to running services, on one exit stack: opened in order, closed in reverse.

1. the user: as root, become the configured one first;
2. the index; a server upgrades an older database, which commands refuse, since an older server may still run on it; a newer
   one is refused;
3. the keys, which live wrapped in the index;
4. the body stores by name; all that rows name must be configured, else the program refuses to start and names them;
5. the dynamic configuration, from its file or from the index.

Raises ConfigErrors, Failure, or an error of the stores (Refused says what to change).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import trio

from mox_trio.app import privileges, scratch
from mox_trio.app.documents import IndexSource
from mox_trio.app.keys import open_keyring, server_key
from mox_trio.app.stores import open_bodies, open_index
from mox_trio.config import load
from mox_trio.config.live import LiveConfig
from mox_trio.config.models.static import Static
from mox_trio.config.source import DocumentSource, FileSource
from mox_trio.mailstore import logins
from mox_trio.mailstore.logins import Logins
from mox_trio.mailstore.scratch import plain
from mox_trio.mailstore.server_key import ServerKey
from mox_trio.mailstore.store import MailStore, Policy
from mox_trio.services import Services
from storage_backends.bodies.api import BodyStore
from storage_backends.errors import Refused
from storage_backends.index.api import Index
from storage_backends.index.tables import mailboxes, stores


async def read_static(path: Path) -> Static:
    """Read mox-trio.toml, and as root become the user it names. ConfigErrors, Failure."""
    static = await trio.to_thread.run_sync(load.static, path)
    await trio.to_thread.run_sync(
        lambda: privileges.drop(static.user, static.data_directory, fix=static.fix_permissions)
    )
    return static


@asynccontextmanager
async def services(
    static: Static, logging_in: logins.Settings | None = None, *, upgrading: bool = False
) -> AsyncIterator[Services]:
    """Open everything that the configuration names, and close it in reverse."""
    async with AsyncExitStack() as stack:
        index = await stack.enter_async_context(opened_index(static, upgrading=upgrading))
        mail = await stack.enter_async_context(opened_mail(static, index))
        source: DocumentSource = IndexSource(index) if static.dynamic == "index" else FileSource(static.domains_file)
        config = await LiveConfig.open(static, source)
        key = ServerKey(await server_key(static))
        yield Services(static, source, config, mail, Logins(mail, key, logging_in))


@asynccontextmanager
async def opened_index(static: Static, *, upgrading: bool = False) -> AsyncIterator[Index]:
    """The configured index. Refused: it is older than the program, unless `upgrading`."""
    index = await open_index(static, upgrading=upgrading)
    try:
        yield index
    finally:
        with trio.CancelScope(shield=True):
            await index.aclose()


@asynccontextmanager
async def opened_mail(static: Static, index: Index) -> AsyncIterator[MailStore]:
    """The mail store over an index, with all configured body stores."""
    keyring = await open_keyring(static, index)
    async with AsyncExitStack() as stack:
        bodies: dict[str, BodyStore] = {}
        for name, settings in static.storage.stores.items():
            bodies[name] = await open_bodies(settings, name, keyring, index)
            stack.push_async_callback(bodies[name].aclose)
        await _check_configured(index, bodies)
        sealing = any(settings.encrypt for settings in static.storage.stores.values())
        yield MailStore(
            index=index,
            bodies=bodies,
            default_store=static.storage.default_store,
            keys=keyring if sealing else None,
            scratch=scratch.sealed if sealing else plain,
            policy=policy(static),
        )


async def _check_configured(index: Index, bodies: Mapping[str, BodyStore]) -> None:
    missing = sorted(await index.read(stores.in_use) - bodies.keys())
    if missing:
        names = ", ".join(missing)
        raise Refused(f"messages lie in stores that are not configured: {names}; add them under [storage.stores]")


def policy(static: Static) -> Policy:
    """How the mail store behaves, from the configuration."""
    initial = static.initial_mailboxes
    special = (
        (initial.sent, mailboxes.SENT),
        (initial.drafts, mailboxes.DRAFTS),
        (initial.archive, mailboxes.ARCHIVE),
        (initial.trash, mailboxes.TRASH),
        (initial.junk, mailboxes.JUNK),
    )
    names = [("Inbox", 0), *((name, use) for name, use in special if name), *((name, 0) for name in initial.others)]
    default = Policy().message_bytes
    # The store takes what any listener takes; each listener has its own limit before that.
    largest = max((listener.max_message_size for listener in static.listeners.values()), default=default)
    return Policy(initial_mailboxes=tuple(names), message_bytes=max(default, largest))
