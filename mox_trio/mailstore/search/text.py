"""Comparing text: without case, in normal form C, in whole or as it streams by.

`fold` gives the form that is compared. `Matcher` finds what `fold` of the whole text would hold, however the text is
cut into pieces, and keeps no more of it than the longest needle: it folds only up to a place where no character can
combine with one that follows.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mox_trio.base.text import nfc
from mox_trio.protocol.mime import header, words
from mox_trio.protocol.mime.header import Header

_LOOK_BACK: Final = 64
"""Characters in which the beginning of one is looked for."""
# What `words.decode` makes spaces of.
_SPACES: Final = bytes.maketrans(b"\t\v\f\r", b"    ")
_DATE: Final = re.compile(rb"(?:\A|\n)date[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE)


def fold(text: str) -> str:
    """The form in which texts are compared."""
    return text.lower() if text.isascii() else nfc(nfc(text).casefold())


@dataclass(frozen=True, slots=True)
class Needle:
    """A text to look for: folded, and as octets where it is ASCII."""

    text: str
    octets: bytes | None
    json: bytes | None
    """As it stands in a JSON string."""


def needle(text: str) -> Needle:
    """Prepare a text to look for."""
    folded = fold(text)
    if not folded.isascii():
        return Needle(folded, None, None)
    return Needle(folded, folded.encode("ascii"), json.dumps(folded)[1:-1].encode("ascii"))


def _is_written(wanted: Needle, octets: bytes) -> bool:
    """Whether a text that may be a part of an encoded word stands in a field as it is."""
    return wanted.octets is not None and b"=" in wanted.octets and wanted.octets in octets.lower()


class Fields:
    """The decoded text of a header block, for many questions. Its lines have no line ends.

    What may be a part of an encoded word, which has a "=", is looked for in the undecoded text as well.
    """

    __slots__ = ("_block", "_header", "_is_plain", "_lines", "_unfolded")

    def __init__(self, block: bytes) -> None:
        self._block = block
        # Where a header is ASCII without encoded words, as most are, one look at the octets answers most questions.
        self._is_plain = block.isascii() and b"=?" not in block
        self._unfolded: bytes | None = None
        self._header: Header | None = None
        self._lines: list[str] | None = None

    @property
    def date(self) -> bytes | None:
        """The body of the first Date field."""
        found = _DATE.search(self._block)
        return None if found is None else found[1].replace(b"\r\n", b"").replace(b"\n", b"").strip(b" \t\r")

    def field_holds(self, key: bytes, wanted: Needle) -> bool:
        """Whether a field named `key` (lower case) holds the text."""
        if not wanted.text:
            return key in self._parsed()
        if self._misses(wanted):
            return False
        return any(
            wanted.text in fold(words.decode(body)) or _is_written(wanted, body) for body in self._parsed().all(key)
        )

    def hold(self, wanted: Needle) -> bool:
        """Whether any field holds the text, its name included."""
        if not wanted.text:
            return True
        if self._misses(wanted):
            return False
        if self._lines is None:
            self._lines = list(self._folded())
        return any(wanted.text in line for line in self._lines) or any(
            _is_written(wanted, field.raw.replace(b"\r\n", b"").replace(b"\n", b"")) for field in self._parsed().fields
        )

    def _misses(self, wanted: Needle) -> bool:
        if not self._is_plain:
            return False
        if self._unfolded is None:
            self._unfolded = self._block.replace(b"\r\n", b"").replace(b"\n", b"").translate(_SPACES).lower()
        return wanted.octets is None or wanted.octets not in self._unfolded

    def _parsed(self) -> Header:
        if self._header is None:
            self._header = header.parse(self._block)
        return self._header

    def _folded(self) -> Iterator[str]:
        for field in self._parsed().fields:
            line = field.raw.replace(b"\r\n", b"").replace(b"\n", b"")
            yield fold(words.decode(line.strip(b" \t\r\n")))


class Matcher:
    """Looks for several folded texts in a text that comes in pieces."""

    __slots__ = ("_keep", "_left", "_raw", "_tail", "found")

    def __init__(self, needles: Iterable[str]) -> None:
        self._left = {each for each in needles if each}
        self._keep = max(map(len, self._left), default=1) - 1
        self._raw = ""
        self._tail = ""
        self.found: set[str] = set()

    def feed(self, text: str) -> None:
        """The next piece."""
        text = self._raw + text
        stop = _stop(text)
        self._raw = text[stop:]
        self._look(text[:stop])

    def finish(self) -> None:
        """The text ends here."""
        self._look(self._raw)
        self._raw = ""

    def _look(self, text: str) -> None:
        if not self._left or not text:
            return
        folded = self._tail + fold(text)
        seen = {each for each in self._left if each in folded}
        self.found |= seen
        self._left -= seen
        self._tail = folded[-self._keep :] if self._keep else ""


def _stop(text: str) -> int:
    """Before the last character that combines with none before it; the end where there is none near it, be it right or
    not: no language needs as many marks.
    """
    for place in range(len(text) - 1, max(len(text) - _LOOK_BACK, -1), -1):
        if _begins(text[place]):
            return place
    return len(text) if len(text) > _LOOK_BACK else 0


def _begins(character: str) -> bool:
    if character < "\u0300":
        return True
    # Only marks, and vowels and final consonants of Hangul, are composed with what is before them (UAX #15).
    return unicodedata.category(character)[0] != "M" and not "\u1160" <= character <= "\u11ff"
