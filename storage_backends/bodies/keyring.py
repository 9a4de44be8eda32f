"""The keys of accounts: each has a random 256-bit key, which is kept wrapped by a master key.

A wrapped key is one version byte, the 8-byte id of its master key, a random 12-byte nonce, and the key sealed by AES-256-GCM
with the account's id as associated data: it opens for its own account only. Of several master keys the first wraps and
all unwrap, so a rotation is: configure a new one in front, `rewrap` everything (it may be stopped and run again), take
the old one away. Bodies are not touched by that.

Dropping an account's wrapped key erases the account: nothing sealed under it can be read again, once backups and old pages
of the database that hold the wrapped key are gone too. Other processes may hold the key in memory until they `forget`.

Corrupt is raised for a wrapped key that no configured master key opens, NotFound for an account without a key or an erased
one. What `WrappedKeys` raises passes through.
"""

import secrets
from collections import OrderedDict
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage_backends import errors
from storage_backends.bodies.master_key import MasterKey

KEY: Final = 32
"""Bytes of an account's key, and of all that `derive` gives."""

CACHED: Final = 10_000
"""Accounts whose keys are held in memory by default."""

_VERSION: Final = b"\x01"
_NONCE: Final = 12
_HEAD: Final = len(_VERSION) + 8 + _NONCE


class WrappedKeys(Protocol):
    """Where wrapped keys are kept. Each call is done durably or raises Unavailable."""

    async def get(self, account: int) -> bytes | None:
        """The wrapped key of an account; None when it has none yet. NotFound when the account is erased or unknown."""

    async def add(self, account: int, wrapped: bytes) -> bytes:
        """Keep the first key of an account; give the kept one, which is another when somebody was first.

        NotFound when the account is erased or unknown.
        """

    async def replace(self, account: int, old: bytes, new: bytes) -> bool:
        """Put `new` in the place of `old`; False when it was not `old` any more."""

    async def all(self) -> list[tuple[int, bytes]]:
        """All accounts that have a key, with their wrapped keys."""

    async def drop(self, account: int) -> None:
        """Erase: forget the key and never take another for this account. Again is fine."""


class MemoryWrappedKeys:
    """Wrapped keys in a dictionary, for tests."""

    def __init__(self) -> None:
        self.kept: dict[int, bytes] = {}
        self._erased: set[int] = set()

    async def get(self, account: int) -> bytes | None:
        self._check(account)
        return self.kept.get(account)

    async def add(self, account: int, wrapped: bytes) -> bytes:
        self._check(account)
        return self.kept.setdefault(account, wrapped)

    async def replace(self, account: int, old: bytes, new: bytes) -> bool:
        if self.kept.get(account) != old:
            return False
        self.kept[account] = new
        return True

    async def all(self) -> list[tuple[int, bytes]]:
        return sorted(self.kept.items())

    async def drop(self, account: int) -> None:
        self.kept.pop(account, None)
        self._erased.add(account)

    def _check(self, account: int) -> None:
        if account in self._erased:
            raise errors.NotFound(f"account {account} is erased")


class Keyring:
    """Gives accounts their keys. `masters`: the first wraps, all unwrap; Refused when there is none or one twice."""

    def __init__(self, wrapped: WrappedKeys, masters: list[MasterKey], cached: int = CACHED) -> None:
        self._masters = {master.id: master for master in masters}
        if not masters or len(self._masters) != len(masters):
            raise errors.Refused("a keyring needs master keys that all differ")
        self._first = masters[0]
        self._wrapped = wrapped
        self._most = cached
        self._keys: OrderedDict[int, bytes] = OrderedDict()
        self._forgotten = 0

    async def account_key(self, account: int) -> bytes:
        """The account's key of `KEY` bytes; the first call for an account makes it."""
        return self._held(account) or await self._fetch(account, make=True)

    async def existing_key(self, account: int) -> bytes:
        """The account's key; NotFound when it has none, because then nothing can be sealed under it."""
        return self._held(account) or await self._fetch(account, make=False)

    async def erase(self, account: int) -> None:
        """Drop the account's key: what is sealed under it is lost for ever."""
        await self._wrapped.drop(account)
        self.forget(account)

    def forget(self, account: int) -> None:
        """Do not hold the account's key in memory any longer; the next use asks again."""
        self._keys.pop(account, None)
        self._forgotten += 1

    async def rewrap(self) -> int:
        """Wrap all keys with the first master key; give how many were not. Stopped half-way, it is run again.

        Corrupt at the end when keys did not open; all others are done then.
        """
        changed = 0
        broken = []
        for account, wrapped in await self._wrapped.all():
            if _master_of(wrapped) == self._first.id:
                continue
            try:
                new = self._wrap(account, self._unwrap(account, wrapped))
            except errors.Corrupt:
                broken.append(account)
            else:
                changed += await self._wrapped.replace(account, wrapped, new)
        if broken:
            raise errors.Corrupt(f"the keys of {len(broken)} accounts do not open, first {broken[:10]}")
        return changed

    async def unused_masters(self) -> list[bytes]:
        """The ids of the configured master keys that wrap nothing (any more) and are not the first."""
        used = {_master_of(wrapped) for _, wrapped in await self._wrapped.all()} | {self._first.id}
        return [each for each in self._masters if each not in used]

    def _held(self, account: int) -> bytes | None:
        key = self._keys.get(account)
        if key is not None:
            self._keys.move_to_end(account)
        return key

    async def _fetch(self, account: int, make: bool) -> bytes:
        forgotten = self._forgotten
        wrapped = await self._wrapped.get(account)
        if wrapped is None:
            if not make:
                raise errors.NotFound(f"account {account} has no key")
            wrapped = await self._wrapped.add(account, self._wrap(account, secrets.token_bytes(KEY)))
        key = self._unwrap(account, wrapped)
        if forgotten == self._forgotten:  # else it may be this one that was to be forgotten
            self._keys[account] = key
            while len(self._keys) > self._most:
                self._keys.popitem(last=False)
        return key

    def _wrap(self, account: int, key: bytes) -> bytes:
        head = _VERSION + self._first.id + secrets.token_bytes(_NONCE)
        return head + AESGCM(self._first.key).encrypt(head[-_NONCE:], key, _associated(account))

    def _unwrap(self, account: int, wrapped: bytes) -> bytes:
        head, sealed = wrapped[:_HEAD], wrapped[_HEAD:]
        if len(wrapped) <= _HEAD or head[:1] != _VERSION:
            raise errors.Corrupt(f"the wrapped key of account {account} is none")
        master = self._masters.get(_master_of(wrapped))
        if master is None:
            raise errors.Corrupt(
                f"the key of account {account} is wrapped by master key {_master_of(wrapped).hex()}, not configured"
            )
        try:
            return AESGCM(master.key).decrypt(head[-_NONCE:], sealed, _associated(account))
        except InvalidTag:
            raise errors.Corrupt(f"the wrapped key of account {account} does not open") from None


def derive(key: bytes, purpose: bytes, salt: bytes = b"") -> bytes:
    """A key of `KEY` bytes for one purpose, by HKDF-SHA256 (RFC 5869); nothing leads from it back to `key`."""
    return HKDF(hashes.SHA256(), KEY, salt or None, purpose).derive(key)


def _master_of(wrapped: bytes) -> bytes:
    return wrapped[1:9]


def _associated(account: int) -> bytes:
    return b"mox-trio account key\0" + account.to_bytes(8, "big")
