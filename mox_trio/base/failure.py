"""Failures that a person or a peer is told about, sorted by kind.

A room that cannot do what it was asked raises `Failure(kind, public, private)`. The kind says what sort of trouble it
is; each server maps kinds to the codes of its own protocol, in one place. The public text is for whoever asked: it
says what is wrong and what to do, and never holds a secret, a file name of the server or another user's data. The
private detail is for the log alone: `str()` and `repr()` of a failure never show it, so that a careless
`f"{failure}"` in a reply leaks nothing.
"""

import enum


class Kind(enum.Enum):
    """What sort of trouble it is. The value is the name written to logs."""

    NOT_FOUND = "not-found"
    """What was named does not exist."""
    EXISTS = "exists"
    """What was to be made is there already."""
    INVALID = "invalid"
    """The request makes no sense as it is; the same again will fail again."""
    UNSUPPORTED = "unsupported"
    """Well formed, but this server does not do it."""
    FORBIDDEN = "forbidden"
    """Known and authenticated, but not allowed."""
    CREDENTIALS = "credentials"
    """User or password is wrong; which of them is not said."""
    DISABLED = "disabled"
    """The account or domain exists and is switched off."""
    CONFLICT = "conflict"
    """Somebody else changed it meanwhile: read again, then try again."""
    IN_USE = "in-use"
    """Something else needs it; it cannot be removed now."""
    LIMIT = "limit"
    """Larger, longer or more than this server takes."""
    QUOTA = "quota"
    """The account's storage is full."""
    RATE = "rate"
    """Too much in too short a time."""
    TRY_LATER = "try-later"
    """Busy at the moment; nothing was done."""
    UNAVAILABLE = "unavailable"
    """A store, database or other service is away; nothing was done."""
    CORRUPT = "corrupt"
    """What was stored cannot be read as it was written."""
    EXPIRED = "expired"
    """It was valid once: a token, a session, a lease."""
    POLICY = "policy"
    """Refused by a rule about mail, not by a rule about the request."""

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later without anybody changing it (4yz rather than 5yz in SMTP)."""
        return self in _TEMPORARY


_TEMPORARY = frozenset({Kind.CONFLICT, Kind.QUOTA, Kind.RATE, Kind.TRY_LATER, Kind.UNAVAILABLE, Kind.CORRUPT})


class Failure(Exception):
    """What was asked could not be done.

    `kind` is what servers decide by, `public` one line for whoever asked, `private` one line for the log.
    """

    def __init__(self, kind: Kind, public: str, private: str = "") -> None:
        # Only the public text becomes an argument of Exception: its str(), repr() and traceback line show arguments.
        super().__init__(public)
        self.kind = kind
        self.public = public
        self.private = private

    def __reduce__(self) -> tuple[type["Failure"], tuple[Kind, str, str]]:
        return type(self), (self.kind, self.public, self.private)

    def __repr__(self) -> str:
        return f"Failure({self.kind.name}, {self.public!r})"
