"""A server that takes mail, without a network: transactions go in, mailboxes and notices are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path as FilePath
from typing import Any

import trio

from mox_trio.base.address import Path
from mox_trio.base.domain import Domain
from mox_trio.base.failure import Failure, Kind
from mox_trio.base.metrics import Metrics
from mox_trio.config import live, load
from mox_trio.config.live import LiveConfig, Snapshot
from mox_trio.config.source import Document, FileSource
from mox_trio.incoming.content import Content
from mox_trio.incoming.evidence import Checks, Evidence
from mox_trio.incoming.holders import Holders
from mox_trio.incoming.judge import NoSignals, Signals
from mox_trio.incoming.pipeline import Incoming, Parts
from mox_trio.incoming.rates import Rates
from mox_trio.incoming.settings import Settings
from mox_trio.mailstore import accounts, mailboxes, reading
from mox_trio.mailstore.spool import Spool, Spooled
from mox_trio.mailstore.store import MailStore
from mox_trio.policy.results import Arc, ArcStatus, Dmarc, DmarcStatus, Iprev, IprevStatus, Spf, SpfStatus
from mox_trio.policy.sender_domain import Receives
from mox_trio.protocol.dsn import Notice
from mox_trio.protocol.smtp.envelope import Client, Envelope, Recipient
from mox_trio.protocol.smtp.reply import Refusal, Reply
from mox_trio.transport.closing import Closing
from storage_backends.index.api import Row
from storage_backends.index.schema import email, mailbox, message
from tests.kit import damage

STATIC = """
hostname = "mail.example.org"
postmaster.account = "ann"
[listeners.public]
ips = ["192.0.2.25"]
hostname = "in.example.org"
smtp.starttls = false
lmtp.port = 24
"""
DYNAMIC = """
[domains."example.org"]
localpart_catchall_separators = ["+"]
[domains."example.org".aliases.team]
members = ["ann@example.org", "bob@example.org", "eve@example.org"]
[domains."example.org".aliases.closed]
members = ["ann@example.org", "bob@example.org"]
post_public = false
[domains."example.org".aliases.sending]
members = ["bob@example.org"]
post_public = false
allow_msg_from = true
[domains."off.example"]
disabled = true
[domains."any.example"]
[accounts.ann]
addresses = ["ann@example.org", "ann@off.example"]
[accounts.bob]
addresses = ["bob@example.org", "@any.example"]
[accounts.bob.destinations."bob@example.org"]
mailbox = "Work"
[accounts.ida]
addresses = ["ida@example.org"]
quota_messages = 1
first_time_sender_delay = false
[accounts.eve]
addresses = ["eve@example.org", "gone@example.org", "busy@example.org", "signed@example.org"]
quota = "20KiB"
first_time_sender_delay = false
[accounts.eve.destinations."gone@example.org"]
smtp_error = "550 moved away"
[accounts.eve.destinations."busy@example.org"]
smtp_error = "421"
[accounts.eve.destinations."signed@example.org"]
message_auth_required_smtp_error = "sign your mail"
"""

CLIENT = Client(ip_address("192.0.2.1"), 4711, ip_address("192.0.2.25"), hello="mx.sender.example", session="s1")
SPF_PASS = Spf(SpfStatus.PASS, "mailfrom", Domain.parse("sender.example"), mechanism="ip4:192.0.2.1")
EVIDENCE = Evidence(
    Iprev(IprevStatus.PASS, ("mx.sender.example",)),
    Spf(SpfStatus.NONE, "mailfrom", Domain.parse("sender.example")),
    (),
    Arc(ArcStatus.NONE),
    Dmarc(DmarcStatus.NONE, org_domain=Domain.parse("sender.example")),
)


@dataclass
class Told:
    """Checks that find what a test says."""

    evidence: Evidence = EVIDENCE
    domains: dict[str, Receives] = field(default_factory=dict)
    asked_spf: int = 0
    given_spf: list[Spf | None] = field(default_factory=list)
    seen: list[bytes] = field(default_factory=list)
    """Messages as the checks saw them."""

    async def receives(self, domain: Domain, client: Client | None = None) -> Receives:
        return self.domains.get(domain.ascii, Receives.YES)

    async def spf(self, client: Client, reverse_path: Path) -> Spf:
        self.asked_spf += 1
        return self.evidence.spf

    async def gather(
        self, client: Client, envelope: Envelope, message: Spooled, content: Content, spf: Spf | None
    ) -> Evidence:
        self.given_spf.append(spf)
        self.seen.append(message.read(0, message.size))
        return self.evidence


@dataclass
class Sent:
    """Notices that would have been sent."""

    notices: list[tuple[Path, Notice, bool]] = field(default_factory=list)
    broken: bool = False

    async def report(self, sender: Path, notice: Notice, *, require_tls: bool) -> None:
        if self.broken:
            raise Failure(Kind.UNAVAILABLE, "no")
        self.notices.append((sender, notice, require_tls))


def snapshot(dynamic: str = DYNAMIC, static: str = STATIC) -> Snapshot:
    """A configuration."""
    settings = load.static_text(static, FilePath("/etc/mox-trio/mox-trio.toml"))
    return live.snapshot(settings, Document(dynamic, "1"), "domains.toml")


def path(written: str) -> Path:
    return Path.parse(written if written.startswith("<") else f"<{written}>")


@dataclass
class World:
    """A listener, and what is behind it."""

    store: MailStore
    config: LiveConfig
    settings: Settings
    told: Told = field(default_factory=Told)
    sent: Sent = field(default_factory=Sent)
    signals: Signals = field(default_factory=NoSignals)
    client: Client = CLIENT
    checks: Checks | None = None
    metrics: Metrics = field(default_factory=Metrics)
    closing: Closing = field(default_factory=Closing)

    def __post_init__(self) -> None:
        self.holders = Holders(self.store)
        self.rates = Rates(trio.current_time)
        self.make()

    def make(self, **changes: Any) -> "World":
        """Make the listener anew, with other settings."""
        self.settings = replace(self.settings, **changes)
        parts = Parts(
            config=self.config,
            store=self.store,
            checks=self.checks or self.told,
            holders=self.holders,
            rates=self.rates,
            notices=self.sent,
            metrics=self.metrics,
            signals=self.signals,
            closing=self.closing,
        )
        self.incoming = Incoming(self.settings, parts)
        return self

    def find(self, **results: Any) -> None:
        """What the checks are to find instead."""
        self.told.evidence = replace(self.told.evidence, **results)

    async def transact(
        self,
        data: bytes,
        *to: str | Recipient,
        sender: str = "a@sender.example",
        refused: list[str] | None = None,
        **envelope: Any,
    ) -> Sequence[Reply]:
        """MAIL, RCPT for each and DATA; recipients that RCPT refuses go to `refused` or raise."""
        transaction = Envelope(path(sender), **envelope)
        await self.incoming.mail(self.client, transaction)
        for each in to:
            recipient = each if isinstance(each, Recipient) else Recipient(path(each))
            try:
                await self.incoming.rcpt(self.client, transaction, recipient)
            except Refusal as refusal:
                if refused is None:
                    raise
                refused.append(f"{refusal.reply.code} {refusal.reply.enhanced}")
                continue
            transaction = replace(transaction, recipients=(*transaction.recipients, recipient))
        async with Spool(self.store) as spool:
            await spool.write(data)
            return await self.incoming.data(self.client, transaction, await spool.finish())

    async def codes(self, data: bytes, *to: str | Recipient, **more: Any) -> list[str]:
        """Codes and enhanced codes of the replies; that of a refusal of all stands alone."""
        try:
            replies = await self.transact(data, *to, **more)
        except Refusal as refusal:
            replies = [refusal.reply]
        return [f"{each.code} {each.enhanced}" for each in replies]

    async def mails(self, account: str, name: str = "Inbox") -> list[bytes]:
        """What is in a mailbox, in order; nothing where there is none."""
        handle = await accounts.ensure(self.store, account)
        if all(each.name != name for each in await mailboxes.listed(self.store, handle)):
            return []
        found = await damage.look(
            self.store,
            email.select()
            .with_only_columns(message.c.email_id)
            .select_from(email)
            .join(message, message.c.email_id == email.c.id)
            .join(mailbox, mailbox.c.id == message.c.mailbox_id)
            .where(mailbox.c.account_id == handle.id, mailbox.c.name == name)
            .order_by(message.c.uid),
        )
        return [await reading.mail(self.store, handle, row[0]) for row in found]

    async def row(self, *columns: str) -> Row:
        """Columns of the newest mail."""
        chosen = [email.c[name] for name in columns]
        (row,) = await damage.look(
            self.store, email.select().with_only_columns(*chosen).order_by(email.c.id.desc()).limit(1)
        )
        return row


def live_config(first: Snapshot, directory: FilePath) -> LiveConfig:
    """A configuration that stays as it is."""
    return LiveConfig(first, FileSource(directory / "domains.toml"))


def settings_of(first: Snapshot, *, lmtp: bool = False) -> Settings:
    """Of the listener `public`; nobody waits."""
    made = Settings.of_listener(first.static, first.static.listeners["public"], lmtp=lmtp)
    return replace(made, first_time_sender_delay=0)
