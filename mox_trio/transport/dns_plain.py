"""The answers that nearly all look-ups get, read at a quarter of what dnspython takes: records of the type that was asked
for, at the name that was asked about (RFC 1035 4.1).

Whatever is less plain than that is left to dnspython: CNAMEs, errors, that there is nothing, names with unusual octets, and
what cannot be read.
"""

import struct
from typing import Final

import dns.ipv6

from mox_trio.base import limits
from mox_trio.policy.questions import Answer, Kind, Mx, Record, Status

_HEADER: Final = struct.Struct("!HHHHHH")
_FIXED: Final = struct.Struct("!HHHIH")
_PLAIN_FLAGS: Final = 0x8000
"""QR alone, of QR, opcode, TC and RCODE."""
_FLAGS_READ: Final = 0xFA0F
_AUTHENTIC: Final = 0x0020
_THE_NAME: Final = 0xC00C
"""A pointer to the name in the question (RFC 1035 4.1.4)."""
_LONGEST_TTL: Final = 0x7FFFFFFF
_LABEL_OCTETS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_TYPES: Final = {Kind.A: 1, Kind.PTR: 12, Kind.MX: 15, Kind.TXT: 16, Kind.AAAA: 28}
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
    _, flags, questions, count, _, _ = _HEADER.unpack_from(wire)
    wanted = _TYPES.get(kind)
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
    """The name that fills the octets to `end`; pointers only lead back, so it comes to its end."""
    labels: list[bytes] = []
    total, before = 0, at
    inside = True
    while size := wire[at]:
        if size >= 0xC0:
            target = (size & 0x3F) << 8 | wire[at + 1]
            if target >= before or (inside and at + 2 != end):
                raise ValueError("a pointer that leads nowhere")
            at = before = target
            inside = False
            continue
        label = wire[at + 1 : at + 1 + size]
        total += size + 1
        if size > 63 or len(label) != size or total > 254 or not _LABEL_OCTETS.issuperset(label):
            raise ValueError("not a plain name")
        labels.append(label)
        at += 1 + size
    if inside and at + 1 != end:
        raise ValueError("octets behind a name")
    return b".".join(labels).decode("ascii").lower()
