"""One mail of an account by its id, wherever it is placed: reading what is known of it, flags, moving, taking it out.

A mail that is in several mailboxes is one: its flags are those of its first place, and changes are made at all places. The id
stays when it is moved. NOT_FOUND when no mailbox holds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import expunging, flagging, keywords, mailboxes, moving, rendering
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import structure_codec, threads
from mox_trio.protocol.mime.part import Part
from storage_backends.index.api import EmailId, MailboxId, Row, Transaction, Uid
from storage_backends.index.tables import finding, messages, placing
from storage_backends.index.tables import mailboxes as mailbox_rows

_EVIDENCE: Final = (
    *("remote_ip", "mail_from", "rcpt_to_localpart", "rcpt_to_domain", "mail_from_validation", "msg_from_validation"),
    *("dkim_domains", "is_dsn"),
)
_COLUMNS: Final = ("size", "header", "parts", *_EVIDENCE)
LARGE: Final = 16 * 1024
"""Octets of a stored tree of parts beyond which it is read in a thread."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mail is."""

    mailbox_id: MailboxId
    mailbox: str
    uid: Uid


@dataclass(frozen=True, slots=True)
class OneMail:
    """What is known of a mail."""

    id: EmailId
    size: int
    places: tuple[Place, ...]
    flags: tuple[str, ...]
    received: int
    header: bytes
    """The header block, cut at a limit."""
    root: Part
    remote_ip: str
    mail_from: str
    rcpt_to: str
    mail_from_validation: str
    msg_from_validation: str
    dkim_domains: tuple[str, ...]
    is_dsn: bool


async def place_of(store: MailStore, account: Account, message_id: str, mailbox: MailboxId) -> Place | None:
    """Where the mail with a Message-ID (without angle brackets) is in a mailbox; None for nowhere."""
    key = account.codec.key("message-id", threads.message_id(f"<{message_id}>".encode()).encode())

    def unit(tx: Transaction) -> Sequence[EmailId]:
        return finding.by_message_id(tx, account.id, key)

    for email_id in await store.index.read(unit):
        try:
            found = await find(store, account, email_id)
        except Failure as failure:
            if failure.kind is not Kind.NOT_FOUND:
                raise
            continue
        for place in found.places:
            if place.mailbox_id == mailbox:
                return place
    return None


async def find(store: MailStore, account: Account, email_id: int) -> OneMail:
    """Read it. NOT_FOUND."""
    found = await store.index.read(partial(_read, account=account, email_id=EmailId(email_id)))
    if found is None:
        raise Failure(Kind.NOT_FOUND, "there is no such message")
    places, row, names, first = found
    object_id, size, header, parts, *evidence = row[1:]
    codec = account.codec
    stored = codec.open(rendering.place("parts", object_id), parts)
    if len(stored) > LARGE:
        root = await trio.to_thread.run_sync(structure_codec.load, stored, limiter=store.computing)
    else:
        root = structure_codec.load(stored)
    remote, sender, localpart, domain, spf, dmarc, dkim, is_dsn = evidence
    return OneMail(
        id=EmailId(email_id),
        size=size,
        places=tuple(places),
        flags=tuple(keywords.names(first.flags, first.keywords, names)),
        received=first.received,
        header=codec.open(rendering.place("header", object_id), header),
        root=root,
        remote_ip=remote,
        mail_from=sender,
        rcpt_to=f"{localpart}@{domain}" if domain else localpart,
        mail_from_validation=spf,
        msg_from_validation=dmarc,
        dkim_domains=tuple(dkim.split()),
        is_dsn=bool(is_dsn),
    )


_Read = tuple[list[Place], Row, dict[int, str], messages.MessageRow]


def _read(tx: Transaction, *, account: Account, email_id: EmailId) -> _Read | None:
    rows = finding.columns(tx, account.id, [email_id], _COLUMNS)
    places = _places(tx, account, email_id) if rows else []
    if not places:
        return None
    first = messages.rows(tx, places[0].mailbox_id, [(places[0].uid, places[0].uid)])[0]
    return places, rows[0], keywords.table(tx, account.id), first


def _places(tx: Transaction, account: Account, email_id: EmailId) -> list[Place]:
    """Where a mail of the account is; not in mailboxes that are going."""
    found = []
    for mailbox_id, uid in messages.placements(tx, email_id):
        row = mailbox_rows.by_id(tx, account.id, mailbox_id)
        if row is not None and not row.gone:
            found.append(Place(mailbox_id, row.name, uid))
    return found


def _here(tx: Transaction, account: Account, email_id: EmailId) -> list[Place]:
    places = _places(tx, account, email_id)
    if not places:
        raise Failure(Kind.NOT_FOUND, "there is no such message")
    return places


async def store_flags(store: MailStore, account: Account, email_id: int, names: Sequence[str], *, add: bool) -> None:
    """Set flags and keywords, or clear them. NOT_FOUND, INVALID (keyword), LIMIT."""

    def unit(tx: Transaction) -> None:
        flags, words = keywords.bits(tx, account.id, names, create=add)
        if add:
            bits = placing.FlagChange(add_flags=flags, add_keywords=words)
        else:
            everything = placing.ALL_BITS
            bits = placing.FlagChange(keep_flags=everything & ~flags, keep_keywords=everything & ~words)
        for place in _here(tx, account, EmailId(email_id)):
            flagging.apply(tx, account, place.mailbox_id, [(place.uid, place.uid)], bits)

    await store.index.write([account.id], unit)


async def remove(store: MailStore, account: Account, email_id: int) -> None:
    """Take it out of all mailboxes. NOT_FOUND."""

    def unit(tx: Transaction) -> None:
        for place in _here(tx, account, EmailId(email_id)):
            expunging.take_out(tx, store, account, place.mailbox_id, [place.uid])

    await store.index.write([account.id], unit)


async def move(store: MailStore, account: Account, email_id: int, mailbox: str) -> None:
    """Let it be in this mailbox, which exists, and in no other. NOT_FOUND.

    Out of several mailboxes it goes in two steps, the first of which brings it into the new one.
    """
    name = mailboxes.canonical(mailbox)
    places = await store.index.read(partial(_here, account=account, email_id=EmailId(email_id)))
    if all(place.mailbox != name for place in places):
        first = places[0]
        await moving.move(store, account, first.mailbox_id, [(first.uid, first.uid)], name)

    def unit(tx: Transaction) -> None:
        kept = False
        for place in _here(tx, account, EmailId(email_id)):
            if place.mailbox == name and not kept:
                kept = True
            else:
                expunging.take_out(tx, store, account, place.mailbox_id, [place.uid])

    if len(places) > 1:
        await store.index.write([account.id], unit)
