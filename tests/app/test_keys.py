"""Keys of the server: made once, kept, read from where the configuration says."""

import stat
from pathlib import Path

import pytest
import trio

from mox_trio.app import keys
from mox_trio.config import load
from mox_trio.config.models.static import Static
from storage_backends.bodies.keyring import Keyring
from storage_backends.errors import NotFound, Refused
from storage_backends.index.api import NO_ACCOUNT
from storage_backends.index.open import open_sqlite
from storage_backends.index.tables import accounts
from tests.kit import stores


def static(directory: Path, more: str = "") -> Static:
    return load.static_text(f'hostname = "mail.example.org"\n{more}', directory / "mox-trio.toml")


async def test_the_server_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    made: list[bytes] = []

    async def ask() -> None:
        made.append(await keys.server_key(static(tmp_path)))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(ask)
    assert len(set(made)) == 1
    path = tmp_path / "data" / keys.SERVER_KEY
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [keys.SERVER_KEY]


async def test_a_key_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "0f" * 32)
    settings = static(tmp_path, '[keys]\nserver = { environment = "A_KEY" }\n')
    assert await keys.server_key(settings) == b"\x0f" * 32


async def test_a_wrong_key_is_refused_without_showing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "not hexadecimal, but secret")
    with pytest.raises(Refused) as caught:
        await keys.server_key(static(tmp_path, '[keys]\nserver = { environment = "A_KEY" }\n'))
    assert "secret" not in str(caught.value)


async def test_an_erased_account_gets_no_key_again(tmp_path: Path) -> None:
    index = await open_sqlite(tmp_path / "index.db")
    try:
        account = await index.write(NO_ACCOUNT, lambda tx: accounts.add(tx, "ann", now=0))
        wrapped = keys.IndexWrappedKeys(index)
        ring = Keyring(wrapped, [stores.MASTER])
        key = await ring.account_key(account)
        assert await Keyring(wrapped, [stores.MASTER]).account_key(account) == key
        await index.write([account], lambda tx: accounts.set_state(tx, account, accounts.REMOVING))
        await ring.erase(account)
        with pytest.raises(NotFound):
            await Keyring(wrapped, [stores.MASTER]).account_key(account)
    finally:
        await index.aclose()
