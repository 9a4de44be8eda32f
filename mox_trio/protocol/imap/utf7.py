"""Modified UTF-7 (RFC 3501 5.1.3): mailbox names for sessions that did not enable UTF8=ACCEPT or IMAP4rev2.

`decode` is strict where two spellings would name one mailbox: needless shifts, bits that are left over, and lone surrogates
are ValueError. Any text can be encoded but one with lone surrogates (ValueError).
"""

import binascii
import re
from typing import Final

_SHIFTED: Final = re.compile(rb"&([^-]*)-")
_PLAIN: Final = re.compile(rb"[\x20-\x25\x27-\x7e]*")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+,]+")
_NOT_PLAIN: Final = re.compile(r"[^\x20-\x7e]+|&")
"""Runs that are shifted, and the ampersand, which is written as "&-"."""


def encode(name: str) -> bytes:
    """A name as ASCII."""
    if name.isascii() and name.isprintable():
        return name.replace("&", "&-").encode("ascii")
    out: list[bytes] = []
    at = 0
    for match in _NOT_PLAIN.finditer(name):
        shifted = b"&-" if match[0] == "&" else b"&%b-" % _base64(match[0])
        out += (name[at : match.start()].encode("ascii"), shifted)
        at = match.end()
    out.append(name[at:].encode("ascii"))
    return b"".join(out)


def decode(name: bytes) -> str:
    """The name that was encoded. ValueError where it was not."""
    if name.isascii() and b"&" not in name:
        if _PLAIN.fullmatch(name) is None:
            raise ValueError("control characters in modified UTF-7")
        return name.decode("ascii")
    out: list[str] = []
    at = 0
    was_shifted = False
    while at < len(name):
        if name[at] == 0x26:
            match = _SHIFTED.match(name, at)
            if match is None:
                raise ValueError("a shift without an end in modified UTF-7")
            if match[1] and was_shifted:  # RFC 3501 5.1.3: no null shifts
                raise ValueError("a needless shift in modified UTF-7")
            out.append(_unshifted(match[1]) if match[1] else "&")
            was_shifted = bool(match[1])
        else:
            match = _PLAIN.match(name, at)
            if match is None or not match[0]:
                raise ValueError("8-bit or control characters in modified UTF-7")
            out.append(match[0].decode("ascii"))
            was_shifted = False
        at = match.end()
    return "".join(out)


def _base64(text: str) -> bytes:
    encoded = binascii.b2a_base64(text.encode("utf-16-be"), newline=False)
    return encoded.rstrip(b"=").replace(b"/", b",")


def _unshifted(encoded: bytes) -> str:
    if _BASE64.fullmatch(encoded) is None:
        raise ValueError("not base64 in modified UTF-7")
    padded = encoded.replace(b",", b"/") + b"=" * (-len(encoded) % 4)
    try:
        text = binascii.a2b_base64(padded, strict_mode=True).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("not UTF-16 in modified UTF-7") from error
    # RFC 3501 5.1.3: what ASCII can say is not shifted, and no bits are left over.
    if _NOT_PLAIN.fullmatch(text) is None or "&" in text or _base64(text) != encoded:
        raise ValueError("a needless shift in modified UTF-7")
    return text
