"""Signatures of our own (RFC 6376 5, RFC 8301, RFC 8463): RSA and Ed25519 with SHA-256.

A field is signed once for each time it is there, and once more where `seal` is set, so that none can be added on the way.
The field that is made is folded here and must be sent as it is. Signing with RSA of 2048 bits takes a millisecond.

Raises ValueError where a key is none that can sign, or a message has not exactly one From.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256

from mox_trio.base.domain import Domain
from mox_trio.policy.dkim import keys
from mox_trio.policy.dkim.body import Canonical
from mox_trio.policy.dkim.fields import Fields
from mox_trio.protocol.mime import header

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

LINE: Final = 76
"""Octets of a line of the field, without its line end."""
_PADDING: Final = padding.PKCS1v15()
_DIGEST: Final = utils.Prehashed(SHA256())
_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/?^_`{|}~.@")


@dataclass(frozen=True, slots=True)
class Selector:
    """A key of a domain and how it signs."""

    name: Domain
    """As `fields.selector` reads it."""
    domain: Domain
    key: PrivateKey = field(repr=False)
    headers: Sequence[str]
    """Names of fields that are signed, From among them."""
    header_form: Canonical = Canonical.RELAXED
    body_form: Canonical = Canonical.RELAXED
    seal: bool = True
    lifetime: float | None = None
    """Seconds for which the signature is good."""


def load_key(pem: bytes) -> PrivateKey:
    """The private key in PKCS#8 or PKCS#1 PEM. Raises ValueError, which does not repeat it."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is not a private key in PEM without a password") from None
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError("is neither an RSA nor an Ed25519 key")
    if isinstance(key, rsa.RSAPrivateKey) and not keys.LEAST_BITS <= key.key_size <= keys.MOST_BITS:
        raise ValueError(f"has {key.key_size} bits; others want {keys.LEAST_BITS} to {keys.MOST_BITS}")
    return key


def sign(
    block: bytes, digests: Mapping[Canonical, bytes], selectors: Sequence[Selector], identity: str, now: float
) -> bytes:
    """The DKIM-Signature fields to put before the header `block`, whose lines end in CRLF: one for each selector.

    `digests` are of the body as it is sent. `identity` is i=, such as `mary@example.org`; left out where it is empty or
    not ASCII. Raises ValueError.
    """
    parsed = Fields(header.parse(block))
    if len(parsed.all(b"from")) != 1:
        raise ValueError("a message that is signed has exactly one From")
    return b"".join(_signed(parsed, digests, selector, identity, int(now)) for selector in selectors)


def _signed(parsed: Fields, digests: Mapping[Canonical, bytes], selector: Selector, identity: str, now: int) -> bytes:
    names = _names(parsed, selector)
    head = _field(selector, digests[selector.body_form], names, identity, now)
    digest = parsed.digest(names, head + b"\r\n", selector.header_form)
    if isinstance(selector.key, rsa.RSAPrivateKey):
        value = selector.key.sign(digest, _PADDING, _DIGEST)
    else:
        value = selector.key.sign(digest)
    encoded = base64.b64encode(value)
    lines = [encoded[at : at + LINE - 1] for at in range(0, len(encoded), LINE - 1)]
    return head + b"".join(b"\r\n\t" + line for line in lines) + b"\r\n"


def _names(parsed: Fields, selector: Selector) -> list[bytes]:
    """h=, in lower case: each name as often as it occurs, and once more to seal it."""
    listed: list[bytes] = []
    for name in _keys(tuple(selector.headers)):
        listed += [name] * (len(parsed.all(name)) + selector.seal)
    return listed


@lru_cache
def _keys(headers: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(each.lower().encode("ascii") for each in (*headers, "from")))


def _field(selector: Selector, digest: bytes, names: Sequence[bytes], identity: str, now: int) -> bytes:
    """The field up to and with `b=`."""
    is_rsa = isinstance(selector.key, rsa.RSAPrivateKey)
    tags = [
        b"v=1;",
        b"a=rsa-sha256;" if is_rsa else b"a=ed25519-sha256;",
        b"c=%b/%b;" % (selector.header_form.value.encode(), selector.body_form.value.encode()),
        b"d=%b;" % selector.domain.ascii.encode(),
        b"s=%b;" % selector.name.ascii.encode(),
    ]
    if identity and identity.isascii():
        tags.append(b"i=%b;" % _quoted(identity))
    tags.append(b"t=%d;" % now)
    if selector.lifetime is not None:
        tags.append(b"x=%d;" % (now + int(selector.lifetime)))
    listed = [b"h=" + names[0], *(b":" + name for name in names[1:])]
    words = [b" " + tag for tag in tags] + [b" " + listed[0], *listed[1:-1], listed[-1] + b";"]
    words += [b" bh=%b;" % base64.b64encode(digest), b" b="]
    return _folded(b"DKIM-Signature:", words)


def _folded(start: bytes, words: Sequence[bytes]) -> bytes:
    """The words on lines of at most LINE octets where they allow it; folding white space comes instead of their space."""
    lines: list[bytes] = []
    line = start
    for word in words:
        if len(line) + len(word) <= LINE:
            line += word
        else:
            lines.append(line)
            line = b"\t" + word.lstrip(b" ")
    return b"\r\n".join([*lines, line])


def _quoted(identity: str) -> bytes:
    """dkim-quoted-printable (RFC 6376 2.11)."""
    return b"".join(bytes((each,)) if each in _PLAIN else b"=%02X" % each for each in identity.encode("ascii"))
