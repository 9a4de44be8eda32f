"""The one place through which content goes into rows and out of them.

`Plain` leaves it readable; `Sealed` seals it under the account's key, so that sealing is a setting and not a fork. A
stored value begins with one byte that says which of the two it is, so that rows from before the setting changed are
still read; `upkeep` writes them again. Look-ups for equality use `key`, a 64-bit hash that for a sealed account
nobody can compute without its key.

Opening raises `Corrupt` when a value was changed, swapped with another row's or column's, or sealed under another key.
"""

from collections.abc import Awaitable, Iterable, Sequence
from hashlib import blake2b
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mox_trio.mailstore.entropy import Pool
from storage_backends.errors import Corrupt

READABLE: Final = b"\0"
"""Begins a value that is not sealed."""
_SEALED: Final = b"\1"
_NONCE: Final = 12

_nonces = Pool(_NONCE)


class AccountKeys(Protocol):
    """Who knows the key of an account: the keyring."""

    def account_key(self, account: int) -> Awaitable[bytes]:
        """The 32-byte key. NotFound for an account that was erased."""

    def forget(self, account: int) -> None:
        """Keep the key in memory no longer."""


class Codec(Protocol):
    """How content of one account is kept in rows."""

    @property
    def sealing(self) -> bool:
        """Whether values are sealed."""

    def seal(self, place: str, value: bytes) -> bytes:
        """The form of `value` for the row and column that `place` names for ever."""

    def seal_each(self, places: Iterable[str], values: Sequence[bytes]) -> list[bytes]:
        """Several values and their places at once."""

    def open(self, place: str, stored: bytes) -> bytes:
        """What `seal` was given. An empty column is an empty value. Corrupt when it is not from this place."""

    def open_each(self, places: Iterable[str], stored: Sequence[bytes]) -> list[bytes | None]:
        """Several values and their places at once; None for one that is Corrupt."""

    def is_current(self, stored: bytes) -> bool:
        """Whether `seal` would write it in this form today."""

    def key(self, kind: str, value: bytes) -> int:
        """A signed 64-bit number for look-ups by equality, the same for the same kind and value."""


def _number(kind: str, value: bytes, key: bytes) -> int:
    digest = blake2b(value, digest_size=8, key=key, person=kind.encode()[:16]).digest()
    return int.from_bytes(digest, "big", signed=True)


class Plain:
    """Content is readable in the rows."""

    __slots__ = ()
    sealing: Final = False

    def seal(self, place: str, value: bytes) -> bytes:
        """Mark the value as readable."""
        return READABLE + value

    def seal_each(self, places: Iterable[str], values: Sequence[bytes]) -> list[bytes]:
        """Mark each; the places are not asked for."""
        return [READABLE + value for value in values]

    def open(self, place: str, stored: bytes) -> bytes:
        """Take the mark off."""
        if stored[:1] == _SEALED:
            raise Corrupt(f"{place} is sealed, but this server is configured without encryption")
        return stored[1:]

    def open_each(self, places: Iterable[str], stored: Sequence[bytes]) -> list[bytes | None]:
        """Take the marks off; the places are not asked for."""
        return [None if value[:1] == _SEALED else value[1:] for value in stored]

    def is_current(self, stored: bytes) -> bool:
        """Whether it is readable."""
        return stored[:1] != _SEALED

    def key(self, kind: str, value: bytes) -> int:
        """A hash without a secret."""
        return _number(kind, value, b"")


class Sealed:
    """Content is sealed by AES-256-GCM under keys derived from the account's key (RFC 5869)."""

    __slots__ = ("_cipher", "_look_up")
    sealing: Final = True

    def __init__(self, account_key: bytes) -> None:
        derived = HKDF(SHA256(), 64, None, b"mox-trio rows").derive(account_key)
        self._cipher = AESGCM(derived[:32])
        self._look_up = derived[32:]

    def seal(self, place: str, value: bytes) -> bytes:
        """Seal; a random nonce stands in front."""
        nonce = _nonces.take()
        return _SEALED + nonce + self._cipher.encrypt(nonce, value, place.encode())

    def seal_each(self, places: Iterable[str], values: Sequence[bytes]) -> list[bytes]:
        """Seal each."""
        return [self.seal(place, value) for place, value in zip(places, values, strict=True)]

    def open(self, place: str, stored: bytes) -> bytes:
        """Open, or take the mark off a value from before sealing was set."""
        if stored[:1] != _SEALED:
            return stored[1:]
        try:
            return self._cipher.decrypt(stored[1 : 1 + _NONCE], stored[1 + _NONCE :], place.encode())
        except (InvalidTag, ValueError) as error:
            raise Corrupt(f"{place} does not open with the account's key") from error

    def open_each(self, places: Iterable[str], stored: Sequence[bytes]) -> list[bytes | None]:
        """Open each."""
        return [self._maybe_open(place, value) for place, value in zip(places, stored, strict=True)]

    def _maybe_open(self, place: str, stored: bytes) -> bytes | None:
        try:
            return self.open(place, stored)
        except Corrupt:
            return None

    def is_current(self, stored: bytes) -> bool:
        """Whether it is sealed."""
        return stored[:1] == _SEALED

    def key(self, kind: str, value: bytes) -> int:
        """A hash keyed by the account."""
        return _number(kind, value, self._look_up)
