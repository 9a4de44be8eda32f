"""The static document, mox-trio.toml: what the server is, read once at start. Only `hostname` has no default."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mox_trio.config.models.limits import Dns, Limits, Queue, Webhooks
from mox_trio.config.models.listeners import Listener
from mox_trio.config.models.secret import SecretRef
from mox_trio.config.models.section import Section
from mox_trio.config.models.storage import Keys, Storage
from mox_trio.config.models.transports import Transport
from mox_trio.config.models.values import (
    ConfigPath,
    DataPath,
    DomainName,
    Duration,
    Items,
    Line,
    LocalpartText,
    MailboxName,
    MaybeMailboxName,
    Port,
    Table,
    seconds,
)

LogLevel = Literal["error", "warn", "info", "debug", "trace", "traceauth", "tracedata"]


class Log(Section):
    """The log, on standard error."""

    level: LogLevel = Field(
        default="info",
        description="Least important level that is written; commands write warnings and errors unless it is set. traceauth and "
        "tracedata show secrets and mail.",
    )
    format: Literal["logfmt", "json"] = Field(
        default="logfmt", description="One line of key=value, or one JSON object, an event."
    )
    levels: Table[LogLevel] = Field(
        default_factory=dict, description='Levels of single rooms, as in { smtpd = "debug" }.'
    )


class Tls(Section):
    """Which certificate authorities are believed when this server connects to others."""

    ca_files: Items[ConfigPath] = Field(default=(), description="PEM files with certificate authorities.")
    system_cas: bool = Field(default=True, description="Believe the authorities of the operating system too.")


class ExternalAccount(Section):
    """An account with the ACME provider that exists outside ACME (external account binding)."""

    key_id: Line = Field(description="Key identifier given by the provider.")
    key: SecretRef = Field(description="Where the key given by the provider is, as base64url.")


class Acme(Section):
    """A provider of certificates."""

    directory_url: Annotated[Line, Field(pattern="^https://[^ ]+$")] = Field(
        default="https://acme-v02.api.letsencrypt.org/directory",
        description="URL of the provider's directory.",
        examples=["https://acme-v02.api.letsencrypt.org/directory"],
    )
    contact_email: Line | None = Field(
        default=None, description="Address the provider may write to.", examples=["postmaster@example.org"]
    )
    renew_before: Duration | None = Field(
        default=None,
        description="Renew this long before a certificate ends; without it, after two thirds of its life.",
        examples=["30d"],
    )
    port: Port = Field(
        default=443, description="Port for validation (tls-alpn-01), where 443 is forwarded to another port."
    )
    issuer_domain: DomainName | None = Field(
        default=None,
        description="Name of the provider in CAA records; known for Let's Encrypt.",
        examples=["letsencrypt.org"],
    )
    external_account: ExternalAccount | None = Field(default=None, description="An account that exists outside ACME.")


class Postmaster(Section):
    """Who gets mail to postmaster of the host and of domains without one."""

    account: Line | None = Field(
        default=None, description="Account; without it, the first one of the dynamic document.", examples=["mary"]
    )
    mailbox: MailboxName = Field(default="Postmaster", description="Mailbox; made when it is needed.")


class HostTlsReports(Section):
    """Where reports of others about TLS to this host arrive."""

    account: Line = Field(description="Account.", examples=["mary"])
    mailbox: MailboxName = Field(default="TLSRPT", description="Mailbox; made when it is needed.")
    localpart: LocalpartText = Field(default="tlsreports", description="What stands before @hostname.")


class InitialMailboxes(Section):
    """Mailboxes of a new account, beside Inbox. An empty name leaves one out."""

    sent: MaybeMailboxName = Field(default="Sent", description="For mail that was sent.")
    drafts: MaybeMailboxName = Field(default="Drafts", description="For mail that is being written.")
    archive: MaybeMailboxName = Field(default="Archive", description="For mail to keep.")
    trash: MaybeMailboxName = Field(default="Trash", description="For mail that was deleted.")
    junk: MaybeMailboxName = Field(default="Junk", description="For unwanted mail.")
    others: Items[MailboxName] = Field(default=(), description="Further mailboxes.")


class Incoming(Section):
    """How mail from outside is treated."""

    dmarc_quarantine: Literal["reject", "junk"] = Field(
        default="reject", description="What happens to mail whose domain asks for quarantine when it fails DMARC."
    )
    dmarc_tree_walk: bool = Field(
        default=False,
        description="Find the DMARC record of an organisation by asking DNS (RFC 9989) rather than by the public suffix list.",
    )
    unknown_recipients: Literal["rcpt", "data"] = Field(
        default="rcpt",
        description="When unknown recipients are refused: at once, or after the message, which hides who exists.",
    )
    max_received: Annotated[int, Field(ge=10, le=1000)] = Field(
        default=100, description="Received fields a message may have; more means it goes in a circle."
    )


class Reports(Section):
    """Our reports to other domains."""

    dmarc: bool = Field(default=True, description="Send aggregate reports to domains that ask for them.")
    tls: bool = Field(default=True, description="Send TLS reports to domains that ask for them.")
    tls_all_success: bool = Field(default=False, description="Send TLS reports when nothing failed, too.")


class Web(Section):
    """Web pages of this server."""

    admin_password_hash: SecretRef | None = Field(
        default=None,
        description="Where the argon2id hash of the admin password is; without it nobody can log in as admin.",
    )
    session_idle: Duration = Field(default=seconds("24h"), description="A login ends after this long without use.")
    admin_session_idle: Duration = Field(default=seconds("12h"), description="The same for the admin pages.")
    undo_send: Duration = Field(
        default=seconds("10s"), description="How long a message can be taken back after sending."
    )


class Static(Section):
    """mox-trio.toml. Read when the server starts; a change needs a restart."""

    hostname: DomainName = Field(
        description="Full name of this machine, as its MX and reverse DNS records have it.",
        examples=["mail.example.org"],
    )
    data_directory: ConfigPath = Field(
        default=Path("data"),
        description="Where everything lies that the server writes; relative to the directory of this file.",
    )
    config_directory: ConfigPath = Field(
        default=Path("."),
        description="Where relative paths of keys and certificates begin; relative to this file.",
    )
    dynamic: Literal["file", "index"] = Field(
        default="file",
        description="Where domains and accounts are: in domains_file, or in the index, for several nodes.",
    )
    domains_file: DataPath = Field(
        default=Path("domains.toml"),
        description="The dynamic document, when it is a file; relative to the data directory. Programs change it, so the user "
        "must be able to write in its directory; this document, which says who the user is, does not belong there.",
    )
    user: Line = Field(
        default="mox-trio", description="User to become after ports are bound, when started as root; name or number."
    )
    fix_permissions: bool = Field(
        default=True,
        description="When started as root, give the data directory, and what of root's lies in it, to the user.",
    )
    pedantic: bool = Field(default=False, description="Be strict where other software usually is not; for tests.")
    log: Log = Field(default_factory=Log, description="The log.")
    storage: Storage = Field(default_factory=Storage, description="Where mail lies.")
    keys: Keys = Field(default_factory=Keys, description="Keys of the server.")
    listeners: Table[Listener] = Field(
        default_factory=dict, description="Addresses to bind and services on them, by name.", examples=["public"]
    )
    tls: Tls = Field(default_factory=Tls, description="Certificate authorities for connections to others.")
    acme: Table[Acme] = Field(
        default_factory=dict, description="Providers of certificates, by name.", examples=["letsencrypt"]
    )
    postmaster: Postmaster = Field(default_factory=Postmaster, description="Who is postmaster.")
    host_tls_reports: HostTlsReports | None = Field(
        default=None, description="Where TLS reports about this host arrive."
    )
    initial_mailboxes: InitialMailboxes = Field(
        default_factory=InitialMailboxes, description="Mailboxes of a new account."
    )
    transports: Table[Transport] = Field(
        default_factory=dict, description="Ways for outgoing mail, by name; see routes."
    )
    incoming: Incoming = Field(default_factory=Incoming, description="How mail from outside is treated.")
    queue: Queue = Field(default_factory=Queue, description="Outgoing mail that waits.")
    webhooks: Webhooks = Field(default_factory=Webhooks, description="Calls to URLs that users set.")
    reports: Reports = Field(default_factory=Reports, description="Reports to other domains.")
    dns: Dns = Field(default_factory=Dns, description="Where names are looked up.")
    limits: Limits = Field(default_factory=Limits, description="Limits against clients that take too much.")
    web: Web = Field(default_factory=Web, description="Web pages of this server.")
