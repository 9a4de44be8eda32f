"""What a server said, as values: those of `responses` where they fit, and these where a server may say more than ours."""

from dataclasses import dataclass, field

from mox_trio.protocol.imap.client_values import Plain, Streamed
from mox_trio.protocol.imap.events import Ended, NeedData
from mox_trio.protocol.imap.numsets import Ranges
from mox_trio.protocol.imap.responses import (
    Capabilities,
    Continuation,
    Enabled,
    Exists,
    Flags,
    Found,
    MailboxStatus,
    Metadata,
    MetadataChanged,
    Quota,
    QuotaRoots,
    Recent,
    Status,
    Threads,
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """FETCH or UIDFETCH: what is not there is None."""

    number: int
    """The sequence number; with `is_uid` the UID."""
    is_uid: bool = False
    uid: int | None = None
    flags: tuple[str, ...] | None = None
    received: int | None = None
    """INTERNALDATE in milliseconds since 1970 UTC."""
    saved: int | None = None
    size: int | None = None
    modseq: int | None = None
    envelope: Plain = None
    structure: Plain = None
    """BODYSTRUCTURE, or BODY."""
    email_id: str | None = None
    thread_id: str | None = None
    preview: str | None = None
    sections: tuple[tuple[str, bytes | Streamed | None], ...] = ()
    """BODY[...], BINARY[...], RFC822 and their like by the names that the server gave, in upper case."""
    others: tuple[tuple[str, Plain], ...] = ()
    """Items that are not known here, and BINARY.SIZE."""


@dataclass(frozen=True, slots=True)
class LiteralBegins:
    """A large string of FETCH follows in blocks, then `LiteralEnds`; the response itself comes when it is whole."""

    number: int
    label: str
    """The item, in upper case."""
    octets: int


@dataclass(frozen=True, slots=True)
class Octets:
    """Some of them."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LiteralEnds:
    """The blocks are over."""


@dataclass(frozen=True, slots=True)
class Expunged:
    """EXPUNGE."""

    number: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """VANISHED: sets may be large and are not taken apart."""

    uids: Ranges
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """LIST or LSUB."""

    attributes: tuple[str, ...]
    delimiter: str | None
    mailbox: str
    old_name: str | None = None
    child_info: tuple[str, ...] = ()
    is_lsub: bool = False


@dataclass(frozen=True, slots=True)
class Namespaces:
    """NAMESPACE: prefix and delimiter of each."""

    personal: tuple[tuple[str, str | None], ...]
    others: tuple[tuple[str, str | None], ...] = ()
    shared: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class ServerId:
    """ID."""

    fields: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Results:
    """ESEARCH: what was not said is None. Sets keep the server's order and are not taken apart."""

    tag: str = ""
    uid: bool = False
    minimum: int | None = None
    maximum: int | None = None
    count: int | None = None
    all: tuple[tuple[int, int], ...] | None = None
    modseq: int | None = None
    partial: tuple[str, tuple[tuple[int, int], ...]] | None = None
    mailbox: tuple[str, int] | None = None
    added: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = ()
    removed: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Unknown:
    """A response that is not known here."""

    name: str
    text: bytes


@dataclass(frozen=True, slots=True)
class SendOctets:
    """The server waits for the message that was announced: `ClientConnection.send_octets`."""

    octets: int


ServerEvent = (
    NeedData
    | Ended
    | Status
    | Continuation
    | SendOctets
    | LiteralBegins
    | Octets
    | LiteralEnds
    | Fetched
    | Capabilities
    | Enabled
    | ServerId
    | Flags
    | Exists
    | Recent
    | Expunged
    | Vanished
    | Listed
    | MailboxStatus
    | Namespaces
    | Quota
    | QuotaRoots
    | Metadata
    | MetadataChanged
    | Found
    | Results
    | Threads
    | Unknown
)
"""What `ClientConnection.next_event` gives."""
