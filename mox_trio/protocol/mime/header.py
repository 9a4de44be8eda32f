"""A header block as byte-exact fields (RFC 5322 2.2, obsolete forms of RFC 5322 4.5, 8-bit as in RFC 6532).

Nothing is refused and nothing is lost: the raw fields joined with `end` are the block again, so a field can be
signed, copied or shown as it came. A line that is no field (no colon, or an mbox "From " line) is a `Field` without a
name; white space before the colon is left out of the name; lines end in CRLF or a bare LF. A block is split at the
first question asked about it, once, in linear time; fields become objects only when they are asked for.
"""

import re
from dataclasses import dataclass
from typing import Final

_FIELD: Final = re.compile(rb"[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)")
_NAMED: Final = re.compile(rb"([^\n:]*):([^\n]*(?:\n[ \t][^\n]*)*)")
_LF: Final = 10
_WHITE_SPACE: Final = b" \t\r\n"
_NOT_FIELDS: Final = (b" ", b"\t", b"From ", b">From ")
"""How a first line begins that continues nothing, or that mbox files put before a header; either may hold colons."""
_NO_KEYS: Final = tuple(each.lower() for each in _NOT_FIELDS)


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its `name` as written, b"" where the line is no field, and `raw`, all of it with its line ends."""

    name: bytes
    raw: bytes

    @property
    def key(self) -> bytes:
        """The name in lower case, by which fields are compared."""
        return self.name.lower()

    @property
    def body(self) -> bytes:
        """What follows the colon, unfolded, without white space around it; the whole line where it is no field."""
        return _body(self.raw, bool(self.name))


class Header:
    """The fields of one header block, in their order. Made by `parse`."""

    __slots__ = ("_bodies", "_by_key", "_raws", "block", "end")

    block: bytes
    """The bytes it was parsed from."""
    end: bytes
    """The blank line that ends the header and whatever follows it in the block; b"" where there is none."""

    def __init__(self, block: bytes) -> None:
        stop = _blank_line(block)
        self.block = block
        self.end = block[stop:]
        self._raws: list[bytes] | None = None
        self._by_key: dict[bytes, list[bytes]] | None = None
        self._bodies: dict[bytes, list[bytes]] = {}
        """What was asked for."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """All fields and the lines that are none; a new tuple each time."""
        return tuple(Field(_name(raw), raw) for raw in self._split())

    def get(self, key: bytes) -> bytes | None:
        """The unfolded body of the first field named `key` (lower case), or None."""
        bodies = self._bodies.get(key)
        if bodies is None:
            bodies = self._find(key)
        return bodies[0] if bodies else None

    def all(self, key: bytes) -> list[bytes]:
        """The unfolded bodies of all fields named `key` (lower case), in their order."""
        bodies = self._bodies.get(key)
        if bodies is None:
            bodies = self._find(key)
        return bodies.copy()

    def raws(self, key: bytes) -> list[bytes]:
        """The raw fields named `key` (lower case), in their order, with their line ends as they are."""
        return [] if key.startswith(_NO_KEYS) else self._indexed().get(key, []).copy()

    def starting_with(self, prefix: bytes) -> dict[bytes, bytes]:
        """By key, the body of the first of the fields whose keys begin with `prefix`; the rest is not split."""
        found: dict[bytes, bytes] = {}
        lowered = self.block.lower()
        stop = len(self.block) - len(self.end)
        at = lowered.find(prefix, 0, stop)
        while at >= 0:
            field = _NAMED.match(self.block, at, stop) if not at or self.block[at - 1] == _LF else None
            if field:
                name = field[1].rstrip(b" \t")
                if not name.startswith(_NOT_FIELDS):
                    found.setdefault(name.lower(), _unfolded(field[2]))
            at = lowered.find(prefix, field.end() if field else at + 1, stop)
        return found

    def __contains__(self, key: bytes) -> bool:
        return key in self._indexed()

    def _find(self, key: bytes) -> list[bytes]:
        raws = self._indexed().get(key)
        bodies = self._bodies[key] = [_body(raw, True) for raw in raws] if raws is not None else []
        return bodies

    def _split(self) -> list[bytes]:
        if self._raws is None:
            self._raws = _FIELD.findall(self.block, 0, len(self.block) - len(self.end))
            if self._raws and not self._raws[-1]:
                self._raws.pop()
        return self._raws

    def _indexed(self) -> dict[bytes, list[bytes]]:
        if self._by_key is None:
            by_key: dict[bytes, list[bytes]] = {}
            for raw in self._split():
                colon = raw.find(b":")
                if colon <= 0:
                    continue
                # A line that begins as no field does is under a key that nobody asks for: cheaper than to find out.
                key = raw[:colon].rstrip(b" \t").lower()
                if key in by_key:
                    by_key[key].append(raw)
                else:
                    by_key[key] = [raw]
            self._by_key = by_key
        return self._by_key


def parse(block: bytes) -> Header:
    """The header in `block`, which ends at the first blank line or at the end of the bytes. Never fails, linear."""
    return Header(block)


def _blank_line(block: bytes) -> int:
    """Where the line that ends the header begins, or the end of the block."""
    if block.startswith((b"\n", b"\r\n")):
        return 0
    with_cr = block.find(b"\n\r\n")
    bare = block.find(b"\n\n", 0, with_cr + 1 if with_cr >= 0 else len(block))
    found = bare if bare >= 0 else with_cr
    return found + 1 if found >= 0 else len(block)


def _name(raw: bytes) -> bytes:
    name, colon, _ = raw.partition(b":")
    name = name.rstrip(b" \t")
    if not colon or b"\n" in name or name.startswith(_NOT_FIELDS):
        return b""
    return name


def _body(raw: bytes, named: bool) -> bytes:
    return _unfolded(raw.partition(b":")[2] if named else raw)


def _unfolded(value: bytes) -> bytes:
    if b"\n" in value[:-1]:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return value.strip(_WHITE_SPACE)
