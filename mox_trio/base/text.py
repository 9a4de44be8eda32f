"""Text as people type it: normal form, characters that names must not hold, and the form of passwords.

Promises: pure functions, linear in the length of the text, no state. Only `opaque_string` raises.
"""

import re
import unicodedata
from typing import Final

# C0, DEL, C1, the line and paragraph separators and lone surrogates: none of them has a place in a name, and in a
# protocol line or a log several of them end the line.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def nfc(text: str) -> str:
    """The text in Unicode normal form C. ASCII text is returned as it is."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def maybe_control(text: str) -> str | None:
    """The first control character, line separator or lone surrogate in the text as `U+0007`; None if there is none."""
    found = _CONTROL.search(text)
    return f"U+{ord(found[0]):04X}" if found else None


def without_controls(text: str) -> str:
    """The text with every character that `maybe_control` would name replaced by a space: safe for one line of a log."""
    return _CONTROL.sub(" ", text)


def opaque_string(text: str) -> str:
    """A password or another secret in the form that is compared: the OpaqueString profile of PRECIS.

    Spaces of other scripts become ASCII spaces, the rest is normal form C; case is kept. Raises ValueError (without the
    text in it) for an empty string and for control characters. RFC 8265 4.2.
    """
    if not text.isascii():
        text = "".join(" " if unicodedata.category(each) == "Zs" else each for each in text)  # RFC 8265 4.2.1, mapping
        text = unicodedata.normalize("NFC", text)
    if not text:
        raise ValueError("is empty")
    if (control := maybe_control(text)) is not None:
        raise ValueError(f"holds the character {control}")
    return text
