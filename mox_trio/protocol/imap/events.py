"""What `ServerConnection.next_event` gives beside commands."""

import enum
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mox_trio.protocol.imap.commands import (
    append,
    copying,
    fetch,
    general,
    listing,
    login,
    mailboxes,
    metadata,
    notify,
    quota,
    search,
    selecting,
    store,
)

Body = (
    general.Capability
    | general.Noop
    | general.Logout
    | general.Id
    | general.Enable
    | general.Compress
    | general.Unauthenticate
    | general.Idle
    | general.Namespace
    | login.StartTls
    | login.Authenticate
    | login.Login
    | mailboxes.Create
    | mailboxes.Delete
    | mailboxes.Rename
    | mailboxes.Subscribe
    | mailboxes.Status
    | listing.List
    | listing.Lsub
    | selecting.Select
    | selecting.Close
    | quota.GetQuota
    | quota.GetQuotaRoot
    | quota.SetQuota
    | metadata.GetMetadata
    | metadata.SetMetadata
    | append.Append
    | append.Replace
    | search.Search
    | search.MultiSearch
    | search.Sort
    | search.Thread
    | search.CancelUpdate
    | fetch.Fetch
    | store.Store
    | copying.Copy
    | copying.Expunge
    | notify.Notify
)
"""What a command asks for."""


class State(enum.Enum):
    """Where a session is (RFC 9051 3); the value is the name in logs."""

    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"


class NeedData(enum.Enum):
    """Nothing to do until more bytes came."""

    NEED_DATA = "need data"


NEED_DATA: Final = NeedData.NEED_DATA


class Command(NamedTuple):
    """A whole command that is allowed in the present state; answer it with a tagged response."""

    tag: str
    name: str
    """In upper case, UID in front where the client wrote it: for logs and metrics."""
    body: Body


@dataclass(frozen=True, slots=True)
class Wrong:
    """A command that cannot be done: the tagged BAD or NO is in the output already; for the log.

    It ends what the client was about: an APPEND whose messages were coming, an exchange of AUTHENTICATE.
    """

    name: str
    """Empty where it is not known."""
    text: str
    saves_nothing: bool = False
    """A search whose result was to be saved ended with NO: "$" is empty from then on (RFC 5182 2.1)."""


@dataclass(frozen=True, slots=True)
class Block:
    """Octets of a message or of a text part."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """The client's answer to a challenge of AUTHENTICATE, decoded; None where it gives up ("*")."""

    data: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """IDLE is over: answer its command."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over: "eof", or why it was cut off. What is to be said is in the output."""

    reason: str


Event = (
    NeedData
    | Command
    | Wrong
    | append.Message
    | append.TextPart
    | append.TextEnd
    | append.UrlPart
    | Block
    | append.MessageEnd
    | append.AppendEnd
    | Response
    | Done
    | Ended
)
