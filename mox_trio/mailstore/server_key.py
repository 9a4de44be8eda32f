"""The secret of a server under which login secrets are sealed, so that a copy of the database alone logs nobody in.

`app` reads the 32 bytes from where the configuration says and hands them in. Other keys are derived from it, one a
purpose (RFC 5869). Opening raises `Corrupt` when a value was changed, belongs to another credential or mechanism, or
was sealed under another server's key.
"""

import os
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage_backends.errors import Corrupt

BYTES: Final = 32
_NONCE: Final = 12


@dataclass(frozen=True, slots=True)
class ServerKey:
    """32 random bytes that a server keeps for its life. ValueError for another length."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != BYTES:
            raise ValueError(f"a server key has {BYTES} bytes, not {len(self.key)}")

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose."""
        return HKDF(SHA256(), 32, None, f"mox-trio {purpose}".encode()).derive(self.key)


class Sealing:
    """Seals login secrets with AES-256-GCM; a random nonce stands in front."""

    __slots__ = ("_cipher",)

    def __init__(self, key: ServerKey) -> None:
        self._cipher = AESGCM(key.derive("login secrets"))

    def seal(self, place: str, secret: bytes) -> bytes:
        """The form of `secret` for the row and column that `place` names."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret, place.encode())

    def open(self, place: str, stored: bytes) -> bytes:
        """What `seal` was given for this place. Corrupt."""
        try:
            return self._cipher.decrypt(stored[:_NONCE], stored[_NONCE:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise Corrupt(f"{place} does not open with the server's key") from error
