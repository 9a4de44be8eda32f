"""SEARCH (RFC 9051 6.4.4, RFC 3501 6.4.4, and RFC 4731, 5032, 5182, 5267, 5466, 7162, 8474, 8514, 9394)."""

from array import array
from collections.abc import Iterator
from contextlib import contextmanager

from mox_trio.base.failure import Failure
from mox_trio.imapd import answering, contexts, replies, searching
from mox_trio.imapd.commands import general
from mox_trio.imapd.progress import Progress
from mox_trio.imapd.state import Session
from mox_trio.mailstore.search.filters import Filter
from mox_trio.protocol.imap.commands.search import Returns, Search
from mox_trio.protocol.imap.responses import Status
from storage_backends.errors import StorageError

FOUND = Status("OK", "searched")


async def search(session: Session, command: Search) -> Status:
    """SEARCH and UID SEARCH."""
    returns = None if command.returns is None else answering.asked(command.returns)
    contexts.refuse_reuse(session, returns)
    if command.uses_modseq:
        general.switch_on_condstore(session)
    with saves_nothing_when_it_fails(session, returns):
        wanted = await searching.translated(session, command.key)
        found = await _found(session, wanted, returns)
    if returns is not None and "SAVE" in returns.options:
        session.saved = answering.saved(found, returns)
    await answering.say(session, "SEARCH", found, returns, uid=command.uid, modseq=command.uses_modseq)
    if returns is not None:
        contexts.begin(session, found, wanted, returns, uid=command.uid)
    return FOUND


async def _found(session: Session, wanted: Filter, returns: Returns | None) -> "array[int]":
    if returns is None or not answering.ends_only(returns) or not returns.options & {"MIN", "MAX"}:
        return await searching.found(session, wanted, Progress(session))
    progress = Progress(session, steps=len(returns.options & {"MIN", "MAX"}))
    found = array("I")
    if "MIN" in returns.options:
        found = await searching.first(session, wanted, progress)
        progress.next_step()
        if not found:
            return found
    if "MAX" in returns.options:
        found += await searching.last(session, wanted, progress)
    return found


@contextmanager
def saves_nothing_when_it_fails(session: Session, returns: Returns | None) -> Iterator[None]:
    """A search that ends with NO leaves "$" empty, one that ends with BAD leaves it alone (RFC 5182 2.1)."""
    try:
        yield
    except replies.Refused as refused:
        if refused.status.kind == "NO":
            _save_nothing(session, returns)
        raise
    except (Failure, StorageError):
        _save_nothing(session, returns)
        raise


def _save_nothing(session: Session, returns: Returns | None) -> None:
    if returns is not None and "SAVE" in returns.options:
        session.saved = ()
