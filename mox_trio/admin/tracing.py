"""What became of a message, from what the index keeps: how it came and why it was taken, where it lies, recipients that wait in
the queue with how each attempt ended, and the records of those that left it.

Nothing is kept for this alone. Mail that was refused is in the log and nowhere else; records of what left the queue are there for
as long as the account has them (`keep_retired_messages`), attempts as many as a row remembers (`outgoing.results`). The log has
the message's Message-ID in the lines that say that it was received, refused or submitted, with the id of the connection.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from mox_trio.admin import accounts
from mox_trio.admin.accounts import Desk
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import accounts as account_handles
from mox_trio.mailstore import one_mail
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.outgoing import results, summary
from mox_trio.outgoing.results import Past
from mox_trio.protocol.mime import threads
from storage_backends.index.api import EmailId, Transaction
from storage_backends.index.tables import accounts as account_rows
from storage_backends.index.tables import finding, queue_admin, retired
from storage_backends.index.tables.queue_admin import Filter

What = Literal["received", "stored", "queued", "attempt", "retired"]

MOST: Final = 20_000
"""Rows of the queue, and records of an account, that are looked at."""
_EVIDENCE: Final = (
    "remote_ip",
    "ehlo_domain",
    "mail_from",
    "rcpt_to_localpart",
    "rcpt_to_domain",
    "ehlo_validation",
    "mail_from_validation",
    "msg_from_validation",
    "dkim_domains",
    "tls_version",
    "reason",
)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to it."""

    at: int | None
    """Milliseconds since 1970 UTC; None where it is not known."""
    account: str
    what: What
    recipient: str = ""
    text: str = ""
    """In a few words."""
    facts: dict[str, str] = field(default_factory=dict)
    """By the names that the log has; empty ones are left out."""


async def trace(desk: Desk, message_id: str, account: str | None = None) -> list[Event]:
    """Everything that is known of a Message-ID, in all accounts or in one, in the order of time. NOT_FOUND (account)."""
    found: list[Event] = []
    async for handle in _accounts(desk, account):
        found += await of_account(desk.mail, handle, message_id)
    return sorted(found, key=_when)


async def of_account(mail: MailStore, account: Account, message_id: str) -> list[Event]:
    """What one account knows of a Message-ID, in the order of time."""
    wanted = threads.written_message_id(f"<{message_id.strip().strip('<>')}>".encode())
    found = await _arrived(mail, account, wanted)
    found += await _waiting(mail, account, wanted)
    found += await _left(mail, account, wanted)
    return sorted(found, key=_when)


def _when(event: Event) -> tuple[bool, int]:
    return event.at is None, event.at or 0


async def _accounts(desk: Desk, name: str | None) -> AsyncIterator[Account]:
    if name is not None:
        yield await accounts.opened(desk, name)
        return
    for row in await desk.mail.index.read(account_rows.all_rows):
        if row.state != account_rows.REMOVING:
            yield await account_handles.open(desk.mail, row.name)


async def _arrived(store: MailStore, account: Account, message_id: str) -> list[Event]:
    key = account.codec.key("message-id", threads.message_id(f"<{message_id}>".encode()).encode())

    def unit(tx: Transaction) -> list[tuple[EmailId, tuple[object, ...]]]:
        ids = finding.by_message_id(tx, account.id, key)
        return [(EmailId(row[0]), tuple(row[2:])) for row in finding.columns(tx, account.id, ids, _EVIDENCE)]

    events: list[Event] = []
    for email_id, columns in await store.index.read(unit):
        try:
            mail = await one_mail.find(store, account, email_id)
        except Failure as failure:
            if failure.kind is not Kind.NOT_FOUND:
                raise
            events.append(Event(None, account.name, "stored", text="in no mailbox any more"))
            continue
        facts = {name: str(value) for name, value in zip(_EVIDENCE, columns, strict=True) if value}
        recipient = f"{facts.pop('rcpt_to_localpart', '')}@{facts.pop('rcpt_to_domain', '')}".strip("@")
        if "remote_ip" in facts:
            text = f"from {facts['remote_ip']}, taken because: {facts.get('reason', 'not kept')}"
            events.append(Event(mail.received, account.name, "received", recipient, text, facts))
        places = ", ".join(f"{place.mailbox} UID {place.uid}" for place in mail.places)
        size = {"size": str(mail.size), "flags": " ".join(mail.flags)}
        events.append(Event(mail.received, account.name, "stored", recipient, f"in {places}", size))
    return events


async def _waiting(store: MailStore, account: Account, message_id: str) -> list[Event]:
    events: list[Event] = []
    after = looked = 0
    chosen = Filter(account=account.id)
    while page := await store.index.read(partial(queue_admin.listed, chosen=chosen, after=after)):
        for row in page:
            if summary.opened(account.codec, row.object_id, row.summary).message_id != message_id:
                continue
            state = "on hold" if row.held else "being delivered" if row.lease_until else "waits"
            facts = {"queue_id": str(row.id), "queued_as": row.object_id, "attempts": str(row.attempts), "state": state}
            facts |= {"sender": row.sender, "transport": row.transport, "next_attempt": str(row.next_attempt)}
            events.append(Event(row.queued, account.name, "queued", row.recipient, state, _said(facts)))
            events += _attempts(account, row.recipient, results.read(row.results))
        after = page[-1].id
        looked += len(page)
        if looked >= MOST:
            break
    return events


async def _left(store: MailStore, account: Account, message_id: str) -> list[Event]:
    events: list[Event] = []
    before, looked = 2**62, 0
    while page := await store.index.read(partial(retired.listed, account=account.id, before=before)):
        for row in page:
            if summary.opened(account.codec, row.object_id, row.summary).message_id != message_id:
                continue
            facts = {
                "queue_id": str(row.id),
                "queued_as": row.object_id,
                "sender": row.sender,
                "attempts": str(row.attempts),
            }
            events.append(Event(row.queued, account.name, "queued", row.recipient, "submitted", _said(facts)))
            events += _attempts(account, row.recipient, results.read(row.results))
            events.append(Event(row.retired, account.name, "retired", row.recipient, row.outcome))
        before = page[-1].id
        looked += len(page)
        if looked >= MOST:
            break
    return events


def _attempts(account: Account, recipient: str, past: list[Past]) -> Iterator[Event]:
    for each in past:
        facts = _said({"status": each.status, "host": each.host, "remote": each.address, "tls": each.tls})
        where = f" by {each.host or each.address}" if each.host or each.address else ""
        text = f"{each.outcome}{where}: {each.text}" if each.text else f"{each.outcome}{where}"
        yield Event(each.at, account.name, "attempt", recipient, text, facts)


def _said(facts: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in facts.items() if value}
