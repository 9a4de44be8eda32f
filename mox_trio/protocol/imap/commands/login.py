"""Before a user is known: STARTTLS, AUTHENTICATE, LOGIN."""

import binascii
from dataclasses import dataclass, field

from mox_trio.protocol.imap.lexer import Lexer, Malformed


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


def parse_starttls(lexer: Lexer) -> StartTls:
    """Nothing behind it."""
    lexer.end()
    return StartTls()


def parse_authenticate(lexer: Lexer) -> Authenticate:
    """The mechanism, and with SASL-IR an initial response (RFC 4959 3)."""
    lexer.space()
    mechanism = lexer.atom().upper()
    if not lexer.maybe_space():
        lexer.end()
        return Authenticate(mechanism)
    encoded = lexer.atom()
    lexer.end()
    return Authenticate(mechanism, b"" if encoded == "=" else decoded(encoded.encode("ascii")))


def decoded(encoded: bytes) -> bytes:
    """Base64 of a client, as RFC 9051 9 has it."""
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error:
        raise Malformed("that is not base64") from None


def parse_login(lexer: Lexer) -> Login:
    """Two strings."""
    lexer.space()
    user = lexer.astring()
    lexer.space()
    password = lexer.astring()
    lexer.end()
    return Login(user, password)
