"""What IMAP says of failures (RFC 9051 7.1, RFC 5530): the one place where they become response codes."""

from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.protocol.imap.events import Event
from mox_trio.protocol.imap.responses import Status
from storage_backends.errors import Corrupt, StorageError

_CODES: Final[dict[Kind, bytes]] = {
    Kind.NOT_FOUND: b"NONEXISTENT",
    Kind.EXISTS: b"ALREADYEXISTS",
    Kind.INVALID: b"CANNOT",
    Kind.UNSUPPORTED: b"CANNOT",
    Kind.FORBIDDEN: b"CANNOT",
    Kind.CREDENTIALS: b"AUTHENTICATIONFAILED",
    Kind.DISABLED: b"CONTACTADMIN",
    Kind.CONFLICT: b"INUSE",
    Kind.IN_USE: b"HASCHILDREN",  # of mailboxes that are to be deleted; nothing else is in use
    Kind.LIMIT: b"LIMIT",
    Kind.QUOTA: b"OVERQUOTA",
    Kind.RATE: b"LIMIT",
    Kind.TRY_LATER: b"UNAVAILABLE",
    Kind.UNAVAILABLE: b"UNAVAILABLE",
    Kind.CORRUPT: b"CORRUPTION",
    Kind.EXPIRED: b"EXPIRED",
    Kind.POLICY: b"NOPERM",
}

DONE: Final = Status("OK", "done")
TROUBLE: Final = Status("NO", "trouble on this side; try again later", b"UNAVAILABLE")
CORRUPT: Final = Status("NO", "what is stored cannot be read as it was written", b"CORRUPTION")
STOPPING: Final = Status("BYE", "the server stops; come back soon", b"UNAVAILABLE")
SILENT: Final = Status("BYE", "nothing was heard for too long")
TOO_MANY_SESSIONS: Final = Status("BYE", "too many connections; come back later", b"UNAVAILABLE")
TOO_OFTEN: Final = Status("BYE", "too many connections from there; come back later", b"LIMIT")
TOO_MANY_FAILED: Final = Status("BYE", "too many failed logins; come back later", b"LIMIT")
DELETED: Final = Status("BYE", "the selected mailbox was deleted by another session")
REMOVED: Final = Status("BYE", "the account was removed")
ERASED: Final = Status("BYE", "messages that this session still knows were expunged too long ago; select again")
UNTOLD: Final = Status("BYE", "what has changed cannot be told; come back soon", b"UNAVAILABLE")
DEFLATED: Final = Status("BYE", "the compressed data makes no sense")
READ_ONLY: Final = Status("NO", "the mailbox is selected read-only", b"READ-ONLY")
NO_SUCH_MESSAGE: Final = Status("BAD", "there is no message with such a number")


class Refused(Exception):
    """A command ends with this instead of what it was to do."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.text)
        self.status = status


class SessionOver(Exception):
    """The session ends with this BYE; the command in progress is not answered."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.text)
        self.status = status


class Ended(Exception):
    """The client ended the session, or the protocol did, in the middle of a command."""

    def __init__(self, event: Event) -> None:
        super().__init__(type(event).__name__)
        self.event = event


def of(error: Failure | StorageError) -> Status:
    """The completion for whoever caused it; what the stores say is for the log alone."""
    if isinstance(error, StorageError):
        return CORRUPT if isinstance(error, Corrupt) else TROUBLE
    return Status("NO", error.public, _CODES[error.kind])


def is_trouble(error: Failure | StorageError) -> bool:
    """Whether it is this side's, and so for the log."""
    return isinstance(error, StorageError) or error.kind in (Kind.CORRUPT, Kind.UNAVAILABLE)


def private(error: Failure | StorageError) -> str:
    """For the log."""
    return error.private or error.public if isinstance(error, Failure) else str(error)
