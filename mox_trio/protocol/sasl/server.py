"""The server's side of SASL: one generator a mechanism, which yields what to send and what to ask, and is sent answers.

A `Challenge` goes to the client and is answered with the client's octets. The other steps go to the store of secrets; who
drives a conversation throws nothing into it but ends it when a secret is wrong. What a client may not say raises
`Rejected`. What the conversation returns is the last word to the client, for protocols that can send it with success;
None for none.

PLAIN RFC 4616, LOGIN draft-murchison-sasl-login, CRAM-MD5 RFC 2195, SCRAM RFC 5802 and 7677, EXTERNAL RFC 4422 A.
"""

import base64
import binascii
import enum
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mox_trio.base import text
from mox_trio.protocol.sasl import scram
from mox_trio.protocol.sasl.scram import Mechanism


class Trouble(enum.Enum):
    """Why an exchange ended; the value is the word in logs and in the table of attempts."""

    PROTOCOL = "bad-protocol"
    """What the client sent is not the mechanism."""
    CHANNEL_BINDING = "bad-channel-binding"
    """It speaks of another channel than this: somebody is in between, or thinks that we cannot bind."""


class Rejected(Exception):
    """The exchange is over, without success."""

    def __init__(self, trouble: Trouble, detail: str) -> None:
        super().__init__(detail)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send this; the answer is the client's response."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CheckPassword:
    """Is it this name's password? Nothing comes back."""

    name: str
    password: str = field(repr=False)
    acting_as: str = ""
    """Whom the client wants to be (authorization identity); empty for the name itself."""


@dataclass(frozen=True, slots=True)
class GiveParameters:
    """Salt and iterations for a name come back, whether it is somebody's or not."""

    name: str
    mechanism: Mechanism


@dataclass(frozen=True, slots=True)
class CheckProof:
    """Was it made with this name's password? The server's signature comes back."""

    name: str
    proof: scram.Proof
    acting_as: str = ""


@dataclass(frozen=True, slots=True)
class CheckDigest:
    """Was the challenge of CRAM-MD5 answered with this name's password? Nothing comes back."""

    name: str
    challenge: bytes
    digest: bytes = field(repr=False)
    acting_as: str = ""


@dataclass(frozen=True, slots=True)
class CheckCertificate:
    """Is the client's certificate somebody's? Nothing comes back."""

    acting_as: str = ""


Question = CheckPassword | GiveParameters | CheckProof | CheckDigest | CheckCertificate
Conversation = Generator[Challenge | Question, Any, bytes | None]


@dataclass(frozen=True, slots=True)
class Channel:
    """What conversations depend on beside the client."""

    hostname: str
    nonce: str = field(repr=False)
    """Random, never used before, of letters and digits (or what else is printable; no comma)."""
    now: int
    """Milliseconds since 1970 UTC."""
    bindings: Mapping[str, bytes] = field(default_factory=dict)
    """Channel bindings by name (RFC 5929)."""
    offers_plus: bool = False
    """Whether the -PLUS mechanisms were announced."""


PLUS: Final = "-PLUS"
PASSWORDS_IN_THE_CLEAR: Final = ("PLAIN", "LOGIN")
_MOST: Final = 1000
"""Octets of a name or a nonce."""
_SHORTEST_NONCE: Final = 8
_NONCE: Final = re.compile(r"[!-+\--~]+")  # RFC 5802 7: printable but the comma
_NAME: Final = re.compile(r"(?:[^=,\0]|=2C|=3D)+")
_DIGEST: Final = re.compile(r"[0-9a-f]{32}")


def offered(*, has_certificate: bool, plus: bool) -> tuple[str, ...]:
    """The mechanisms to announce, best first; `plus` where every binding that a client may choose works.

    Clients on TLS 1.3 choose tls-exporter (RFC 9266), so -PLUS without it would lock them out.
    """
    found = ["EXTERNAL"] if has_certificate else []
    for mechanism in (Mechanism.SHA256, Mechanism.SHA1):
        found += [mechanism.value + PLUS] if plus else []
        found.append(mechanism.value)
    return (*found, "CRAM-MD5", *PASSWORDS_IN_THE_CLEAR)


def begin(mechanism: str, initial: bytes | None, channel: Channel) -> Conversation | None:
    """The conversation of a mechanism, with the client's first octets if it sent some; None for an unknown one."""
    known = _CONVERSATIONS.get(mechanism)
    return None if known is None else known(initial, channel)


def _plain(initial: bytes | None, channel: Channel) -> Conversation:
    response = initial if initial is not None else (yield Challenge(b""))
    parts = _decoded(response).split("\0")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise Rejected(Trouble.PROTOCOL, "PLAIN is an identity, a name and a password")
    yield CheckPassword(_name(parts[1]), parts[2], _maybe_name(parts[0]))
    return None


def _login(initial: bytes | None, channel: Channel) -> Conversation:
    name = initial if initial is not None else (yield Challenge(b"Username:"))
    password = yield Challenge(b"Password:")
    yield CheckPassword(_name(_decoded(name)), _decoded(password))
    return None


def _cram_md5(initial: bytes | None, channel: Channel) -> Conversation:
    if initial is not None:
        raise Rejected(Trouble.PROTOCOL, "CRAM-MD5 begins with the server")
    challenge = f"<{channel.nonce}.{channel.now}@{channel.hostname}>".encode("ascii")
    name, _, digest = _decoded((yield Challenge(challenge))).rpartition(" ")
    if _DIGEST.fullmatch(digest) is None:
        raise Rejected(Trouble.PROTOCOL, "CRAM-MD5 is a name and a digest")
    yield CheckDigest(_name(name), challenge, digest.encode("ascii"))
    return None


