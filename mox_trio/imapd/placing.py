"""What was appended, into its mailbox: the completions of commands that are whole.

Commands to one mailbox that wait together become one transaction. Where the store refuses it, each is tried by itself, so that
no command fails for another's sake; where the store is away all of them fail, because nobody knows what happened.
An OK means that the message is durable.
"""

import logging
from collections.abc import Callable, Sequence

from mox_trio.base.failure import Failure, Kind
from mox_trio.imapd import appending as coming
from mox_trio.imapd import replies
from mox_trio.imapd.appending import Appending, Old
from mox_trio.imapd.state import Session
from mox_trio.ledger import sent
from mox_trio.mailstore import deliver, expunging
from mox_trio.mailstore.deliver import Delivered, Terms
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.imap.responses import Status
from storage_backends.errors import StorageError
from storage_backends.index.api import Transaction
from storage_backends.index.tables import placing as placements

logger = logging.getLogger(__name__)


async def place(session: Session, together: Sequence[Appending]) -> None:
    """Place the messages of some commands to one mailbox; each has its completion then."""
    try:
        await _prepare(session, together)
        delivered = await _place(session, together)
    except (Failure, StorageError, replies.Refused) as error:
        if isinstance(error, Failure) and len(together) > 1:
            for each in together:
                await place(session, [each])
            return
        for each in together:
            each.status = refusal(session, error)
            if isinstance(error, StorageError):  # it may have happened: upkeep finds bodies that no row names
                await coming.forget(each)
            else:
                await coming.discard(session, each)
        return
    for each in together:
        own, delivered = delivered[: len(each.prepared)], delivered[len(each.prepared) :]
        each.modseq = own[0].modseq
        each.placed = own[0].mailbox_id, range(own[0].uid, own[-1].uid + 1)
        each.status = Status("OK", "appended", _append_uid(own))
        each.prepared.clear()


def refusal(session: Session, error: Failure | StorageError | replies.Refused) -> Status:
    """The completion of an append that failed. What is this side's trouble is logged."""
    if isinstance(error, replies.Refused):
        return error.status
    if isinstance(error, Failure) and error.kind is Kind.NOT_FOUND and not isinstance(error, _OldIsGone):
        return Status("NO", error.public, b"TRYCREATE")  # RFC 9051 6.3.12
    if replies.is_trouble(error):
        logger.warning("nothing appended", extra=session.fields(reason=replies.private(error)))
    return replies.of(error)


async def _prepare(session: Session, together: Sequence[Appending]) -> None:
    """Put the bodies of all commands away side by side."""
    if len(together) == 1:
        if together[0].incoming:
            await coming.prepare(session, together[0])
        return
    waiting = [each for each in together if each.incoming]
    incoming = [message for each in waiting for message in each.incoming]
    prepared = await deliver.prepare(session.store, session.require_account(), incoming)
    for each in waiting:
        count = len(each.incoming)
        each.prepared += prepared[:count]
        prepared = prepared[count:]
        each.incoming.clear()
        await each.spools.aclose()


async def _place(session: Session, together: Sequence[Appending]) -> list[Delivered]:
    store, account = session.store, session.require_account()
    also: list[deliver.Also] = []
    written_to = {key: row for each in together for key, row in each.written_to.items()}
    if written_to:
        unit = sent.remembering(account.id, list(written_to.values()), store.now())
        also.append(lambda tx, delivered: unit(tx))
    quota, old = session.quota(), together[0].old
    if old is not None:
        also.append(_taking_out(store, account, old))
        quota = quota.with_room_for(old.size, 1)  # RFC 8508 3.4: what goes makes room
    prepared = [message for each in together for message in each.prepared]
    terms = Terms(quota, create=False)
    return await deliver.place(store, account, together[0].mailbox, prepared, terms, also)


class _OldIsGone(Failure):
    """The message that was to be replaced is not there any more."""

    def __init__(self) -> None:
        super().__init__(Kind.NOT_FOUND, "the message that was to be replaced is gone")


def _taking_out(store: MailStore, account: Account, old: Old) -> Callable[[Transaction, Sequence[Delivered]], None]:
    def unit(tx: Transaction, delivered: Sequence[Delivered]) -> None:
        if not placements.uids(tx, old.mailbox_id, [(old.uid, old.uid)]):
            raise _OldIsGone
        expunging.take_out(tx, store, account, old.mailbox_id, [old.uid])

    return unit


def _append_uid(delivered: Sequence[Delivered]) -> bytes:
    """APPENDUID (RFC 4315 3): one UID after the other, in the order of the messages."""
    first, last = delivered[0].uid, delivered[-1].uid
    uids = b"%d" % first if first == last else b"%d:%d" % (first, last)
    return b"APPENDUID %d %b" % (delivered[0].uidvalidity, uids)
