"""The dynamic document, domains.toml: domains, accounts, addresses, aliases and routes; read again when it changes.

What users change themselves (rulesets, identities, webhooks, keys, junk settings, passwords) is not here but in the index.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field

from mox_trio.base.address import Address
from mox_trio.config.models.secret import SecretRef
from mox_trio.config.models.section import Section
from mox_trio.config.models.values import (
    AddressOrCatchall,
    Catchall,
    DomainName,
    Duration,
    Items,
    Line,
    LocalpartText,
    MailAddress,
    MailboxName,
    MostMessages,
    Quota,
    Table,
    seconds,
)

_EMPTY: Final[MappingProxyType[Any, Any]] = MappingProxyType({})
AsciiText = Annotated[str, Field(pattern="^[ -~]{0,256}$")]
AccountName = Line
DomainPattern = Annotated[Line, Field(pattern=r"^\.?[^. ][^ ]*$|^\.$")]


class Route(Section):
    """Which outgoing mail takes which transport. The first route that matches wins: account's, domain's, everybody's."""

    from_domains: Items[DomainPattern] = Field(
        default=(),
        description='Domains of the sender; ".example.org" is every domain below it too; none is all.',
        examples=[[".example.org"]],
    )
    to_domains: Items[DomainPattern] = Field(
        default=(), description="Domains of the recipient, written like from_domains.", examples=[[".example.org"]]
    )
    minimum_attempts: Annotated[int, Field(ge=0, le=100)] = Field(
        default=0, description="Only after this many attempts, to try another way for what does not get through."
    )
    transport: Line = Field(description="Name of a transport of mox-trio.toml.", examples=["smarthost"])


class DkimSelector(Section):
    """A key that signs mail of the domain."""

    private_key: SecretRef = Field(description="Where the key is: PKCS#8 PEM, RSA of 1024 bits or more, or Ed25519.")
    hash: Literal["sha256"] = Field(default="sha256", description="Hash algorithm.")
    relaxed_header: bool = Field(default=True, description="Canonicalise the header relaxed rather than simple.")
    relaxed_body: bool = Field(default=True, description="Canonicalise the body relaxed rather than simple.")
    headers: Items[Annotated[Line, Field(pattern="^[!-9;-~]+$")]] = Field(
        default=(
            *("From", "To", "Cc", "Bcc", "Reply-To", "References", "In-Reply-To", "Subject", "Date"),
            *("Message-Id", "Content-Type"),
        ),
        description="Header fields that are signed; From must be one.",
        examples=[["From", "Subject"]],
    )
    seal_headers: bool = Field(default=True, description="Sign that no further field of these names may be added.")
    expiration: Duration = Field(default=seconds("72h"), description="How long a signature is good.")


class Dkim(Section):
    """Signatures of outgoing mail."""

    selectors: Table[DkimSelector] = Field(
        default_factory=dict, description="Keys by selector, the name in DNS.", examples=["2026a"]
    )
    sign: Items[Line] = Field(default=(), description="Selectors that sign; several for RSA and Ed25519 side by side.")


class ReportAddress(Section):
    """Where reports of others about the domain arrive."""

    localpart: LocalpartText = Field(
        description="What stands before the @ of the address in DNS.", examples=["dmarcreports"]
    )
    domain: DomainName | None = Field(default=None, description="Its domain, if it is another one of this server.")
    account: AccountName = Field(description="Account that gets them.", examples=["mary"])
    mailbox: MailboxName = Field(description="Mailbox; made when it is needed.", examples=["Reports"])


class MtaSts(Section):
    """Policy that others shall use verified TLS; needs a listener with mta_sts_https."""

    policy_id: Annotated[str, Field(pattern="^[A-Za-z0-9]{1,32}$")] = Field(
        description="Changes with the policy; letters and digits, such as a date and time.",
        examples=["20260101T000000"],
    )
    mode: Literal["enforce", "testing", "none"] = Field(default="enforce", description="What others do when TLS fails.")
    max_age: Duration = Field(default=seconds("24h"), description="How long others remember the policy.")
    mx: Items[Line] = Field(default=(), description="Names of MX hosts; without any, the hostname.")


class Alias(Section):
    """An address whose mail goes to several."""

    members: Annotated[Items[MailAddress], Field(min_length=1)] = Field(description="Addresses of this server.")
    description: Line = Field(default="", description="Free text.")
    post_public: bool = Field(default=True, description="Anybody may write to it; false is members only.")
    list_members: bool = Field(default=False, description="Members may see who the members are.")
    allow_msg_from: bool = Field(default=False, description="Members may send mail from it.")


class Domain(Section):
    """A domain whose mail is taken."""

    disabled: bool = Field(
        default=False, description="Take and send no mail for now (temporary errors); logins still work."
    )
    description: Line = Field(default="", description="Free text.")
    client_settings_domain: DomainName | None = Field(
        default=None, description="Server name in the settings of mail clients; without it, the hostname."
    )
    localpart_catchall_separators: Items[Annotated[str, Field(pattern="^[!#$%&'*+/=?^_`{|}~.-]{1,8}$")]] = Field(
        default=(),
        description='What is cut from an address with everything after it, as in ["+"]: you+shop is you.',
        examples=[["+"]],
    )
    localpart_case_sensitive: bool = Field(default=False, description="Whether You and you are different addresses.")
    dkim: Dkim = Field(default_factory=Dkim, description="Signatures of outgoing mail.")
    dmarc_reports: ReportAddress | None = Field(
        default=None, description="Where DMARC reports about the domain arrive."
    )
    tls_reports: ReportAddress | None = Field(default=None, description="Where TLS reports about the domain arrive.")
    mta_sts: MtaSts | None = Field(default=None, description="Policy that others shall use verified TLS.")
    routes: Items[Route] = Field(default=(), description="Routes for mail sent from the domain.")
    aliases: Annotated[Mapping[LocalpartText, Alias], Field(strict=False), AfterValidator(MappingProxyType)] = Field(
        default_factory=dict, description="Aliases by localpart.", examples=["all"]
    )


