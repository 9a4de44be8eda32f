"""Ways for outgoing mail to leave other than straight to the hosts of its domain; routes choose them by name."""

from typing import Annotated, Literal

from pydantic import Field

from mox_trio.config.models.secret import SecretRef
from mox_trio.config.models.section import Section
from mox_trio.config.models.values import DomainName, IpAddress, Items, Line, Port

Mechanism = Literal[
    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"
]


class RelayLogin(Section):
    """How to log in at a relay."""

    username: Line = Field(description="User name at the relay.", examples=["mary"])
    password: SecretRef = Field(description="Where the password is.")
    mechanisms: Items[Mechanism] = Field(
        default=("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "CRAM-MD5"),
        description="Mechanisms in order of preference; PLAIN and LOGIN only when listed.",
    )


class Relay(Section):
    """What all relays have."""

    host: Line = Field(description="Host name or address of the relay.", examples=["relay.example.net"])
    login: RelayLogin | None = Field(default=None, description="How to log in; without it, without login.")


class SmtpRelay(Relay):
    """Another server's port for mail between servers."""

    kind: Literal["smtp"] = Field(default="smtp", description="Kind of transport.")
    port: Port = Field(default=25, description="Port.")
    starttls: bool = Field(default=True, description="Use TLS; false sends in the clear.")
    verify_tls: bool = Field(default=True, description="Verify the relay's certificate.")


class SubmissionRelay(Relay):
    """A relay's submission port with STARTTLS."""

    kind: Literal["submission"] = Field(default="submission", description="Kind of transport.")
    port: Port = Field(default=587, description="Port.")
    starttls: bool = Field(default=True, description="Use TLS; false sends in the clear.")
    verify_tls: bool = Field(default=True, description="Verify the relay's certificate.")


class SubmissionsRelay(Relay):
    """A relay's submission port with TLS from the first byte."""

    kind: Literal["submissions"] = Field(default="submissions", description="Kind of transport.")
    port: Port = Field(default=465, description="Port.")
    verify_tls: bool = Field(default=True, description="Verify the relay's certificate.")


class Socks(Section):
    """Straight to the hosts of the domain, through a SOCKS5 proxy."""

    kind: Literal["socks"] = Field(default="socks", description="Kind of transport.")
    host: Line = Field(description="Host name or address of the proxy.", examples=["relay.example.net"])
    port: Port = Field(default=1080, description="Port of the proxy.")
    remote_ips: Annotated[Items[IpAddress], Field(min_length=1)] = Field(
        description="Addresses that others see; they belong into the SPF record."
    )
    remote_hostname: DomainName = Field(description="Name to say in EHLO; it should resolve to remote_ips.")


class Direct(Section):
    """Straight to the hosts of the domain, as without a transport, with some addresses left out."""

    kind: Literal["direct"] = Field(default="direct", description="Kind of transport.")
    ipv4: bool = Field(default=True, description="Use IPv4.")
    ipv6: bool = Field(default=True, description="Use IPv6.")


class Fail(Section):
    """Refuse the mail at once, without asking anybody."""

    kind: Literal["fail"] = Field(default="fail", description="Kind of transport.")
    code: Annotated[int, Field(ge=400, le=599)] = Field(
        default=554, description="SMTP code: 4xx tries again, 5xx gives up."
    )
    message: Annotated[str, Field(pattern="^[ -~]{1,256}$")] = Field(
        default="transport fails all deliveries",
        description="Text for the sender; at most 256 printable ASCII characters.",
        examples=["mail to this domain is not sent"],
    )


Transport = Annotated[
    SmtpRelay | SubmissionRelay | SubmissionsRelay | Socks | Direct | Fail, Field(discriminator="kind")
]
