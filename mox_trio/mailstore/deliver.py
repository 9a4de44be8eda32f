"""The way of a message into an account: body, then row, then announce.

1. `bodies.put` makes the bytes durable. Fails: nothing happened.
2. One unit of the index takes a UID, adds to the counts, inserts the mail and its placement, and runs what else the
   caller wants in the same transaction (`also`). Fails: the body is an orphan; where the reason is the message's own
   (no such mailbox, no quota) it is deleted at once if it can be, else `upkeep` removes it.
3. The index announces the account after the commit: no caller can forget it.

What is returned is durable. A caller that is cancelled may find the message delivered all the same.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import UNLIMITED, Quota
from mox_trio.mailstore import keywords, mailboxes, rendering, threads
from mox_trio.mailstore.spool import INLINE, Spooled
from mox_trio.mailstore.store import Account, MailStore, object_id, thread_id
from mox_trio.mailstore.together import together
from mox_trio.protocol.mime import part
from storage_backends.errors import StorageError
from storage_backends.index.api import EmailId, MailboxId, ModSeq, Transaction, Uid
from storage_backends.index.tables import emails, placing
from storage_backends.index.tables import mailboxes as rows
from storage_backends.index.tables.emails import Evidence

INLINE_PARTS: Final = 32
"""Messages of one call that have no more parts than this, and `INLINE` bytes, are rendered without a thread."""
PUTS: Final = 16
"""Bodies of one call that are put side by side."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message for one account."""

    spooled: Spooled
    prefix: bytes = b""
    """Headers to be added in front; each ends with CRLF."""
    flags: tuple[str, ...] = ()
    """Names of flags and keywords."""
    received: int | None = None
    """INTERNALDATE in milliseconds since 1970 UTC; None is now."""
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where a message is now."""

    mailbox_id: MailboxId
    uidvalidity: int
    uid: Uid
    email_id: EmailId
    object_id: str
    thread_id: str
    modseq: ModSeq
    size: int


Also = Callable[[Transaction, Sequence[Delivered]], None]
"""A unit that runs in the transaction of a delivery, after its rows are in."""


class _Made(NamedTuple):
    """What `Prepared` says but for where the body is."""

    object_id: str
    rendered: emails.Rendered
    thread_keys: tuple[int, ...]
    by_subject: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message whose body is durable and whose columns are rendered: what is left is one unit of the index."""

    incoming: Incoming
    object_id: str
    ref: str
    rendered: emails.Rendered
    thread_keys: tuple[int, ...]
    by_subject: bool
    received: int

    @property
    def size(self) -> int:
        """Bytes of prefix and body."""
        return len(self.incoming.prefix) + self.incoming.spooled.size


@dataclass(frozen=True, slots=True)
class Terms:
    """How messages are taken: what the account may hold in all, and whether a missing mailbox is made."""

    quota: Quota = UNLIMITED
    create: bool = True


async def to_mailbox(
    store: MailStore,
    account: Account,
    mailbox: str,
    incoming: Incoming,
    terms: Terms = Terms(),
    also: Sequence[Also] = (),
) -> Delivered:
    """Deliver one message into the mailbox of this name; see `many`."""
    return (await many(store, account, mailbox, [incoming], terms, also))[0]


async def many(
    store: MailStore,
    account: Account,
    mailbox: str,
    incoming: Sequence[Incoming],
    terms: Terms = Terms(),
    also: Sequence[Also] = (),
) -> list[Delivered]:
    """Deliver messages into the mailbox of this name: all or none, in this order; fails as `place`."""
    name = mailboxes.canonical(mailbox)
    prepared = await prepare(store, account, incoming)
    try:
        return await place(store, account, name, prepared, terms, also)
    except Failure:
        await discard(store, prepared)
        raise


async def prepare(store: MailStore, account: Account, incoming: Sequence[Incoming]) -> list[Prepared]:
    """Make the bodies durable and render the columns, side by side for several messages."""
    if _quick(incoming):
        rendered = [_render(account, each) for each in incoming]
    else:
        rendered = await trio.to_thread.run_sync(_render_in_thread, account, incoming, limiter=store.computing)
    pairs = zip(incoming, rendered, strict=True)
    return await together([partial(_put, store, account, each, made) for each, made in pairs], PUTS)


async def place(
    store: MailStore,
    account: Account,
    mailbox: str,
    prepared: Sequence[Prepared],
    terms: Terms = Terms(),
    also: Sequence[Also] = (),
) -> list[Delivered]:
    """Place prepared messages in the mailbox of this name in one unit: all or none, in this order.

    Failures, after which the caller may `discard` or try otherwise: NOT_FOUND when there is no such mailbox and it is
    not to be made, QUOTA, LIMIT (keywords, mailboxes), INVALID (names of mailbox or keywords). Errors of the stores
    pass through.
    """
    return await store.index.write([account.id], placing_unit(store, account, mailbox, prepared, terms, also))


def placing_unit(
    store: MailStore,
    account: Account,
    mailbox: str,
    prepared: Sequence[Prepared],
    terms: Terms = Terms(),
    also: Sequence[Also] = (),
) -> Callable[[Transaction], list[Delivered]]:
    """What `place` does, as a unit for a transaction that does more with the account. INVALID (name of the mailbox)."""
    name = mailboxes.canonical(mailbox)
    return partial(_insert, store=store, account=account, name=name, prepared=prepared, terms=terms, also=also)


