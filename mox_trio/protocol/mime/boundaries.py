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
    """A stack of boundaries, the innermost last. `prefixes`: how lines begin that are delimiters."""

    def __init__(self) -> None:
        self.prefixes: tuple[bytes, ...] = ()
        self._whole: dict[bytes, Delimiter] = {}
        self._before: list[tuple[tuple[bytes, ...], dict[bytes, Delimiter]]] = []
        """What the two were before each boundary came."""

    def __len__(self) -> int:
        return len(self.prefixes)

    def push(self, boundary: bytes) -> None:
        self._before.append((self.prefixes, self._whole))
        prefix, index = b"--" + boundary[:LONGEST], len(self.prefixes)
        self.prefixes = (*self.prefixes, prefix)
        opening, closing = Delimiter(index, closing=False), Delimiter(index, closing=True)
        self._whole = {**self._whole, prefix: opening, prefix + b"--": closing}

    def keep(self, count: int) -> None:
        """Leave the outermost `count`."""
        if count < len(self.prefixes):
            self.prefixes, self._whole = self._before[count]
            del self._before[count:]

    def match(self, line: bytes) -> Delimiter | None:
        """What the line is, given its first `LINE` octets without the line end; None where it is text."""
        if not line.startswith(self.prefixes):
            return None
        return self._whole.get(line.rstrip()) or self._longest(line)

    def _longest(self, line: bytes) -> Delimiter:
        prefixes = self.prefixes
        index = max((index for index, prefix in enumerate(prefixes) if line.startswith(prefix)), key=self._rank)
        return Delimiter(index, line.startswith(b"--", len(prefixes[index])))

    def _rank(self, index: int) -> tuple[int, int]:
        return len(self.prefixes[index]), index
