"""Before a user is known: STARTTLS, AUTHENTICATE, LOGIN."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StartTls:
    """STARTTLS (RFC 9051 6.2.1)."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """AUTHENTICATE (RFC 9051 6.2.2, RFC 4959): the mechanism in upper case and a decoded initial response; None without one,
    b"" for "=".
    """

    mechanism: str
    initial: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """LOGIN (RFC 9051 6.2.3)."""

    user: bytes
    password: bytes = field(repr=False)