async def discard(store: MailStore, prepared: Sequence[Prepared]) -> None:
    """Delete the bodies of messages that `place` refused with a Failure: no row names them. `upkeep` removes what
    cannot be deleted now.
    """
    with trio.CancelScope(shield=True, deadline=trio.current_time() + 5), suppress(StorageError):
        await store.bodies[store.default_store].delete([each.ref for each in prepared])


def _quick(incoming: Sequence[Incoming]) -> bool:
    """Whether rendering all of them is quick, whoever wrote them."""
    if sum(len(each.prefix) + each.spooled.size for each in incoming) > INLINE:
        return False
    return sum(1 for each in incoming for _ in part.walk(each.spooled.root)) <= INLINE_PARTS


def _render_in_thread(account: Account, incoming: Sequence[Incoming]) -> list[_Made]:
    """All in one hop; gives up between two when the caller is cancelled."""
    made = []
    for each in incoming:
        trio.from_thread.check_cancelled()
        made.append(_render(account, each))
    return made


def _render(account: Account, incoming: Incoming) -> _Made:
    own_id = object_id()
    rendered, threading = rendering.render(account.codec, own_id, incoming.prefix, incoming.spooled)
    by_subject = threading.is_reply and not threading.references
    return _Made(own_id, rendered, threads.keys(account.codec, threading), by_subject)


async def _put(store: MailStore, account: Account, incoming: Incoming, made: _Made) -> Prepared:
    ref = await store.bodies[store.default_store].put(account.id, incoming.spooled)
    return Prepared(
        incoming=incoming,
        object_id=made.object_id,
        ref=ref,
        rendered=made.rendered,
        thread_keys=made.thread_keys,
        by_subject=made.by_subject,
        received=store.now() if incoming.received is None else incoming.received,
    )


def _insert(
    tx: Transaction,
    *,
    store: MailStore,
    account: Account,
    name: str,
    prepared: Sequence[Prepared],
    terms: Terms,
    also: Sequence[Also],
) -> list[Delivered]:
    bits = [keywords.bits(tx, account.id, each.incoming.flags, create=True) for each in prepared]
    counts = rows.Counts(0, 0, 0, 0, 0)
    for (flag_bits, _), each in zip(bits, prepared, strict=True):
        counts = counts.plus(placing.counts_of(flag_bits, each.size))
    known = threads.known(tx, account.id, [each.thread_keys for each in prepared])
    taken = rows.take_uids_by_name(tx, account.id, name, len(prepared), counts)
    if taken is None:
        if not terms.create:
            raise Failure(Kind.NOT_FOUND, f"there is no mailbox {name!r}; create it first")
        mailboxes.add_with_parents(tx, account.id, name)
        taken = rows.take_uids_by_name(tx, account.id, name, len(prepared), counts)
    if taken is None:
        raise Failure(Kind.CONFLICT, f"the mailbox {name!r} was removed meanwhile; try again")
    mailboxes.check_quota(tx, account, terms.quota)
    first = taken.uidnext - len(prepared)
    target = _Target(store, account, taken, known())
    asked = [
        _insert_one(tx, target, Uid(first + number), each, each_bits)
        for number, (each, each_bits) in enumerate(zip(prepared, bits, strict=True))
    ]
    delivered = [each() for each in asked]
    for unit in also:
        unit(tx, delivered)
    return delivered


def domain_key(account: Account, domain: str) -> int | None:
    """What an account's rows hold in place of a domain of a From field, in whatever case; None for an empty one."""
    return account.codec.key("domain", domain.lower().encode("utf-8", "replace")) if domain else None


class _Target(NamedTuple):
    """Where messages of one call go."""

    store: MailStore
    account: Account
    taken: rows.Taken
    threads: threads.Known


def _insert_one(
    tx: Transaction, target: _Target, uid: Uid, message: Prepared, bits: tuple[int, int]
) -> Callable[[], Delivered]:
    store, account, taken, known = target
    rendered = message.rendered
    by_subject = None
    if message.by_subject and rendered.subject_key is not None:
        by_subject = (taken.mailbox_id, uid, rendered.subject_key, message.received)
    thread = threads.assign(tx, account.id, known, message.thread_keys, thread_id(message.object_id), by_subject)
    evidence = message.incoming.evidence or Evidence()
    row = emails.EmailRow(
        account_id=account.id,
        object_id=message.object_id,
        thread_id=thread,
        store=store.default_store,
        ref=message.ref,
        size=message.size,
        **rendered._asdict(),
        from_domain_key=domain_key(account, evidence.msg_from_domain),
        from_org_domain_key=domain_key(account, evidence.msg_from_org_domain),
    )
    email_id = emails.add(tx, row, message.incoming.evidence)
    placement = placing.Placement(taken.mailbox_id, uid, bits[0], bits[1], message.received, store.now(), message.size)
    placing.place(tx, account.id, placement)
    return lambda: Delivered(
        mailbox_id=taken.mailbox_id,
        uidvalidity=taken.uidvalidity,
        uid=uid,
        email_id=email_id(),
        object_id=message.object_id,
        thread_id=thread,
        modseq=tx.modseq(account.id),
        size=message.size,
    )
