"""Keys of the server: the master key, the keys of accounts in the index, and the key of logins."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio

from mox_trio.config.models.secret import SecretRef
from mox_trio.config.models.static import Static
from storage_backends import errors
from storage_backends.bodies import master_key
from storage_backends.bodies.keyring import Keyring
from storage_backends.bodies.master_key import MasterKey
from storage_backends.index.api import NO_ACCOUNT, AccountId, Index
from storage_backends.index.tables import stores

SERVER_KEY: Final = "server.key"


class IndexWrappedKeys:
    """Wrapped keys of accounts as a column of their rows."""

    def __init__(self, index: Index) -> None:
        self._index = index

    async def get(self, account: int) -> bytes | None:
        """The wrapped key of an account, if it has one."""
        return await self._index.read(lambda tx: stores.wrapped_key(tx, AccountId(account)))

    async def add(self, account: int, wrapped: bytes) -> bytes:
        """Give an account its key unless it has one; return the one that holds. NotFound for an account that goes."""
        holds = await self._index.write(NO_ACCOUNT, lambda tx: stores.add_wrapped_key(tx, AccountId(account), wrapped))
        if holds is None:
            raise errors.NotFound(f"account {account} is erased")
        return holds

    async def replace(self, account: int, old: bytes, new: bytes) -> bool:
        """Replace the key when it still is `old`."""
        return await self._index.write(
            NO_ACCOUNT, lambda tx: stores.replace_wrapped_key(tx, AccountId(account), old, new)
        )

    async def all(self) -> list[tuple[int, bytes]]:
        """Every account's wrapped key."""
        return [(int(account), wrapped) for account, wrapped in await self._index.read(stores.wrapped_keys)]

    async def drop(self, account: int) -> None:
        """Forget an account's key: its sealed mail is erased."""
        await self._index.write(NO_ACCOUNT, lambda tx: stores.drop_wrapped_key(tx, AccountId(account)))


async def read_key(secret: SecretRef) -> MasterKey:
    """Fetch a key: 64 hexadecimal digits from a file, the environment or a command. Refused says what to do, not the
    key.
    """
    if secret.file is not None:
        return await trio.to_thread.run_sync(master_key.from_file, secret.file)
    if secret.environment is not None:
        return master_key.from_environment(secret.environment)
    return await trio.to_thread.run_sync(master_key.from_command, list(secret.command or ()))


async def open_keyring(static: Static, index: Index) -> Keyring | None:
    """The keyring, when a master key is configured."""
    if static.keys.master is None:
        return None
    masters = [await read_key(secret) for secret in (static.keys.master, *static.keys.previous_masters)]
    return Keyring(IndexWrappedKeys(index), masters)


async def server_key(static: Static) -> bytes:
    """The key that seals secrets of logins; without a setting a file in the data directory, made once."""
    if static.keys.server is not None:
        return (await read_key(static.keys.server)).key
    return (await trio.to_thread.run_sync(_kept_key, static.data_directory / SERVER_KEY)).key


def _kept_key(path: Path) -> MasterKey:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        # Made beside it and linked: of several processes one wins, and no half file is ever read.
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        master_key.create_file(temporary)
        with suppress(FileExistsError):
            os.link(temporary, path)
        temporary.unlink()
    return master_key.from_file(path)
