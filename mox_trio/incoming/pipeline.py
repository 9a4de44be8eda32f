"""What a listener that takes mail does with a transaction (RFC 5321 3.3): a `smtpd.receiver.Receiver`.

MAIL   the sender's domain can receive mail, else 550 5.7.27 (451 4.4.0 when DNS does not say)
RCPT   somebody gets mail to it; a second one is taken only where SPF passed for a reverse-path that is not null, else 452
       4.5.3: so that every failure after the message is a reply or a notice that is safe to send
DATA   1. the header is read: too long, going in circles, no single From: refused
       2. the checks, side by side (`evidence`); trouble is an answer
       3. each recipient is decided alone (`judge`); new senders wait, at most until the server stops
       4. copies are delivered (`accept`), without Authentication-Results that others wrote in our name
       5. where some failed and others did not, a notice about those is queued (`notices`), and they are answered as taken;
          when it cannot be queued nothing is answered as taken, and the sender tries again

Clients of LMTP are servers of the same site: they may send for any domain and to any number of recipients, nothing is
checked, and each recipient has its own reply. A transaction that is cut off before its reply may be delivered all the same.
"""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from mox_trio.base.address import Path
from mox_trio.base.domain import Domain
from mox_trio.base.metrics import Metrics
from mox_trio.config.live import LiveConfig
from mox_trio.incoming import cleaned, content, judge, notices, recipients
from mox_trio.incoming.accept import Acceptor, Arrivals, Copy
from mox_trio.incoming.content import Content
from mox_trio.incoming.deciding import Decided, Decider
from mox_trio.incoming.evidence import Checks, Evidence
from mox_trio.incoming.headers import Fields
from mox_trio.incoming.holders import Holders
from mox_trio.incoming.judge import Judge, NoSignals, Signals, Subject
from mox_trio.incoming.notices import Notices, Of, Told
from mox_trio.incoming.rates import Rates
from mox_trio.incoming.settings import Settings
from mox_trio.mailstore.spool import Spooled
from mox_trio.mailstore.store import MailStore
from mox_trio.policy.results import Spf, SpfStatus
from mox_trio.policy.sender_domain import Receives
from mox_trio.protocol.mime import threads
from mox_trio.protocol.smtp.envelope import Client, Envelope, IpAddress, Recipient
from mox_trio.protocol.smtp.reply import Refusal, Reply
from mox_trio.transport.closing import Closing

logger = logging.getLogger(__name__)

DELIVERED: Final = Reply.of(250, "2.2.0", "delivered")
SEVERAL: Final = Reply.of(452, "4.5.3", "one recipient at a time: the domain of the sender does not vouch for you")
NO_NOTICE: Final = Reply.of(451, "4.3.0", "error processing, try again later")
NO_SIGNALS: Final = NoSignals()
INLINE: Final = 64 * 1024
"""Octets of a header that is read on the event loop."""
MOST_REMEMBERED: Final = 10_000
"""Transactions of which the outcome of SPF is remembered from RCPT to DATA."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What all listeners share."""

    config: LiveConfig
    store: MailStore
    checks: Checks
    holders: Holders
    rates: Rates
    notices: Notices
    metrics: Metrics
    signals: Signals = NO_SIGNALS
    arrivals: Arrivals | None = None
    """Calls customers' URLs about what is delivered."""
    closing: Closing = field(default_factory=Closing)
    """Ends delays when the server stops."""