class Destination(Section):
    """How mail to one address of an account is treated, before the user's own rules."""

    mailbox: MailboxName = Field(default="Inbox", description="Mailbox it is delivered to.", examples=["Reports"])
    full_name: Line = Field(
        default="", description="Name in From when sending from this address; without it the account's."
    )
    smtp_error: Annotated[str, Field(pattern="^(421|550)( [ -~]{1,256})?$")] | None = Field(
        default=None,
        description='Refuse all mail to it with this reply, such as "550 gone"; code 421 or 550.',
        examples=["550 gone"],
    )
    message_auth_required_smtp_error: AsciiText = Field(
        default="",
        description="Refuse mail without aligned SPF or DKIM, with this text.",
        examples=["mail to this address must be signed"],
    )


class Account(Section):
    """A person or a program with mail of its own."""

    # There may be ten thousand: they share their defaults, and are few objects for the garbage collector to visit.
    model_config = ConfigDict(revalidate_instances="never", validate_default=False)

    addresses: Items[AddressOrCatchall] = Field(
        default=(), description='Addresses; "@example.org" is what no one else has.'
    )
    domain: DomainName | None = Field(
        default=None, description="Its main domain; without it, that of the first address."
    )
    description: Line = Field(default="", description="Free text.")
    full_name: Line = Field(default="", description="Name in From.")
    login_disabled: AsciiText = Field(
        default="", description="Refuse logins with this text; mail still arrives.", examples=["ask the administrator"]
    )
    destinations: Annotated[
        Mapping[AddressOrCatchall, Destination], Field(strict=False), AfterValidator(MappingProxyType)
    ] = Field(
        default_factory=lambda: _EMPTY,
        description="Treatment of single addresses, by address.",
        examples=["mary@example.org"],
    )
    quota: Quota | None = Field(
        default=None,
        description='Bytes of mail at most; 0 or "unlimited" is no limit; without it, limits.quota.',
        examples=["2GiB"],
    )
    quota_messages: MostMessages | None = Field(
        default=None,
        description='Messages at most; 0 or "unlimited" is no limit; without it, limits.quota_messages.',
        examples=[100_000],
    )
    retention: Annotated[Mapping[MailboxName, Duration], Field(strict=False), AfterValidator(MappingProxyType)] = Field(
        default_factory=lambda: _EMPTY, description='Mailboxes whose old mail is removed, as in { Trash = "30d" }.'
    )
    keep_retired_messages: Duration = Field(
        default=seconds("0s"), description="How long the record of a sent message is kept."
    )
    keep_retired_webhooks: Duration = Field(
        default=seconds("0s"), description="How long the record of a webhook call is kept."
    )
    max_outgoing_messages_per_day: Annotated[int, Field(ge=0)] = Field(
        default=1000, description="Recipients in 24 hours."
    )
    max_first_time_recipients_per_day: Annotated[int, Field(ge=0)] = Field(
        default=200, description="Recipients in 24 hours that were never written to; stops a stolen password."
    )
    first_time_sender_delay: bool = Field(default=True, description="Make unknown senders wait, as the listener says.")
    custom_password: bool = Field(
        default=True, description="The user may choose a password; false is generated ones only."
    )
    from_id_login_addresses: Items[MailAddress] = Field(
        default=(), description="Logins whose sent mail gets a sender of its own each; needs a catchall separator."
    )
    imap_capabilities_disabled: Items[Annotated[str, Field(pattern="^[A-Za-z0-9=+._-]{1,64}$")]] = Field(
        default=(),
        description="IMAP capabilities that are not announced, for clients that get them wrong.",
        examples=[["IDLE"]],
    )
    routes: Items[Route] = Field(default=(), description="Routes for mail of this account.")

    def main_domain(self) -> DomainName | None:
        """The domain of the account: as set, else of its first address."""
        return self.domain or (self.addresses[0].domain if self.addresses else None)

    def treatment(self, address: Address | Catchall) -> Destination:
        """How mail to one of its addresses is treated."""
        return self.destinations.get(address, DEFAULT_DESTINATION)


DEFAULT_DESTINATION = Destination()


class Dynamic(Section):
    """domains.toml. Read again when it changes; a broken one is reported and the old one stays."""

    domains: Annotated[Mapping[DomainName, Domain], Field(strict=False), AfterValidator(MappingProxyType)] = Field(
        default_factory=dict, description="Domains by name.", examples=["example.org"]
    )
    accounts: Table[Account] = Field(
        default_factory=dict, description="Accounts by name: lower-case, never changed.", examples=["mary"]
    )
    routes: Items[Route] = Field(default=(), description="Routes for all mail.")
    monitor_dnsbls: Items[DomainName] = Field(
        default=(), description="Block lists that are watched for our own addresses."
    )
