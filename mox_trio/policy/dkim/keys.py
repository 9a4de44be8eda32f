"""Public keys as DNS has them (RFC 6376 3.6.1, RFC 8463 4), and signatures checked with them by cryptography.

A record is read once and remembered: loading a key costs as much as a signature. What cannot be used is a `BadKey` with a
reason for the log.
"""

import base64
import binascii
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256
from dkim.util import InvalidTagValueList, parse_tag_value

from mox_trio.base import limits

LEAST_BITS: Final = 1024
MOST_BITS: Final = 4096
"""RFC 8301 3.2: at least 1024 must be asked for, and up to 4096 understood; a longer one is a burden for who verifies."""
REMEMBERED: Final = 1000

_PADDING: Final = padding.PKCS1v15()
_DIGEST: Final = utils.Prehashed(SHA256())


@dataclass(frozen=True, slots=True)
class Key:
    """A key that may check signatures."""

    public: rsa.RSAPublicKey | ed25519.Ed25519PublicKey
    bits: int
    testing: bool
    """t=y"""
    strict: bool
    """t=s: the domain of i= is exactly that of d=."""

    @property
    def algorithm(self) -> str:
        """The a= of signatures it is for."""
        return "rsa-sha256" if isinstance(self.public, rsa.RSAPublicKey) else "ed25519-sha256"

    @property
    def is_too_short(self) -> bool:
        return self.bits < LEAST_BITS and self.algorithm == "rsa-sha256"

    def verifies(self, signature: bytes, digest: bytes) -> bool:
        """Whether the signature is of that SHA-256."""
        try:
            if isinstance(self.public, rsa.RSAPublicKey):
                self.public.verify(signature, digest, _PADDING, _DIGEST)
            else:
                self.public.verify(signature, digest)  # RFC 8463 3: the hash is what is signed
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class BadKey:
    """Why a record is of no use."""

    detail: str
    testing: bool = False
    bits: int = 0


@lru_cache(REMEMBERED)
def read(record: bytes) -> Key | BadKey:
    """The key in a TXT record, its strings joined."""
    if len(record) > limits.DKIM_KEY_OCTETS:
        return BadKey("the key record is too long")
    try:
        tags = parse_tag_value(record)
    except InvalidTagValueList:
        return BadKey("the key record cannot be read")
    flags = _words(tags.get(b"t", b""))
    testing = b"y" in flags
    if tags.get(b"v", b"DKIM1") != b"DKIM1":
        return BadKey("the key record has another version", testing)
    if b"h" in tags and b"sha256" not in _words(tags[b"h"]):
        return BadKey("the key is not for SHA-256", testing)
    if b"s" in tags and not {b"*", b"email"} & set(_words(tags[b"s"])):
        return BadKey("the key is not for mail", testing)
    if b"p" not in tags:
        return BadKey("the key record has no key", testing)
    octets = b"".join(tags[b"p"].split())
    if not octets:
        return BadKey("the key is revoked", testing)  # RFC 6376 3.6.1
    public = _public_key(tags.get(b"k", b"rsa"), octets)
    if isinstance(public, str):
        return BadKey(public, testing)
    bits = public.key_size if isinstance(public, rsa.RSAPublicKey) else 256
    if bits > MOST_BITS:
        return BadKey(f"the key has {bits} bits", testing, bits)
    return Key(public, bits, testing, b"s" in flags)


def record_of(public: rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> str:
    """The text of the TXT record for a key of our own."""
    if isinstance(public, rsa.RSAPublicKey):
        octets = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1;h=sha256;p={base64.b64encode(octets).decode()}"
    octets = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return f"v=DKIM1;k=ed25519;p={base64.b64encode(octets).decode()}"


def _public_key(kind: bytes, octets: bytes) -> rsa.RSAPublicKey | ed25519.Ed25519PublicKey | str:
    """The key, or what is wrong with it."""
    try:
        data = base64.b64decode(octets, validate=True)
        if kind == b"ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(data)
        if kind != b"rsa":
            return "the key is of a kind that is not known"
        loaded = serialization.load_der_public_key(data)  # SubjectPublicKeyInfo, or RSAPublicKey as RFC 6376 says
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return "the key cannot be read"
    return loaded if isinstance(loaded, rsa.RSAPublicKey) else "the key is of another kind than its record says"


def _words(value: bytes) -> list[bytes]:
    """A list with colons."""
    return [each.strip() for each in value.split(b":")]