class Incoming:
    """Takes the mail of one listener."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._settings = settings
        self._parts = parts
        self._decider = Decider(parts.holders, Judge(settings, parts.rates, parts.signals))
        self._acceptor = Acceptor(settings, parts.store, parts.holders, parts.arrivals)
        self._spf: OrderedDict[_Sender, Spf] = OrderedDict()

    async def mail(self, client: Client, envelope: Envelope) -> None:
        """May mail of this sender come? Raises Refusal."""
        path = envelope.reverse_path
        if self._settings.lmtp or path.is_null:
            return
        if not isinstance(path.host, Domain):
            raise self._refused(Reply.of(550, "5.7.0", "a sender has a domain"), "sender-literal")
        receives = await self._parts.checks.receives(path.host, client)
        if receives is Receives.UNKNOWN:
            reply = Reply.of(451, "4.4.0", "the domain of the sender cannot be looked up, try again later")
            raise self._refused(reply, "sender-domain-unknown")
        if receives is not Receives.YES:
            reply = Reply.of(550, "5.7.27", "the domain of the sender takes no mail")  # RFC 7505 4.2
            raise self._refused(reply, f"sender-domain-{receives.value}")

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient) -> None:
        """May this recipient join those before? Raises Refusal."""
        try:
            recipients.check(self._parts.config.current, self._settings, recipient.path)
        except Refusal as refusal:
            raise self._refused(refusal.reply, refusal.reason) from None
        if not envelope.recipients or self._settings.lmtp or self._settings.everything_to:
            return
        if envelope.reverse_path.is_null or (await self._spf_of(client, envelope)).status is not SpfStatus.PASS:
            raise self._refused(SEVERAL, "several-recipients")

    async def data(self, client: Client, envelope: Envelope, message: Spooled) -> Sequence[Reply]:
        """Take the message: a reply for each recipient. Raises Refusal, and errors of the stores from before anything was
        delivered.
        """
        settings, parts = self._settings, self._parts
        snapshot = parts.config.current
        try:
            read = await self._read(message, envelope)
        except Refusal as refusal:
            raise self._refused(refusal.reply, refusal.reason) from None
        found = [recipients.find(snapshot, settings, each.path) for each in envelope.recipients]
        if not any(found):
            await self._delay(client, settings.unknown_delay)
            raise self._refused(recipients.UNKNOWN, "unknown-recipient")
        evidence = await self._checked(client, envelope, message, read)
        facts = judge.facts_of(envelope, read, evidence)
        subject = Subject(client, envelope, message, read, evidence, facts, str(client.address))
        decided = await self._decider.decide(subject, snapshot, found)
        if decided.waits(snapshot):
            await self._delay(client, settings.first_time_sender_delay)
        return await self._put(subject, decided)

    async def _read(self, message: Spooled, envelope: Envelope) -> Content:
        """The header, in a thread where it is long. Raises Refusal."""
        if message.root.body_start <= INLINE:
            return content.read(message, envelope, self._settings)
        limiter = self._parts.store.computing
        return await trio.to_thread.run_sync(content.read, message, envelope, self._settings, limiter=limiter)

    async def _delay(self, client: Client, seconds: float) -> None:
        """Make a client wait, but not longer than the server goes on: what was sent is then decided at once."""
        if not client.exempt:
            with self._parts.closing.interruptible():
                await trio.sleep(seconds)

    async def _checked(self, client: Client, envelope: Envelope, message: Spooled, read: Content) -> Evidence | None:
        if self._settings.lmtp:
            return None
        spf = self._spf.pop(_sender(client, envelope), None)
        return await self._parts.checks.gather(client, envelope, message, read, spf)

    async def _put(self, subject: Subject, decided: Decided) -> Sequence[Reply]:
        parts = self._parts
        fields = Fields(self._settings, subject, parts.store.now())
        copies = list(decided.copies.values())
        outcomes = await self._stored(copies, subject, fields) if copies else []
        for copy, outcome in zip(copies, outcomes, strict=True):
            if outcome is None and subject.evidence is not None and not subject.client.exempt:
                parts.rates.add(copy.to.account, subject.client.address, subject.message.size)
        told = decided.told(dict(zip(decided.copies, outcomes, strict=True)))
        self._log(subject, decided, told)
        return await self._answers(subject, told, fields)

    async def _stored(self, copies: list[Copy], subject: Subject, fields: Fields) -> list[Reply | None]:
        snapshot, put = self._parts.config.current, self._acceptor.put
        if not subject.content.has_forged_results:
            return await put(copies, subject, subject.message, fields, snapshot)
        async with cleaned.without_forged_results(self._parts.store, subject.message, subject.content) as kept:
            return await put(copies, subject, kept, fields, snapshot)

    async def _answers(self, subject: Subject, told: Sequence[Told], fields: Fields) -> Sequence[Reply]:
        """Replies, after the notices that they need."""
        replies = [each.refusal or DELIVERED for each in told]
        delivered = [each for each in told if each.refusal is None]
        evidence = subject.evidence
        if evidence is None or not delivered:
            return replies
        is_safe = evidence.spf.status is SpfStatus.PASS and not subject.envelope.reverse_path.is_null
        of = Of(subject.envelope, subject.message, fields.for_notices, fields.now)
        if len(delivered) < len(told):
            if not is_safe or not await notices.of_failures(self._parts.notices, of, told):
                # Better that some get it twice than that a failure is lost.
                return [NO_NOTICE] * len(told)
            replies = [DELIVERED] * len(told)
        if is_safe:
            await notices.of_successes(self._parts.notices, of, told)
        return replies

    async def _spf_of(self, client: Client, envelope: Envelope) -> Spf:
        key = _sender(client, envelope)
        spf = self._spf.get(key)
        if spf is None:
            spf = await self._parts.checks.spf(client, envelope.reverse_path)
            if spf.status is not SpfStatus.TEMPERROR:
                self._spf[key] = spf
            while len(self._spf) > MOST_REMEMBERED:
                self._spf.popitem(last=False)
        return spf

    def _refused(self, reply: Reply, reason: str) -> Refusal:
        """A refusal of the sender, a recipient or the message, counted; the session logs it."""
        result = "unknownuser" if reason.startswith("unknown-") else "reject"
        self._parts.metrics.count("smtpserver_delivery_total", result=result, reason=reason)
        return Refusal(reply, reason)

    def _log(self, subject: Subject, decided: Decided, told: Sequence[Told]) -> None:
        is_shown = logger.isEnabledFor(logging.INFO)
        shared: dict[str, object] = {
            "session": subject.client.session,
            "remote": subject.remote,
            "sender": str(subject.envelope.reverse_path),
            "size": subject.message.size,
            "message_id": threads.written_message_id(subject.content.header.get(b"message-id") or b""),
        }
        if subject.evidence is not None:
            shared |= subject.evidence.log_fields()
        for each in told:
            reason = decided.reason(each.recipient)
            refused = "highrate" if reason == "high-rate" else "reject"
            result = "delivered" if each.refusal is None else refused
            self._parts.metrics.count("smtpserver_delivery_total", result=result, reason=reason)
            if not is_shown:
                continue
            extra = {**shared, "recipient": str(each.recipient.path), "reason": reason}
            if each.refusal is not None:
                extra["reply"] = str(each.refusal)
            logger.info("message received" if each.refusal is None else "message refused", extra=extra)


_Sender = tuple[str, IpAddress, str, Path]


def _sender(client: Client, envelope: Envelope) -> _Sender:
    """What SPF is asked about, in one session."""
    return client.session, client.address, client.hello, envelope.reverse_path
