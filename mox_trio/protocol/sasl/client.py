"""Logging in at another server: one SASL exchange as a value (RFC 4422), and the choice of a mechanism.

    exchange = client.choose(("SCRAM-SHA-256",), offered, credentials, {}, nonce)
    initial = exchange.start()
    response = exchange.respond(challenge)        # until the server says yes or no
    exchange.succeeded()                          # after its yes: raises if the server did not show that it knows us

A challenge that breaks the rules raises BadChallenge, whose text holds nothing secret; cancel the exchange then. `respond` of
SCRAM computes for as long as the server's iteration count makes it: call it in a thread. Secrets are in no repr.
"""

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from mox_trio.protocol.sasl import client_scram
from mox_trio.protocol.sasl.client_scram import BadChallenge, Credentials

__all__ = ["BadChallenge", "Credentials", "Exchange", "choose"]


class Exchange(Protocol):
    """One attempt to log in."""

    @property
    def mechanism(self) -> str:
        """Its name in SASL."""

    def start(self) -> bytes | None:
        """The initial response; None where the server speaks first."""

    def respond(self, challenge: bytes) -> bytes:
        """The answer to a challenge, both without base64. Raises BadChallenge."""

    def succeeded(self) -> None:
        """The server said yes. Raises BadChallenge when it may not be who it says."""


@dataclass(slots=True)
class _Plain:
    """RFC 4616."""

    credentials: Credentials = field(repr=False)
    mechanism: str = "PLAIN"

    def start(self) -> bytes:
        return b"\0" + self.credentials.username.encode() + b"\0" + self.credentials.password

    def respond(self, challenge: bytes) -> bytes:
        raise BadChallenge("PLAIN has no challenges")

    def succeeded(self) -> None:
        return


@dataclass(slots=True)
class _Login:
    """LOGIN, which no RFC defines: the name, then the password, whatever the server's prompts say."""

    credentials: Credentials = field(repr=False)
    mechanism: str = "LOGIN"
    _asked: int = 0

    def start(self) -> None:
        return

    def respond(self, challenge: bytes) -> bytes:
        self._asked += 1
        if self._asked > 2:
            raise BadChallenge("LOGIN asks for a name and a password, and for nothing else")
        return self.credentials.username.encode() if self._asked == 1 else self.credentials.password

    def succeeded(self) -> None:
        return


@dataclass(slots=True)
class _CramMd5:
    """RFC 2195."""

    credentials: Credentials = field(repr=False)
    mechanism: str = "CRAM-MD5"
    _answered: bool = False

    def start(self) -> None:
        return

    def respond(self, challenge: bytes) -> bytes:
        if self._answered:
            raise BadChallenge("CRAM-MD5 has one challenge")
        self._answered = True
        digest = hmac.digest(self.credentials.password, challenge, "md5").hex()
        return f"{self.credentials.username} {digest}".encode()

    def succeeded(self) -> None:
        if not self._answered:
            raise BadChallenge("the server asked for nothing")


_SIMPLE: Final[Mapping[str, Callable[[Credentials], Exchange]]] = {
    "PLAIN": _Plain,
    "LOGIN": _Login,
    "CRAM-MD5": _CramMd5,
}


def choose(
    wanted: Sequence[str],
    offered: Sequence[str],
    credentials: Credentials,
    bindings: Mapping[str, bytes],
    entropy: bytes,
) -> Exchange | None:
    """The first mechanism of `wanted` that the server offers and that works; None if there is none.

    `bindings` are the channel bindings of the connection that the server will accept, best first, by name (RFC 5929,
    RFC 9266); the -PLUS mechanisms need one. `entropy` is at least 16 random bytes, used once.
    """
    available = {each.upper() for each in offered}
    for name in wanted:
        if name not in available:
            continue
        if simple := _SIMPLE.get(name):
            return simple(credentials)
        plain = name.removesuffix("-PLUS")
        if plain not in client_scram.HASHES or (name != plain and not bindings):
            continue
        nonce = base64.b64encode(entropy).rstrip(b"=")
        if name != plain:
            kind, data = next(iter(bindings.items()))
            return client_scram.Scram(name, credentials, nonce, client_scram.bound(kind, data))
        # RFC 5802 6: "y" says that we could have bound the channel, had the server offered it for any mechanism we know.
        could = bool(bindings) and not any(f"{each}-PLUS" in available for each in client_scram.HASHES)
        return client_scram.Scram(name, credentials, nonce, client_scram.UNBOUND_Y if could else client_scram.UNBOUND)
    return None
