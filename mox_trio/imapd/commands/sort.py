"""SORT (RFC 5256 3, RFC 5267 3, RFC 5957)."""

from array import array

from mox_trio.imapd import answering, contexts, searching
from mox_trio.imapd.commands import general
from mox_trio.imapd.commands.search import saves_nothing_when_it_fails
from mox_trio.imapd.progress import Progress
from mox_trio.imapd.state import Session
from mox_trio.mailstore.search import sorting
from mox_trio.mailstore.search.sorting import By, Key
from mox_trio.protocol.imap.commands.search import Sort
from mox_trio.protocol.imap.responses import Status
from storage_backends.index.api import Uid

SORTED = Status("OK", "sorted")


async def sort(session: Session, command: Sort) -> Status:
    """SORT and UID SORT."""
    returns = None if command.returns is None else answering.asked(command.returns)
    contexts.refuse_reuse(session, returns)
    if command.uses_modseq:
        general.switch_on_condstore(session)
    selected = session.require_selected()
    reverses = {each.by: each.reverse for each in reversed(command.keys)}  # a second time it decides nothing
    keys = tuple([Key(By(by), reverses[by]) for by in dict.fromkeys([each.by for each in command.keys])])
    with saves_nothing_when_it_fails(session, returns):
        wanted = await searching.translated(session, command.key)
        matches = await searching.found(session, wanted, Progress(session))
        uids = [Uid(uid) for uid in matches]
        ordered = await sorting.order(session.store, session.require_account(), selected.box.id, uids, keys)
    found = array("I", ordered)
    if returns is not None and "SAVE" in returns.options:
        session.saved = answering.saved(found, returns)
    await answering.say(session, "SORT", found, returns, uid=command.uid, modseq=command.uses_modseq)
    if returns is not None:
        contexts.begin(session, found, wanted, returns, uid=command.uid, keys=keys)
    return SORTED
