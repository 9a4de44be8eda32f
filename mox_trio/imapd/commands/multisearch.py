"""ESEARCH in several mailboxes (RFC 7377): one answer for each that has what is looked for, always in UIDs.

Mailboxes that are named and not there are left out, as if nothing were found in them. In the selected mailbox only what the
session knows is found. SAVE, CONTEXT and UPDATE go with SELECTED alone, and sequence numbers with the selected mailbox: else BAD.
"""

from array import array
from contextlib import aclosing

from mox_trio.imapd import answering, contexts, replies, searching
from mox_trio.imapd import sources as sources_
from mox_trio.imapd.commands import general
from mox_trio.imapd.commands.search import FOUND, saves_nothing_when_it_fails
from mox_trio.imapd.progress import Progress
from mox_trio.imapd.searching import NOTHING
from mox_trio.imapd.sources import Places
from mox_trio.imapd.state import Session
from mox_trio.mailstore import mailboxes, reading
from mox_trio.mailstore.search import run
from mox_trio.mailstore.search.filters import Filter
from mox_trio.protocol.imap.commands.search import MultiSearch, Source
from mox_trio.protocol.imap.responses import Status
from storage_backends.index.tables import messages
from storage_backends.index.tables.mailboxes import MailboxRow

NOT_SELECTED = Status("BAD", "no mailbox is selected")
ELSEWHERE = Status("BAD", "SAVE, CONTEXT and UPDATE are for the selected mailbox alone")


async def search(session: Session, command: MultiSearch) -> Status:
    """ESEARCH."""
    returns = answering.asked(command.returns)
    chosen = await _chosen(session, command.sources)
    selected = session.selected
    here = selected is not None and [row.id for row in chosen] == [selected.box.id]
    if any(each.kind != "selected" for each in command.sources) and returns.options & {"SAVE", "CONTEXT", "UPDATE"}:
        raise replies.Refused(ELSEWHERE)
    if here:
        contexts.refuse_reuse(session, returns)
    if command.uses_modseq:
        general.switch_on_condstore(session)
    found = array("I")
    with saves_nothing_when_it_fails(session, returns):
        anywhere = None if here else await searching.anywhere(session, command.key)
        wanted = await searching.translated(session, command.key) if here else NOTHING
        progress = Progress(session)
        for number, row in enumerate(chosen):
            progress.hold(number, len(chosen))
            if anywhere is not None:
                wanted = await anywhere.within(session, row.id)
            found = await _found(session, row, wanted, progress)
            if found and not (returns.options == {"SAVE"} and returns.partial is None):
                await _say(session, command, row, found)
    if here and "SAVE" in returns.options:
        session.saved = answering.saved(found, returns)
    if here:
        contexts.begin(session, found, wanted, returns, uid=True)
    return FOUND


async def _found(session: Session, row: MailboxRow, wanted: Filter, progress: Progress) -> "array[int]":
    if session.selected is not None and session.selected.box.id == row.id:
        return await searching.found(session, wanted, progress)
    uids = array("I")
    async with aclosing(run.pages(session.store, session.require_account(), [row.id], wanted)) as pages:
        async for page in pages:
            uids.extend(page.uids)
            await progress.at(0, 0)
            await session.turn()
    return uids


async def _say(session: Session, command: MultiSearch, row: MailboxRow, found: "array[int]") -> None:
    returns = answering.asked(command.returns)
    highest = None
    if command.uses_modseq:
        spoken_of = messages.ranges_of(sorted(set(answering.returned(found, returns))))
        highest = max((each.modseq for each in await reading.rows(session.store, row.id, spoken_of)), default=None)
    answer = answering.results(
        found, returns, tag=session.tag, uid=True, modseq=highest, mailbox=(row.name, row.uidvalidity)
    )
    await answering.say_large(session, answer, len(found))


async def _chosen(session: Session, sources: tuple[Source, ...]) -> list[MailboxRow]:
    """The mailboxes that are meant, each once, in the order of their names. Refused."""
    selected = session.selected
    if selected is None and (not sources or any(each.kind == "selected" for each in sources)):
        raise replies.Refused(NOT_SELECTED)
    account = session.require_account()
    overview = await mailboxes.overview(session.store, account)
    places = Places(
        {row.name: row for row in overview.mailboxes},
        overview.subscribed,
        frozenset({"Inbox"}) | session.parts.personal(account.name),
        next((row.name for row in overview.mailboxes if selected is not None and row.id == selected.box.id), ""),
    )
    names = {
        name for source in sources_.merged(sources or (Source("selected"),)) for name in sources_.names(places, source)
    }
    return [row for name, row in places.rows.items() if name in names]
