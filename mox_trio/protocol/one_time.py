"""One-time codes that an authenticator makes of a shared secret and the time (RFC 6238 over RFC 4226): six digits, 30 seconds."""

import base64
import hmac
from typing import Final
from urllib.parse import quote

STEP: Final = 30
"""Seconds for which a code stands (RFC 6238 4.1)."""
DIGITS: Final = 6
SECRET_BYTES: Final = 20
"""RFC 4226 4, R6: as long as the hash."""
DRIFT: Final = 1
"""Steps that a clock may be ahead or behind (RFC 6238 5.2)."""


def code(secret: bytes, step: int) -> str:
    """The code of a step (RFC 4226 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0xF
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def maybe_step(secret: bytes, given: str, seconds: float, after: int = 0) -> int | None:
    """The step whose code this is, later than `after` and near `seconds` since 1970; None where it is none."""
    now = int(seconds) // STEP
    found = None
    for step in range(now - DRIFT, now + DRIFT + 1):  # all are compared, so that time says nothing
        if hmac.compare_digest(code(secret, step).encode(), given.encode()) and step > after:
            found = step
    return found


def shown(secret: bytes) -> str:
    """The secret as it is typed into an authenticator."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def uri(secret: bytes, account: str, issuer: str) -> str:
    """What an authenticator reads from a picture."""
    label = quote(f"{issuer}:{account}", safe="@:")
    return f"otpauth://totp/{label}?secret={shown(secret)}&issuer={quote(issuer, safe='')}"
