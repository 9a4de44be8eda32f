"""The client's side of SCRAM (RFC 5802, RFC 7677): shows that it knows the password, and that the server knows it too.

The server's messages are parsed strictly; what does not fit, a nonce that does not begin with ours, few or very many iterations
and a wrong signature raise BadChallenge. The state is a table of one row a message: first, proof, verified.
"""

import binascii
import enum
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from mox_trio.base import text

HASHES: Final[Mapping[str, str]] = MappingProxyType({"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"})
"""Mechanism without -PLUS to the name of its hash in hashlib."""
FEWEST_ITERATIONS: Final = 2048
"""RFC 5802 5.1 wants 4096; below this a captured exchange gives the password away."""
MOST_ITERATIONS: Final = 1_000_000
"""About half a second of computing: a server that asks for more is a hostile one."""
LEAST_SALT: Final = 8
LEAST_NONCE: Final = 8
"""Bytes that the server adds to the nonce."""
MOST_OCTETS: Final = 4096
"""Of one message of the server."""

_FIRST: Final = re.compile(rb"r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,9})(?:,.*)?", re.DOTALL)
_FINAL: Final = re.compile(rb"v=([A-Za-z0-9+/=]+)(?:,.*)?", re.DOTALL)
_ERROR: Final = re.compile(rb"e=([a-z-]{1,64})(?:,.*)?", re.DOTALL)


class BadChallenge(Exception):
    """The server's side of the exchange breaks the rules, or the server is not who it should be."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who logs in."""

    username: str
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Binding:
    """What ties the exchange to the TLS connection: the GS2 header, and the data of the channel (RFC 5802 7)."""

    header: bytes
    data: bytes = field(default=b"", repr=False)


UNBOUND: Final = Binding(b"n,,")
UNBOUND_Y: Final = Binding(b"y,,")
"""We could, the server says that it cannot."""


def bound(kind: str, data: bytes) -> Binding:
    """`kind` as RFC 5929 names it: tls-unique."""
    return Binding(b"p=" + kind.encode("ascii") + b",,", data)


class _State(enum.Enum):
    NEW = "new"
    FIRST = "first"
    PROVED = "proved"
    VERIFIED = "verified"


class Scram:
    """One exchange."""

    def __init__(self, mechanism: str, credentials: Credentials, nonce: bytes, binding: Binding = UNBOUND) -> None:
        """`nonce` is fresh: printable ASCII without commas."""
        self.mechanism = mechanism
        self._hash = HASHES[mechanism.removesuffix("-PLUS")]
        self._password = _prepared(credentials.password)
        name = text.nfc(credentials.username).replace("=", "=3D").replace(",", "=2C")  # RFC 5802 5.1
        self._first = b"n=" + name.encode() + b",r=" + nonce
        self._nonce = nonce
        self._binding = binding
        self._expected = b""
        self._state = _State.NEW

    def start(self) -> bytes:
        """client-first-message."""
        self._state = _State.FIRST
        return self._binding.header + self._first

    def respond(self, challenge: bytes) -> bytes:
        """client-final-message to server-first-message, nothing to server-final-message."""
        if len(challenge) > MOST_OCTETS:
            raise BadChallenge("a message of the server is too long")
        if self._state is _State.FIRST:
            self._state = _State.PROVED
            return self._proof(challenge)
        if self._state is _State.PROVED:
            self._verify(challenge)
            self._state = _State.VERIFIED
            return b""
        raise BadChallenge("the server sends more than SCRAM has")

    def succeeded(self) -> None:
        """Raises BadChallenge when the server has not shown that it knows the password."""
        if self._state is not _State.VERIFIED:
            raise BadChallenge("the server did not show that it knows the password")

    def _proof(self, challenge: bytes) -> bytes:
        match = _FIRST.fullmatch(challenge)
        if match is None:
            raise BadChallenge("the server's first message is not one of SCRAM")
        nonce, salt, iterations = match[1], _decoded(match[2]), int(match[3])
        if not nonce.startswith(self._nonce) or len(nonce) < len(self._nonce) + LEAST_NONCE:
            raise BadChallenge("the server's nonce does not continue ours")
        if len(salt) < LEAST_SALT or not FEWEST_ITERATIONS <= iterations <= MOST_ITERATIONS:
            raise BadChallenge("the server's salt is too short, or its iteration count is out of bounds")
        final = b"c=" + b64encode(self._binding.header + self._binding.data) + b",r=" + nonce
        message = b",".join((self._first, challenge, final))
        # RFC 5802 3.
        salted = hashlib.pbkdf2_hmac(self._hash, self._password, salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", self._hash)
        signature = hmac.digest(hashlib.new(self._hash, client_key).digest(), message, self._hash)
        proof = bytes(mine ^ theirs for mine, theirs in zip(client_key, signature, strict=True))
        self._expected = hmac.digest(hmac.digest(salted, b"Server Key", self._hash), message, self._hash)
        return final + b",p=" + b64encode(proof)

    def _verify(self, challenge: bytes) -> None:
        if error := _ERROR.fullmatch(challenge):
            raise BadChallenge(f"the server says {error[1].decode('ascii')}")
        match = _FINAL.fullmatch(challenge)
        if match is None or not hmac.compare_digest(_decoded(match[1]), self._expected):
            raise BadChallenge("the server does not know the password")


def _prepared(password: bytes) -> bytes:
    """The password as both sides hash it; bytes that are no text, or a text that no profile takes, as they are."""
    try:
        return text.opaque_string(password.decode()).encode()
    except ValueError:  # UnicodeDecodeError is one
        return password


def _decoded(value: bytes) -> bytes:
    try:
        return b64decode(value, validate=True)
    except binascii.Error:
        raise BadChallenge("a message of the server is not base64 where it should be") from None
