"""Bits of `message.flags`: the flags that every account has. Keywords of an account are bits of `message.keywords`."""

from typing import Final

SEEN: Final = 1 << 0
ANSWERED: Final = 1 << 1
FLAGGED: Final = 1 << 2
DELETED: Final = 1 << 3
DRAFT: Final = 1 << 4
FORWARDED: Final = 1 << 5
JUNK: Final = 1 << 6
NOTJUNK: Final = 1 << 7
MDN_SENT: Final = 1 << 8
PHISHING: Final = 1 << 9

KEYWORD_BITS: Final = 63
"""Bits of a signed 64-bit integer that can stand for an account's keywords."""
