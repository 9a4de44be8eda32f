"""Whether texts are certainly nowhere in a message, by one look at its octets: most messages of a search end here.

In a message of ASCII octets without encoded words, transfer encodings and unusual charsets, decoded text is what the
octets say, but for line ends and white space in header fields. Anything else is "perhaps", and costs a proper look.
"""

import re
from collections.abc import Iterable
from typing import Final

from mox_trio.mailstore.search.text import needle

_ENCODING: Final = b"content-transfer-encoding"
_CHARSET: Final = b"charset"
_HARMLESS: Final = {
    _ENCODING: re.compile(rb'content-transfer-encoding[ \t]*:[ \t]*"?(?:7bit|8bit|binary)"?[ \t]*\r?\n(?![ \t])'),
    # Octets below 128 are ASCII in these; ISO 2022, HZ, UTF-16 and EBCDIC are not among them.
    _CHARSET: re.compile(
        rb"charset[ \t]*=[ \t]*"
        rb'(?:"(?:us-ascii|utf-?8|iso-8859-\d{1,2}|windows-125\d)"|(?:us-ascii|utf-?8|iso-8859-\d{1,2}|windows-125\d)(?=[\s;]))'
    ),
}
"""How what changes the meaning of octets may be written to change nothing."""
_SPACES: Final = bytes.maketrans(b"\t\v\f\r", b"    ")


class Absence:
    """Knows which texts are looked for."""

    __slots__ = ("_octets", "_spaced")

    def __init__(self, texts: Iterable[str]) -> None:
        needles = [needle(text) for text in texts if text]
        self._octets = [each.octets for each in needles if each.octets is not None]
        self._spaced = [each for each in self._octets if not each.isalnum() and each.split() != [each]]

    def is_sure(self, message: bytes, header_size: int | None = None, *, is_one_text: bool = False) -> bool:
        """Whether none of the texts is in the header, of so many octets where that is known, or the text of the message.

        `is_one_text`: as `structure_codec.is_one_text` says; then the message need not say so itself.
        """
        if not message.isascii() or message.find(b"=?", 0, header_size if is_one_text else None) >= 0:
            return False
        lower = message.lower()
        for octets in self._octets:
            if octets in lower:
                return False
        if not is_one_text and not (_is_harmless(lower, _ENCODING) and _is_harmless(lower, _CHARSET)):
            return False
        if self._spaced:
            unfolded = lower.replace(b"\r\n", b"").replace(b"\n", b"").translate(_SPACES)
            return not any(octets in unfolded for octets in self._spaced)
        return True


def _is_harmless(lower: bytes, word: bytes) -> bool:
    at = lower.find(word)
    while at >= 0:
        found = _HARMLESS[word].match(lower, at)
        if found is None:
            return False
        at = lower.find(word, found.end())
    return True
