"""Identifiers made from entropy that the caller brings: nothing in this room draws random numbers.

The caller passes bytes of its own source (`secrets.token_bytes(16)` in a server, counted bytes in a test).
"""

import base64
from typing import Final

MINIMUM_BYTES: Final = 10
"""80 bits: below that, identifiers of one server may collide within its life."""

SECRET_BYTES: Final = 16
"""128 bits: what an identifier needs that must not be guessed."""


def url_safe(entropy: bytes) -> str:
    """An identifier of letters, digits, `-` and `_`: fit for URLs, file names, header fields and log lines.

    16 bytes give 22 characters. Raises ValueError for fewer than `MINIMUM_BYTES`.
    """
    if len(entropy) < MINIMUM_BYTES:
        raise ValueError(f"an identifier needs at least {MINIMUM_BYTES} bytes of entropy, not {len(entropy)}")
    return base64.urlsafe_b64encode(entropy).rstrip(b"=").decode("ascii")


def row_number(entropy: bytes) -> int:
    """A positive 63-bit number for a database row, from the first 8 bytes. Raises ValueError for fewer."""
    if len(entropy) < 8:
        raise ValueError(f"a row number needs 8 bytes of entropy, not {len(entropy)}")
    return (int.from_bytes(entropy[:8], "big") >> 1) or 1
