"""Commands of every state, and those about the session itself: CAPABILITY, NOOP, LOGOUT, ID, ENABLE, COMPRESS,
UNAUTHENTICATE, IDLE, NAMESPACE.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capability:
    """CAPABILITY (RFC 9051 6.1.1)."""


@dataclass(frozen=True, slots=True)
class Noop:
    """NOOP (RFC 9051 6.1.2), and CHECK of RFC 3501 6.4.1, which does no more here."""

    is_check: bool = False


@dataclass(frozen=True, slots=True)
class Logout:
    """LOGOUT (RFC 9051 6.1.3)."""


@dataclass(frozen=True, slots=True)
class Id:
    """ID (RFC 2971): what the client says of itself, decoded; names in lower case. Empty for NIL."""

    fields: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Enable:
    """ENABLE (RFC 9051 6.3.1): names in upper case, known or not."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compress:
    """COMPRESS (RFC 4978): the mechanism in upper case."""

    mechanism: str


@dataclass(frozen=True, slots=True)
class Unauthenticate:
    """UNAUTHENTICATE (RFC 8437)."""


@dataclass(frozen=True, slots=True)
class Idle:
    """IDLE (RFC 9051 6.3.13). The end, DONE, is an event of its own."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """NAMESPACE (RFC 9051 6.3.10)."""
