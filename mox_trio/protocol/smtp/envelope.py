"""What a transaction of SMTP says about a message beside its content, from RCPT to the queue and back."""

import enum
import ipaddress
from dataclasses import dataclass, field

from mox_trio.base.address import Address, Path

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Body(enum.Enum):
    """BODY of MAIL (RFC 6152, RFC 3030)."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"
    BINARY = "BINARYMIME"


class Notify(enum.Flag):
    """NOTIFY of RCPT (RFC 3461 4.1): when the sender wants a notice. No bit is NEVER."""

    NEVER = 0
    SUCCESS = enum.auto()
    FAILURE = enum.auto()
    DELAY = enum.auto()


DEFAULT_NOTIFY = Notify.FAILURE | Notify.DELAY
"""What happens where a sender does not say: RFC 3461 4.1 leaves DELAY to the server."""


class Return(enum.Enum):
    """RET of MAIL (RFC 3461 4.3): how much of the message a notice of failure holds."""

    FULL = "FULL"
    HEADERS = "HDRS"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT that was accepted."""

    path: Path
    notify: Notify | None = None
    """None where the sender did not say."""
    original: str = ""
    """ORCPT, decoded: address type, semicolon, address (RFC 3461 4.2); empty where not given."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """MAIL and its recipients."""

    reverse_path: Path
    recipients: tuple[Recipient, ...] = ()
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    size: int | None = None
    """SIZE as announced, in bytes."""
    ret: Return | None = None
    envelope_id: str = ""
    """ENVID, decoded."""
    hold_for: int | None = None
    """FUTURERELEASE (RFC 4865): seconds to wait before the first attempt."""
    hold_until: int | None = None
    """The same as an instant, in milliseconds since 1970 UTC."""
    require_tls: bool = False
    """REQUIRETLS (RFC 8689)."""
    deliver_by: int | None = None
    """DELIVERBY (RFC 2852): seconds; may be negative."""
    deliver_by_return: bool = False
    """By-mode R: give up at that time; otherwise N: tell the sender."""
    priority: int = 0
    """MT-PRIORITY (RFC 6710): -9 to 9."""


@dataclass(frozen=True, slots=True)
class Tls:
    """What was negotiated."""

    version: str
    """As ssl names it: TLSv1.3."""
    cipher: str
    server_name: str = ""
    """The name that the client asked for; empty for none."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end of a session that receives mail."""

    address: IpAddress
    port: int = 0
    local_address: IpAddress | None = None
    hello: str = ""
    """The argument of EHLO, HELO or LHLO as it was sent."""
    extended: bool = True
    """Said EHLO (or LHLO) rather than HELO."""
    tls: Tls | None = None
    login: str = field(default="", repr=False)
    """The account it logged in to; empty for none."""
    login_address: Address | None = field(default=None, repr=False)
    """The address it logged in with."""
    session: str = ""
    """The id that log lines, Received and error replies share."""
    exempt: bool = False
    """From a network without rate limits, tarpits and first-time delays."""
    by_http: bool = False
    """It speaks no SMTP: the message came by the HTTP API."""
