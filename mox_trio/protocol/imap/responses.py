"""What the server says, as dataclasses (RFC 9051 7). `encoding.encode` makes their octets; FETCH, which is most of what is said,
is joined from ready bytes by `fetch_response`.

Mailbox names and texts are decoded; what is named `code` is a response code without its brackets, ready to be sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Status:
    """OK, NO, BAD, PREAUTH or BYE: of a command where it has a tag, else untagged."""

    kind: Literal["OK", "NO", "BAD", "PREAUTH", "BYE"]
    text: str
    code: bytes = b""
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """CAPABILITY."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Enabled:
    """ENABLED."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerId:
    """ID (RFC 2971); empty is NIL."""

    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Flags:
    """FLAGS: the flags of the selected mailbox."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """EXISTS."""

    number: int


@dataclass(frozen=True, slots=True)
class Recent:
    """RECENT, for IMAP4rev1."""

    number: int = 0


@dataclass(frozen=True, slots=True)
class Expunged:
    """EXPUNGE of these sequence numbers, one after another as they are when it is said: 5, 5, 5 for three in a row."""

    numbers: Sequence[int]


@dataclass(frozen=True, slots=True)
class Vanished:
    """VANISHED (RFC 7162 3.2.10): ascending UIDs. Long sets are cut into several responses."""

    uids: Sequence[int]
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class ListEntry:
    """LIST or LSUB; a name of None is NIL, the delimiter is always "/"."""

    attributes: tuple[str, ...]
    mailbox: str
    old_name: str | None = None
    """OLDNAME of RFC 9051 6.3.9.7."""
    child_info: tuple[str, ...] = ()
    """CHILDINFO of RFC 5258."""
    is_lsub: bool = False


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """STATUS: names and numbers; MAILBOXID gives text in parentheses, None is NIL."""

    mailbox: str
    items: tuple[tuple[str, int | str | None], ...]


@dataclass(frozen=True, slots=True)
class Namespaces:
    """NAMESPACE: the one personal namespace, without a prefix."""


@dataclass(frozen=True, slots=True)
class Quota:
    """QUOTA: resources with usage and limit."""

    root: str
    resources: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class QuotaRoots:
    """QUOTAROOT."""

    mailbox: str
    roots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metadata:
    """METADATA with values (RFC 5464 4.4.1); None is NIL."""

    mailbox: str
    values: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class MetadataChanged:
    """METADATA with names only (RFC 5464 4.4.2)."""

    mailbox: str
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """SEARCH or SORT in the form of RFC 3501 and RFC 5256; long lists of SEARCH are cut into several responses."""

    name: Literal["SEARCH", "SORT"]
    numbers: Sequence[int]
    modseq: int | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """ESEARCH (RFC 4731, 5267, 7377, 9394): what is None is not said. Numbers in `all` and `partial` keep their order."""

    tag: str = ""
    uid: bool = False
    minimum: int | None = None
    maximum: int | None = None
    count: int | None = None
    all: Sequence[int] | None = None
    """Ascending for SEARCH, in the order of the sort for SORT; an empty one is not said."""
    modseq: int | None = None
    partial: tuple[tuple[int, int], Sequence[int]] | None = None
    """The range that was asked for, and what it holds; NIL where that is nothing."""
    mailbox: tuple[str, int] | None = None
    """MAILBOX and UIDVALIDITY of RFC 7377."""
    added: Sequence[tuple[int, Sequence[int]]] = ()
    """ADDTO of RFC 5267: positions and numbers."""
    removed: Sequence[tuple[int, Sequence[int]]] = ()
    """REMOVEFROM."""


ThreadTree = tuple[int | None, tuple["ThreadTree", ...]]
"""A message, or None for one that is not there, and those below it."""


@dataclass(frozen=True, slots=True)
class Threads:
    """THREAD (RFC 5256 4)."""

    roots: tuple[ThreadTree, ...]


@dataclass(frozen=True, slots=True)
class Continuation:
    """ "+": go on."""

    text: str = ""


Response = (
    Status
    | Capabilities
    | Enabled
    | ServerId
    | Flags
    | Exists
    | Recent
    | Expunged
    | Vanished
    | ListEntry
    | MailboxStatus
    | Namespaces
    | Quota
    | QuotaRoots
    | Metadata
    | MetadataChanged
    | Found
    | Results
    | Threads
    | Continuation
)
