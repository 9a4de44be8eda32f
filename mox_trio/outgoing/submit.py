"""Takes mail from users (RFC 6409): may they send this, as whom and how much; completes it, signs it, queues it.

A positive reply means that the message is in the queue: its body durable, a row for each recipient, the limits counted and the
recipients remembered, all in one transaction. A refusal leaves nothing. Also mail to recipients at home goes through the queue.

Before the message stand, in this order: Received (without the client's address), Message-ID and Date where they are missing,
DKIM-Signature, Authentication-Results. Bcc goes away, and what is binary is encoded.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import trio

from mox_trio.base.address import Address
from mox_trio.base.failure import Failure, Kind
from mox_trio.config.directory import ToAlias
from mox_trio.config.live import Snapshot
from mox_trio.config.models.dynamic import Account as AccountSettings
from mox_trio.ledger import sent
from mox_trio.ledger.sent import Limits
from mox_trio.mailqueue.queue import Enqueued
from mox_trio.mailstore.spool import Spooled
from mox_trio.mailstore.store import Account
from mox_trio.outgoing import composing, extras, local, prepare, recipients, rewriting, senders, summary
from mox_trio.outgoing.composing import Checked
from mox_trio.outgoing.parts import Parts
from mox_trio.outgoing.senders import May
from mox_trio.outgoing.sign import Signer
from mox_trio.protocol.mime.header import Header
from mox_trio.protocol.smtp.envelope import Body, Client, Envelope, Recipient
from mox_trio.protocol.smtp.reply import Refusal, Reply
from storage_backends.errors import NotFound
from storage_backends.index.api import Transaction
from storage_backends.index.tables import retired
from storage_backends.index.tables.queue import NewRecipient, QueuedId

logger = logging.getLogger(__name__)

_Seen = TypeVar("_Seen")

INLINE: Final = 64 * 1024
"""Octets of a header that is looked at on the event loop."""
DISABLED: Final = AccountSettings(max_outgoing_messages_per_day=0, max_first_time_recipients_per_day=0)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that is in the queue."""

    name: str
    """Of the message, in logs."""
    message_id: str
    """Without angle brackets."""
    rows: tuple[NewRecipient, ...]
    ids: tuple[QueuedId, ...]
    """Of the rows, in their order."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a sender wants beside."""

    extra: Mapping[str, str] | None = None
    """Repeated in webhook calls; None: what the header's X-Mox-Extra fields say."""
    then: Callable[[Transaction, Taken], None] | None = None
    """A unit in the transaction that queues it. It may raise, and then nothing happens."""


