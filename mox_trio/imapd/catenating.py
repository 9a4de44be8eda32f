"""Parts of new messages that are parts of old ones: CATENATE (RFC 4469). Octets go from store to spool as they are, block by
block; \\Seen is not set.
"""

from collections.abc import Awaitable, Callable

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.imapd import replies, sections, urls
from mox_trio.imapd.sections import Mail
from mox_trio.imapd.state import Session
from mox_trio.imapd.urls import BadUrl, Target
from mox_trio.mailstore import mailboxes, reading
from mox_trio.protocol.imap.responses import Status
from mox_trio.protocol.mime import structure_codec
from storage_backends.index.api import EmailId, MailboxId, Uid

_COLUMNS = ("header_size", "parts")
_LARGEST_FIELDS = 1024 * 1024
"""Octets of a header of which fields are chosen."""


async def catenate(session: Session, url: str, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Write what a URL names. Refused with BADURL where it names nothing here; StorageError."""
    try:
        target = urls.parse(url)
        mailbox_id = await _mailbox(session, target)
        email_id, mail = await _mail(session, mailbox_id, target)
        await _copy(session, target, email_id, mail, write)
    except BadUrl as bad:
        raise _refused(url, str(bad)) from None
    except Failure as failure:
        if failure.kind in (Kind.NOT_FOUND, Kind.INVALID):
            raise _refused(url, failure.public) from None
        raise


def _refused(url: str, why: str) -> replies.Refused:
    return replies.Refused(Status("NO", why, urls.for_code(url)))


async def _mailbox(session: Session, target: Target) -> MailboxId:
    if target.mailbox:
        row = await mailboxes.get(session.store, session.require_account(), target.mailbox)
    elif session.selected is not None:
        row = session.selected.box.row
    else:
        raise BadUrl("no mailbox is selected")
    if target.uidvalidity not in (None, row.uidvalidity):
        raise BadUrl("the mailbox has another UIDVALIDITY")
    return row.id


async def _mail(session: Session, mailbox_id: MailboxId, target: Target) -> tuple[EmailId, Mail]:
    uid = Uid(target.uid)
    pages = reading.details(session.store, session.require_account(), mailbox_id, [(uid, uid)], _COLUMNS)
    found = [each async for page in pages for each in page]
    if not found:
        raise BadUrl("there is no such message")
    row, (header_size, parts) = found[0].row, found[0].columns
    root = None
    if isinstance(parts, bytes):  # of a mail with thousands of parts it takes long
        limiter = session.store.computing
        root = await trio.to_thread.run_sync(structure_codec.load, parts, limiter=limiter)
    return row.email_id, Mail(row.size, int(header_size or 0), root=root)


async def _copy(
    session: Session, target: Target, email_id: EmailId, mail: Mail, write: Callable[[bytes], Awaitable[None]]
) -> None:
    piece = sections.piece(target.section, mail)
    if piece.is_missing:
        raise BadUrl("the message has no such part")
    store, account = session.store, session.require_account()
    if piece.fields is not None:
        if piece.stop - piece.start > _LARGEST_FIELDS:
            raise BadUrl("the header is too large")
        block = await reading.mail(store, account, email_id, piece.start, piece.stop)
        chosen = await trio.to_thread.run_sync(sections.chosen, block, piece.fields, limiter=store.computing)
        await write(sections.cut(chosen, piece.partial))
        return
    if piece.value is not None:
        await write(piece.value)
        return
    async with reading.open_mail(store, account, email_id, piece.start, piece.stop) as blocks:
        async for block in blocks:
            await write(block)