def _external(initial: bytes | None, channel: Channel) -> Conversation:
    response = initial if initial is not None else (yield Challenge(b""))
    yield CheckCertificate(_maybe_name(_decoded(response)))
    return None


def _scram(mechanism: Mechanism, *, plus: bool) -> Callable[[bytes | None, Channel], Conversation]:
    def conversation(initial: bytes | None, channel: Channel) -> Conversation:
        first = _ClientFirst.parse(_decoded(initial if initial is not None else (yield Challenge(b""))))
        binding = _binding(first, channel, plus=plus)
        nonce = first.nonce + channel.nonce
        parameters: scram.Parameters = yield GiveParameters(first.name, mechanism)
        salt = base64.b64encode(parameters.salt).decode("ascii")
        server_first = f"r={nonce},s={salt},i={parameters.iterations}"
        final = _ClientFinal.parse(_decoded((yield Challenge(server_first.encode()))))
        if final.nonce != nonce:
            raise Rejected(Trouble.PROTOCOL, "the nonce of SCRAM is another")
        if final.binding != first.header.encode() + binding:
            raise Rejected(Trouble.CHANNEL_BINDING, "the channel binding of SCRAM is another")
        auth_message = f"{first.bare},{server_first},{final.without_proof}".encode()
        proof = scram.Proof(mechanism, auth_message, final.proof)
        signature: bytes = yield CheckProof(first.name, proof, first.acting_as)
        return b"v=" + base64.b64encode(signature)

    return conversation


def _binding(first: "_ClientFirst", channel: Channel, *, plus: bool) -> bytes:
    """The data of the binding that the client asks for; empty for none. RFC 5802 6."""
    if first.flag == "y" and channel.offers_plus:
        raise Rejected(Trouble.CHANNEL_BINDING, "the client did not see that this server binds channels")
    if not first.flag.startswith("p="):
        if plus:
            raise Rejected(Trouble.CHANNEL_BINDING, "a mechanism that ends in -PLUS binds the channel")
        return b""
    found = channel.bindings.get(first.flag[2:])
    if not plus or found is None:
        raise Rejected(Trouble.CHANNEL_BINDING, "a channel binding that is not offered")
    return found


@dataclass(frozen=True, slots=True)
class _ClientFirst:
    """RFC 5802 7: client-first-message."""

    flag: str
    acting_as: str
    header: str
    """gs2-header."""
    bare: str
    name: str
    nonce: str

    @classmethod
    def parse(cls, message: str) -> "_ClientFirst":
        """Rejected."""
        flag, _, rest = message.partition(",")
        acting_as, comma, bare = rest.partition(",")
        if not comma or not (flag in ("n", "y") or (flag.startswith("p=") and len(flag) > 2)):
            raise Rejected(Trouble.PROTOCOL, "SCRAM begins with a gs2-header")
        if acting_as and not acting_as.startswith("a="):
            raise Rejected(Trouble.PROTOCOL, "an authorization identity begins with a=")
        parts = bare.split(",")
        if len(parts) < 2 or not parts[0].startswith("n=") or not parts[1].startswith("r="):
            raise Rejected(Trouble.PROTOCOL, "SCRAM goes on with a name and a nonce")  # or m=, which nobody defined
        nonce = parts[1][2:]
        if not _SHORTEST_NONCE <= len(nonce) <= _MOST or _NONCE.fullmatch(nonce) is None:
            raise Rejected(Trouble.PROTOCOL, "a nonce is 8 printable characters at least")
        header = message[: len(message) - len(bare)]
        return cls(flag, _unescaped(acting_as[2:]) if acting_as else "", header, bare, _unescaped(parts[0][2:]), nonce)


@dataclass(frozen=True, slots=True)
class _ClientFinal:
    """RFC 5802 7: client-final-message."""

    binding: bytes
    nonce: str
    proof: bytes = field(repr=False)
    without_proof: str

    @classmethod
    def parse(cls, message: str) -> "_ClientFinal":
        """Rejected."""
        without_proof, comma, proof = message.rpartition(",p=")
        parts = without_proof.split(",")
        if not comma or len(parts) < 2 or not parts[0].startswith("c=") or not parts[1].startswith("r="):
            raise Rejected(Trouble.PROTOCOL, "SCRAM ends with a binding, a nonce and a proof")
        return cls(_from_base64(parts[0][2:]), parts[1][2:], _from_base64(proof), without_proof)


def _from_base64(written: str) -> bytes:
    try:
        return binascii.a2b_base64(written, strict_mode=True)
    except (binascii.Error, ValueError):
        raise Rejected(Trouble.PROTOCOL, "SCRAM's values are base64") from None


def _unescaped(name: str) -> str:
    if _NAME.fullmatch(name) is None:  # RFC 5802 5.1: "," and "=" are written =2C and =3D
        raise Rejected(Trouble.PROTOCOL, "a name of SCRAM is escaped otherwise")
    return _name(name.replace("=2C", ",").replace("=3D", "="))


def _decoded(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise Rejected(Trouble.PROTOCOL, "names and passwords are UTF-8") from None


def _maybe_name(name: str) -> str:
    return _name(name) if name else ""


def _name(name: str) -> str:
    if not name or len(name) > _MOST or text.maybe_control(name) is not None:
        raise Rejected(Trouble.PROTOCOL, "no name can be like this")
    return text.nfc(name)


_CONVERSATIONS: Final[Mapping[str, Callable[[bytes | None, Channel], Conversation]]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "CRAM-MD5": _cram_md5,
    "EXTERNAL": _external,
    **{each.value + (PLUS if plus else ""): _scram(each, plus=plus) for each in Mechanism for plus in (False, True)},
}
