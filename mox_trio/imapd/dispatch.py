"""The table of commands, and how one is run: handler, changes, completion, each in its place.

A `Failure` or `StorageError` of a handler becomes its NO (`replies`), and the session goes on. SessionOver, Silent and Broken
pass through; anything else is a fault of the program and ends the connection.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import trio

from mox_trio.base.failure import Failure
from mox_trio.imapd import replies, updates
from mox_trio.imapd.commands import (
    append,
    context,
    copying,
    fetch,
    general,
    listing,
    login,
    mailboxes,
    metadata,
    multisearch,
    notify,
    quota,
    search,
    selecting,
    sort,
    store,
    thread,
)
from mox_trio.imapd.state import Session
from mox_trio.protocol.imap.commands import append as append_words
from mox_trio.protocol.imap.commands import copying as copying_words
from mox_trio.protocol.imap.commands import fetch as fetch_words
from mox_trio.protocol.imap.commands import general as general_words
from mox_trio.protocol.imap.commands import listing as listing_words
from mox_trio.protocol.imap.commands import login as login_words
from mox_trio.protocol.imap.commands import mailboxes as mailbox_words
from mox_trio.protocol.imap.commands import metadata as metadata_words
from mox_trio.protocol.imap.commands import notify as notify_words
from mox_trio.protocol.imap.commands import quota as quota_words
from mox_trio.protocol.imap.commands import search as search_words
from mox_trio.protocol.imap.commands import selecting as selecting_words
from mox_trio.protocol.imap.commands import store as store_words
from mox_trio.protocol.imap.events import Command
from mox_trio.protocol.imap.responses import Status
from storage_backends.errors import StorageError

logger = logging.getLogger(__name__)

Handler = Callable[[Session, Any], Awaitable[Status | None]]
"""Does a command: says what it has to say and returns the completion, without tag; None where it is said already."""


def never(command: Any) -> bool:
    """Messages that went may be told after the command."""
    return False


def by_number(command: Any) -> bool:
    """Not after a command that uses sequence numbers: the next one may be on its way (RFC 9051 7.5.1)."""
    return not command.uid


@dataclass(frozen=True, slots=True)
class Row:
    """One command."""

    handler: Handler
    hides_expunges: Callable[[Any], bool] = never
    """Whether what went is told later."""
    tells: bool = True
    """Whether what has changed is told with its end; else with the end of the next command."""
    is_counted: bool = True
    """A handler that answers several commands counts them itself."""


TABLE: Final[dict[type, Row]] = {
    general_words.Capability: Row(general.capability),
    general_words.Noop: Row(general.noop),
    general_words.Logout: Row(general.logout),
    general_words.Id: Row(general.identify),
    general_words.Enable: Row(general.enable),
    general_words.Compress: Row(general.compress),
    general_words.Unauthenticate: Row(login.unauthenticate),
    general_words.Idle: Row(general.idle),
    general_words.Namespace: Row(general.namespace),
    login_words.StartTls: Row(login.starttls),
    login_words.Authenticate: Row(login.authenticate),
    login_words.Login: Row(login.login),
    mailbox_words.Create: Row(mailboxes.create),
    mailbox_words.Delete: Row(mailboxes.delete),
    mailbox_words.Rename: Row(mailboxes.rename),
    mailbox_words.Subscribe: Row(mailboxes.subscribe),
    mailbox_words.Status: Row(mailboxes.status),
    listing_words.List: Row(listing.list_),
    listing_words.Lsub: Row(listing.lsub),
    quota_words.GetQuota: Row(quota.get),
    quota_words.GetQuotaRoot: Row(quota.roots),
    quota_words.SetQuota: Row(quota.set_),
    metadata_words.GetMetadata: Row(metadata.get),
    metadata_words.SetMetadata: Row(metadata.set_),
    append_words.Append: Row(append.append, is_counted=False),
    append_words.Replace: Row(append.replace, is_counted=False),
    selecting_words.Select: Row(selecting.select, tells=False),
    selecting_words.Close: Row(selecting.close),
    search_words.Search: Row(search.search, by_number),
    search_words.MultiSearch: Row(multisearch.search),
    search_words.Sort: Row(sort.sort, by_number),
    search_words.Thread: Row(thread.thread, by_number),
    search_words.CancelUpdate: Row(context.cancel_update),
    fetch_words.Fetch: Row(fetch.fetch, by_number),
    store_words.Store: Row(store.store, by_number),
    copying_words.Copy: Row(copying.copy),
    copying_words.Expunge: Row(copying.expunge),
    notify_words.Notify: Row(notify.notify),
}


async def run(session: Session, command: Command) -> None:
    """Do a command and say its completion. SessionOver, Silent, Broken."""
    began = trio.current_time()
    session.tag = command.tag
    row = TABLE[type(command.body)]
    try:
        status = await row.handler(session, command.body)
    except replies.Refused as refused:
        status = refused.status
    except (Failure, StorageError) as error:
        status = replies.of(error)
        if replies.is_trouble(error):
            extra = session.fields(cmd=command.name, reason=replies.private(error))
            logger.warning("command not done", extra=extra)
    if status is not None:
        if not session.is_over and row.tells:
            await updates.tell(session, expunges=not row.hides_expunges(command.body) or session.uid_only)
        session.say(replace(status, tag=command.tag))
    if row.is_counted:
        observe(session, command.name, "ok" if status is None else _RESULTS[status.kind], began)


_RESULTS: Final = {"OK": "ok", "NO": "error", "BAD": "badsyntax", "BYE": "error", "PREAUTH": "ok"}


def observe(session: Session, name: str, result: str, began: float) -> None:
    """Count a command."""
    seconds = trio.current_time() - began
    session.parts.metrics.observe("imap_command_duration_seconds", seconds, cmd=name.lower(), result=result)
