"""The answers that nearly all look-ups get, read at a quarter of what dnspython takes: records of the type that was asked
for, at the name that was asked about (RFC 1035 4.1), or that there are none, with the SOA that says for how long (RFC 2308).

Whatever is less plain than that is left to dnspython: CNAMEs, errors, referrals, names with unusual octets, and what cannot
be read.
"""

import struct
from typing import Final

import dns.ipv6

from mox_trio.base import limits
from mox_trio.policy.questions import Answer, Kind, Mx, Record, Status

_HEADER: Final = struct.Struct("!HHHHHH")
_FIXED: Final = struct.Struct("!HHHIH")
_AFTER_NAME: Final = struct.Struct("!HHIH")
_PLAIN_FLAGS: Final = 0x8000
"""QR alone, of QR, opcode, TC and RCODE."""
_FLAGS_READ: Final = 0xFA0F
_NO_NAME: Final = 3
"""RCODE NXDOMAIN."""
_AUTHENTIC: Final = 0x0020
_THE_NAME: Final = 0xC00C
"""A pointer to the name in the question (RFC 1035 4.1.4)."""
_LONGEST_TTL: Final = 0x7FFFFFFF
_LABEL_OCTETS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_TYPES: Final = {Kind.A: 1, Kind.PTR: 12, Kind.MX: 15, Kind.TXT: 16, Kind.AAAA: 28}
_SOA: Final = 6
_SOA_OCTETS: Final = 22
"""Two names of one octet at least, and five numbers (RFC 1035 3.3.13)."""
_INTERNET: Final = 1


def maybe_answer(kind: Kind, wire: bytes, start: int) -> Answer | None:
    """What a message says whose question is the one that was asked; `start` is where its answers begin. None where it is
    not plain.
    """
    try:
        return _answer(kind, wire, start)
    except (struct.error, IndexError, ValueError):
        return None


def _answer(kind: Kind, wire: bytes, at: int) -> Answer | None:
    _, flags, questions, count, authorities, _ = _HEADER.unpack_from(wire)
    wanted = _TYPES.get(kind)
    if not count and questions == 1 and authorities <= 1 and flags & _FLAGS_READ & ~_NO_NAME == _PLAIN_FLAGS:
        return _nothing(wire, at, flags, authorities)
    if flags & _FLAGS_READ != _PLAIN_FLAGS or questions != 1 or not 0 < count <= limits.DNS_ANSWER_RECORDS:
        return None
    records: dict[Record, None] = {}
    least = _LONGEST_TTL
    for _ in range(count):
        name, type_, class_, ttl, size = _FIXED.unpack_from(wire, at)
        at += _FIXED.size
        if name != _THE_NAME or type_ != wanted or class_ != _INTERNET or ttl > _LONGEST_TTL or at + size > len(wire):
            return None
        records[_record(kind, wire, at, at + size)] = None
        least = min(least, ttl)
        at += size
    return Answer(Status.FOUND, tuple(records), bool(flags & _AUTHENTIC), ttl=least)


def _nothing(wire: bytes, at: int, flags: int, authorities: int) -> Answer | None:
    """That there are no such records. Without SOA it is not to be kept (RFC 2308 5)."""
    if flags & _FLAGS_READ not in (_PLAIN_FLAGS, _PLAIN_FLAGS | _NO_NAME):
        return None
    status = Status.NO_NAME if flags & _NO_NAME else Status.NO_DATA
    ttl = 0
    if authorities:
        owner, at = _labels(wire, at)
        type_, class_, ttl, size = _AFTER_NAME.unpack_from(wire, at)
        end = at + _AFTER_NAME.size + size
        asked, _ = _labels(wire, _HEADER.size)
        if type_ != _SOA or class_ != _INTERNET or size < _SOA_OCTETS or end > len(wire) or ttl > _LONGEST_TTL:
            return None
        if owner and owner != asked[-len(owner) :]:
            return None
        ttl = min(ttl, int.from_bytes(wire[end - 4 : end], "big"))  # RFC 2308 3: and the last number of the SOA
    return Answer(status, (), bool(flags & _AUTHENTIC), ttl=ttl)


def _record(kind: Kind, wire: bytes, at: int, end: int) -> Record:
    """Raises ValueError, IndexError, struct.error."""
    match kind:
        case Kind.A:
            first, second, third, fourth = wire[at:end]
            return f"{first}.{second}.{third}.{fourth}"
        case Kind.AAAA:
            return dns.ipv6.inet_ntoa(wire[at:end])
        case Kind.TXT:
            return _strings(wire[at:end])
        case Kind.MX:
            return Mx(int.from_bytes(wire[at : at + 2], "big"), _name(wire, at + 2, end))
        case _:
            return _name(wire, at, end)


def _strings(data: bytes) -> bytes:
    found = []
    at = 0
    while at < len(data):
        size = data[at]
        if at + 1 + size > len(data):
            raise ValueError("a string is longer than its record")
        found.append(data[at + 1 : at + 1 + size])
        at += 1 + size
    if not found:
        raise ValueError("a record without a string")
    return b"".join(found)


def _name(wire: bytes, at: int, end: int) -> str:
    """The name that fills the octets to `end`."""
    labels, stopped = _labels(wire, at)
    if stopped != end:
        raise ValueError("octets behind a name")
    return b".".join(labels).decode("ascii")


def _labels(wire: bytes, at: int) -> tuple[list[bytes], int]:
    """The labels of a name in lower case, and where it ends; pointers only lead back, so it comes to its end."""
    labels: list[bytes] = []
    total, before, end = 0, at, 0
    while size := wire[at]:
        if size >= 0xC0:
            target = (size & 0x3F) << 8 | wire[at + 1]
            if target >= before:
                raise ValueError("a pointer that leads nowhere")
            end = end or at + 2
            at = before = target
            continue
        label = wire[at + 1 : at + 1 + size]
        total += size + 1
        if size > 63 or len(label) != size or total > 254 or not _LABEL_OCTETS.issuperset(label):
            raise ValueError("not a plain name")
        labels.append(label.lower())
        at += 1 + size
    return labels, end or at + 1
