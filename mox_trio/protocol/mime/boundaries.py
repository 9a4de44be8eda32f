"""The boundaries of the multiparts that are open, and which of them a line is (RFC 2046 5.1.1).

A line need only begin with `--` and a boundary. Where it begins with several, the whole line is the better match,
then the longest boundary, then the innermost: nested multiparts that were given the same boundary still nest.
"""

from typing import Final, NamedTuple

LONGEST: Final = 200
"""Octets of a boundary that are compared; the standard allows 70."""
LINE: Final = LONGEST + 4
"""Octets of a line that decide whether it is a delimiter: two dashes, the boundary, two dashes."""


class Delimiter(NamedTuple):
    """A line that is one: of which boundary, the outermost is 0, and whether it closes its multipart."""

    boundary: int
    closing: bool


class Boundaries:
    """A stack of boundaries, the innermost last."""

    def __init__(self) -> None:
        self._prefixes: list[bytes] = []
        self._any: tuple[bytes, ...] = ()
        self._whole: dict[bytes, Delimiter] = {}

    def __len__(self) -> int:
        return len(self._prefixes)

    def push(self, boundary: bytes) -> None:
        self._prefixes.append(b"--" + boundary[:LONGEST])
        self._index()

    def keep(self, count: int) -> None:
        """Leave the outermost `count`."""
        if count < len(self._prefixes):
            del self._prefixes[count:]
            self._index()

    def match(self, line: bytes) -> Delimiter | None:
        """What the line is, given its first `LINE` octets without the line end; None where it is text."""
        if not line.startswith(self._any):
            return None
        return self._whole.get(line.rstrip()) or self._longest(line)

    def _longest(self, line: bytes) -> Delimiter:
        prefixes = self._prefixes
        index = max((index for index, prefix in enumerate(prefixes) if line.startswith(prefix)), key=self._rank)
        return Delimiter(index, line.startswith(b"--", len(prefixes[index])))

    def _rank(self, index: int) -> tuple[int, int]:
        return len(self._prefixes[index]), index

    def _index(self) -> None:
        self._any = tuple(self._prefixes)
        self._whole.clear()
        for index, prefix in enumerate(self._prefixes):
            self._whole[prefix] = Delimiter(index, closing=False)
            self._whole[prefix + b"--"] = Delimiter(index, closing=True)
