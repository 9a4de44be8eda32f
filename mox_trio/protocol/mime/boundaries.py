"""The boundaries of the multiparts that are open, and which of them a line is (RFC 2046 5.1.1).

A line need only begin with `--` and a boundary. Where it begins with several, the whole line is the better match,
then the longest boundary, then the innermost: nested multiparts that were given the same boundary still nest.
"""

from dataclasses import dataclass
from typing import Final

LONGEST: Final = 200
"""Octets of a boundary that are compared; the standard allows 70."""
LINE: Final = LONGEST + 4
"""Octets of a line that decide whether it is a delimiter: two dashes, the boundary, two dashes."""


@dataclass(frozen=True, slots=True)
class Delimiter:
    """A line that is one: `index` of the boundary, outermost 0; `closing` where it ends its multipart."""

    index: int
    closing: bool


class Boundaries:
    """A stack of boundaries, the innermost last."""

    def __init__(self) -> None:
        self._prefixes: list[bytes] = []
        self._any: tuple[bytes, ...] = ()

    def __len__(self) -> int:
        return len(self._prefixes)

    def push(self, boundary: bytes) -> None:
        self._prefixes.append(b"--" + boundary[:LONGEST])
        self._any = tuple(self._prefixes)

    def keep(self, count: int) -> None:
        """Leave the outermost `count`."""
        del self._prefixes[count:]
        self._any = tuple(self._prefixes)

    def match(self, line: bytes) -> Delimiter | None:
        """What the line is, given its first `LINE` octets without the line end; None where it is text."""
        if not line.startswith(self._any):
            return None
        whole = line.rstrip()
        best = -1
        for index in range(len(self._prefixes) - 1, -1, -1):
            prefix = self._prefixes[index]
            if not line.startswith(prefix) or (best >= 0 and len(prefix) <= len(self._prefixes[best])):
                continue
            best = index
            if whole in (prefix, prefix + b"--"):
                break
        return Delimiter(best, line.startswith(b"--", len(self._prefixes[best])))
