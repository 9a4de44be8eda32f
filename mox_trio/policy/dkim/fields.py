"""Header fields as signatures see them: which ones are signed, in what form, and the tags of a signature.

RFC 6376 3.4.1, 3.4.2 (forms), 3.5 (tags), 3.7 (what is hashed), 5.4.2 (fields that occur more than once: from the last up).
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from dkim.util import InvalidTagValueList, parse_tag_value

from mox_trio.base import hashing
from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.policy.dkim.body import Canonical
from mox_trio.protocol.mime import header

FWS: Final = b" \t\r\n"
_WHITE_SPACE: Final = re.compile(rb"[ \t]+")
_BELOW: Final = "_domainkey.example"


class Malformed(Exception):
    """A signature field cannot be used; the text says why, without repeating it."""


class Fields:
    """The fields of a header block by name. What is asked for, and its forms, are made once."""

    def __init__(self, parsed: header.Header) -> None:
        self._parsed = parsed
        self._lowered = parsed.block.lower()
        self._raws: dict[bytes, list[bytes]] = {}
        self._relaxed: dict[bytes, bytes] = {}

    def all(self, key: bytes) -> Sequence[bytes]:
        """The raw fields of a name (lower case), from the top, each with a line end."""
        found = self._raws.get(key)
        if found is None:
            raws = self._parsed.raws(key)
            found = self._raws[key] = [raw if raw.endswith(b"\n") else raw + b"\r\n" for raw in raws]
        return found

    def may_hold(self, start: bytes) -> bool:
        """Whether there may be a field whose name begins so (lower case): told without taking the header apart."""
        return start in self._lowered

    def form(self, raw: bytes, canonical: Canonical) -> bytes:
        """A field as it is hashed, with its line end."""
        if canonical is Canonical.SIMPLE:
            return raw
        found = self._relaxed.get(raw)
        if found is None:
            found = self._relaxed[raw] = relaxed(raw)
        return found

    def digest(self, names: Iterable[bytes], signature: bytes, canonical: Canonical) -> bytes:
        """The SHA-256 that is signed: the fields `names` (lower case), then the raw field `signature` with an empty b=.

        A name for which no field is left stands for nothing: it was signed so that none could be added.
        """
        taken: dict[bytes, int] = {}
        parts = []
        for name in names:
            raws = self.all(name)
            count = taken[name] = taken.get(name, 0) + 1
            if count <= len(raws):
                parts.append(self.form(raws[-count], canonical))
        return sha256_of(b"".join(parts) + own_form(signature, canonical))


def relaxed(raw: bytes) -> bytes:
    """The relaxed form of a field (RFC 6376 3.4.2)."""
    name, _, value = raw.partition(b":")
    value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    if b"\t" in value or b"  " in value:
        value = _WHITE_SPACE.sub(b" ", value)
    return b"%b:%b\r\n" % (name.lower().rstrip(), value.strip())


def own_form(signature: bytes, canonical: Canonical) -> bytes:
    """A signature field as it signs itself: the value of b= taken out, no line end (RFC 6376 3.7)."""
    name, _, value = signature.partition(b":")
    tags = value.split(b";")
    for index, tag in enumerate(tags):
        key, equals, _ = tag.partition(b"=")
        if equals and key.strip(FWS) == b"b":
            tags[index] = key + equals
    emptied = name + b":" + b";".join(tags)
    if canonical is Canonical.RELAXED:
        emptied = relaxed(emptied)
    return emptied.removesuffix(b"\n").removesuffix(b"\r")


def sha256_of(data: bytes) -> bytes:
    """The SHA-256."""
    digest = sha256()
    hashing.feed(digest, data)
    return digest.digest()


def tags_of(raw: bytes, longest: int) -> Mapping[bytes, bytes]:
    """The tags of a signature field. Raises Malformed."""
    if len(raw) > longest:
        raise Malformed("the field is too long")
    value = raw.partition(b":")[2].replace(b"\r\n", b"").replace(b"\n", b"")
    try:
        tags: dict[bytes, bytes] = parse_tag_value(value)
    except InvalidTagValueList:
        raise Malformed("the tags cannot be read") from None
    return tags


def needed(tags: Mapping[bytes, bytes], name: bytes) -> bytes:
    """The value of a tag that must be there. Raises Malformed."""
    value = tags.get(name)
    if not value:
        raise Malformed(f"{name.decode()}= is missing")
    return value


def octets(tags: Mapping[bytes, bytes], name: bytes) -> bytes:
    """The value of a base64 tag. Raises Malformed."""
    try:
        return base64.b64decode(b"".join(needed(tags, name).split()), validate=True)
    except binascii.Error:
        raise Malformed(f"{name.decode()}= is not base64") from None


def selector(text: str) -> Domain:
    """The name of a selector, which is a part of a domain name and may end in a number. Raises InvalidAddress."""
    whole = Domain.parse(f"{text}.{_BELOW}", underscore=True)
    return Domain(whole.ascii.removesuffix("." + _BELOW), whole.unicode.removesuffix("." + _BELOW))


def domain(tags: Mapping[bytes, bytes], name: bytes) -> Domain:
    """The value of d= or s=; U-labels may be written (RFC 8616 5). Raises Malformed."""
    try:
        text = needed(tags, name).decode("utf-8")
        return selector(text) if name == b"s" else Domain.parse(text, underscore=True)
    except (InvalidAddress, UnicodeError):
        raise Malformed(f"{name.decode()}= is not a domain") from None


def number(tags: Mapping[bytes, bytes], name: bytes) -> int | None:
    """The value of a tag with a time. Raises Malformed."""
    value = tags.get(name)
    if value is None:
        return None
    if not (value.isdigit() and len(value) <= 12):  # RFC 6376 3.5: twelve digits
        raise Malformed(f"{name.decode()}= is not a number")
    return int(value)


def names(tags: Mapping[bytes, bytes], most: int) -> tuple[bytes, ...]:
    """h=, in lower case. Raises Malformed."""
    listed = tuple(each.strip(FWS).lower() for each in needed(tags, b"h").split(b":"))
    if len(listed) > most:
        raise Malformed("h= is too long")
    return listed


def forms(value: bytes) -> tuple[Canonical, Canonical]:
    """c=: the form of the header and that of the body. Raises Malformed."""
    head, _, rest = value.partition(b"/")
    try:
        return Canonical(head.strip(FWS).decode()), Canonical(rest.strip(FWS).decode() if rest else "simple")
    except ValueError:
        raise Malformed("c= is not known") from None