class Submission:
    """Takes the mail of users who logged in; a `smtpd.receiver.Receiver`."""

    def __init__(self, parts: Parts, signer: Signer) -> None:
        self._parts = parts
        self._signer = signer

    async def mail(self, client: Client, envelope: Envelope) -> None:
        """May the user send from this reverse-path? Raises Refusal."""
        path = envelope.reverse_path
        if path.is_null:
            return
        if path.address is None:
            raise self._refused(550, "5.7.1", "the sender is an address with a domain", "badmailfrom")
        self._check_sender(client, path.address)

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient) -> None:
        """May the user write to this recipient? Raises Refusal."""
        snapshot, path = self._parts.config.current, recipient.path
        if path.is_null:
            raise self._refused(550, "5.1.3", "this is nobody's address", "badrcpt")
        if not local.is_local(snapshot, path):
            return
        found = snapshot.directory.of_path(path)
        if found is None:
            raise self._refused(550, "5.1.1", "there is no such address here", "unknownrcpt")
        settings = None if path.address is None else snapshot.directory.settings_of(path.address.domain)
        if settings is not None and settings.disabled:
            raise self._refused(450, "4.2.1", "the domain is switched off for now", "disabledrcpt")
        if isinstance(found, ToAlias) and not found.alias.post_public:
            sender = envelope.reverse_path.address
            if client.login not in {each.account for each in found.members} and sender != found.address:
                raise self._refused(550, "5.7.2", "only members may write to this list", "notmember")

    async def data(self, client: Client, envelope: Envelope, message: Spooled) -> Sequence[Reply]:
        """Take the message: one reply for each recipient, all alike. Raises Refusal, and errors of the stores."""
        taken = await self.take(client, envelope, message)
        return [Reply.of(250, "2.0.0", f"queued as {taken.name}")] * len(envelope.recipients)

    async def take(self, client: Client, envelope: Envelope, message: Spooled, wish: Wish = Wish()) -> Taken:
        """Take the message and say what is in the queue now. Raises Refusal, errors of the stores, and what `wish` raises."""
        snapshot = self._parts.config.current
        try:
            check = partial(composing.check, message, pedantic=snapshot.static.pedantic)
            checked = await self._looked(check, message.root.body_start)
        except Refusal as refusal:
            raise self._refused(
                refusal.reply.code, refusal.reply.enhanced, refusal.reply.text, refusal.reason
            ) from None
        self._check_sender(client, checked.author)
        account = await self._parts.account_named(client.login)
        settings = snapshot.dynamic.accounts.get(client.login, DISABLED)
        taking = _Taking(client, envelope, message, snapshot, account, settings)
        try:
            taken = await self._queue(taking, checked, wish)
        except NotFound:
            self._parts.forget_account(client.login)
            raise
        except Failure as failure:
            if failure.kind is not Kind.RATE:
                raise
            result = "messagelimiterror" if "outgoing" in failure.private else "recipientlimiterror"
            raise self._refused(451, "4.7.1", failure.public, result) from None
        self._parts.metrics.count("smtpserver_submission_total", result="ok")
        return taken

    async def _queue(self, taking: "_Taking", checked: Checked, wish: Wish) -> Taken:
        parts, client, envelope = self._parts, taking.client, taking.envelope
        now, hostname = parts.store.now(), taking.snapshot.static.hostname
        unsigned = composing.complete(checked, hostname, now)
        source = rewriting.rewritten(taking.message, checked.block)
        if envelope.body is Body.BINARY:
            source = await self._without_binary(taking.message, checked.block)
        block = unsigned + source.block
        author = checked.author
        signed = await self._signer.fields(block, source, len(source.block) + 2, _identity(author), author.domain)
        prefix = composing.received(client, envelope, hostname, now) + unsigned + signed
        prefix += composing.authenticated(hostname, envelope.reverse_path)
        rows = await self._rows(taking, checked, now)
        smtputf8 = not block.isascii() or any(
            path.needs_utf8 for path in (envelope.reverse_path, *(each.path for each in envelope.recipients))
        )
        fields, about = await self._looked(partial(_described, block), len(block))
        outgoing = prepare.Outgoing(
            prefix=prefix,
            summary=about,
            body=_body_kind(envelope, taking.message),
            smtputf8=smtputf8,
            ret=envelope.ret,
            envelope_id=envelope.envelope_id,
            release_request=composing.release_request(envelope),
        )
        written = [
            sent.correspondent(taking.account.codec, *each) for each in recipients.correspondents(envelope, checked)
        ]
        most = taking.settings
        limits = Limits(most.max_outgoing_messages_per_day, most.max_first_time_recipients_per_day)
        name = prepare.object_id()
        extra = extras.of_header(fields) if wish.extra is None else wish.extra

        def then(tx: Transaction, enqueued: Enqueued) -> None:
            if extra:
                extras.add(tx, taking.account, enqueued.outgoing_id, name, extra)
            if wish.then is not None:
                wish.then(tx, Taken(name, about.message_id, tuple(rows), enqueued.ids))

        units = prepare.Units(
            [sent.submitting(taking.account.id, written, limits, now)], [then] if extra or wish.then else []
        )
        enqueued = await prepare.queue(parts, taking.account, source, outgoing, rows, units, name)
        logger.info(
            "message submitted",
            extra={
                "account": client.login,
                "session": client.session,
                "message_id": about.message_id,
                "queued_as": name,
                "queue_ids": list(enqueued.ids),
                "sender": str(envelope.reverse_path),
                "recipients": len(envelope.recipients),
                "size": source.size,
                "held": enqueued.held,
            },
        )
        return Taken(name, about.message_id, tuple(rows), enqueued.ids)

    async def _looked(self, look: Callable[[], _Seen], octets: int) -> _Seen:
        """What a look at a header of so many octets comes to, in a thread where it may take long."""
        return look() if octets <= INLINE else await trio.to_thread.run_sync(look, limiter=self._parts.store.computing)

    async def _without_binary(self, message: Spooled, block: bytes) -> rewriting.Rewritten:
        encode = partial(rewriting.without_binary, message, block)
        encoded = await trio.to_thread.run_sync(encode, limiter=self._parts.store.computing)
        has_nul = partial(rewriting.has_nul, encoded.blocks())
        if await trio.to_thread.run_sync(has_nul, limiter=self._parts.store.computing):
            # RFC 3030 3: a part that is binary says so
            raise self._refused(554, "5.6.3", "a part holds NUL that is not marked as binary", "badmessage")
        return encoded

    async def _rows(self, taking: "_Taking", checked: Checked, now: int) -> list[NewRecipient]:
        """The rows of all recipients, each with a reverse-path of its own where the login wants that."""
        envelope, settings = taking.envelope, taking.settings
        plain = recipients.rows(taking.snapshot, taking.client.login, envelope, now)
        if checked.tls_not_required and not envelope.require_tls:
            plain = [each._replace(require_tls=0) for each in plain]  # RFC 8689 5
        login = taking.client.login_address
        if login is None or login not in settings.from_id_login_addresses or envelope.reverse_path.address is None:
            return plain
        try:
            unique = recipients.with_from_ids(taking.snapshot, plain, envelope.reverse_path.address)
        except ValueError as error:
            raise self._refused(554, "5.7.1", str(error), "badfromid") from None
        given = [each.from_id for each in unique if each.from_id and each.sender == str(envelope.reverse_path)]
        for from_id in given:
            if await self._parts.queue.index.read(partial(retired.from_id_taken, from_id=from_id)):
                raise self._refused(554, "5.7.1", "the id in the sender was used before", "badfromid")
        return unique

    def _check_sender(self, client: Client, address: Address) -> None:
        may = senders.may_send(self._parts.config.current, client.login, address)
        if may is May.NOT_NOW:
            raise self._refused(451, "4.3.0", "the domain of the sender is switched off for now", "disabledfrom")
        if may is May.NO:
            logger.warning(
                "sender not allowed",
                extra={"account": client.login, "remote": str(client.address), "sender": str(address)},
            )
            raise self._refused(550, "5.7.1", "you may not send from this address", "badfrom")

    def _refused(self, code: int, enhanced: str, text: str, result: str) -> Refusal:
        self._parts.metrics.count("smtpserver_submission_total", result=result)
        return Refusal(Reply.of(code, enhanced, text), result)


@dataclass(frozen=True, slots=True)
class _Taking:
    """A message that is being taken."""

    client: Client
    envelope: Envelope
    message: Spooled
    snapshot: Snapshot
    account: Account
    settings: AccountSettings


def _described(block: bytes) -> tuple[Header, summary.Summary]:
    fields = composing.parsed(block)
    return fields, summary.of(fields)


def _identity(author: Address) -> str:
    return "" if author.needs_utf8 else author.ascii


def _body_kind(envelope: Envelope, message: Spooled) -> Body:
    """What the next host must know; what is not certainly 7-bit is said to be 8-bit."""
    if message.memory is not None:
        return Body.SEVEN_BIT if message.memory.isascii() else Body.EIGHT_BIT
    return Body.SEVEN_BIT if envelope.body is Body.SEVEN_BIT else Body.EIGHT_BIT
