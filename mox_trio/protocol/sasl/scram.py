"""The arithmetic of SCRAM (RFC 5802, RFC 7677): keys from a password, and whether a proof was made with them.

The exchange of messages is in `server`; salts and keys come from the store of secrets. A server keeps StoredKey and
ServerKey, from which nobody can log in without trying passwords.
"""

import enum
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

ITERATIONS: Final = 10_000
"""RFC 7677 4 asks for at least 4096; each log-in costs the client's device as much."""


class Mechanism(enum.Enum):
    """A hash; the value is the name in SASL. The -PLUS forms have the same keys."""

    SHA1 = "SCRAM-SHA-1"
    SHA256 = "SCRAM-SHA-256"

    @property
    def hash_name(self) -> str:
        """The name of the hash in hashlib."""
        return "sha1" if self is Mechanism.SHA1 else "sha256"


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a client needs to make its proof; sent in the clear."""

    salt: bytes
    iterations: int


@dataclass(frozen=True, slots=True)
class Keys:
    """What a server keeps for one password and mechanism (RFC 5802 3)."""

    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    def dump(self) -> bytes:
        """Both, one after the other: they have the same length."""
        return self.stored_key + self.server_key

    @classmethod
    def load(cls, data: bytes) -> "Keys":
        """What `dump` gave."""
        half = len(data) // 2
        return cls(data[:half], data[half:])


@dataclass(frozen=True, slots=True)
class Proof:
    """What a client sent: its proof, and the AuthMessage that both sides put together (RFC 5802 3)."""

    mechanism: Mechanism
    auth_message: bytes
    client_proof: bytes = field(repr=False)


def derive(mechanism: Mechanism, password: bytes, parameters: Parameters) -> Keys:
    """The keys of a password. Takes milliseconds, without the interpreter's lock: call it in a thread."""
    name = mechanism.hash_name
    salted = hashlib.pbkdf2_hmac(name, password, parameters.salt, parameters.iterations)
    client_key = hmac.digest(salted, b"Client Key", name)
    return Keys(hashlib.new(name, client_key).digest(), hmac.digest(salted, b"Server Key", name))


def proves(proof: Proof, keys: Keys) -> bool:
    """Whether the proof was made with the password of these keys."""
    name = proof.mechanism.hash_name
    signature = hmac.digest(keys.stored_key, proof.auth_message, name)
    if len(proof.client_proof) != len(signature):
        return False
    client_key = bytes(mine ^ theirs for mine, theirs in zip(signature, proof.client_proof, strict=True))
    return hmac.compare_digest(hashlib.new(name, client_key).digest(), keys.stored_key)


def server_signature(proof: Proof, keys: Keys) -> bytes:
    """What shows the client that the server knows its keys too."""
    return hmac.digest(keys.server_key, proof.auth_message, proof.mechanism.hash_name)
