"""Settings: values of every kind, names, limits, tombstones, sealing."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import accounts, changes, settings
from mox_trio.mailstore.settings import JSON
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.errors import Corrupt
from storage_backends.index import schema
from storage_backends.index.api import ModSeq
from tests.kit import damage, stores

VALUES: dict[str, JSON] = {
    "identities": [{"name": "Ann \u2603", "address": "ann@example.org"}],
    "signature": "-- \r\nAnn",
    "web.columns": {"width": 1.5, "folded": False, "sort": []},
    "zero": 0,
}


async def test_values_come_back_as_they_were_set(store: MailStore, account: Account) -> None:
    for name, value in VALUES.items():
        await settings.put(store, account, name, value)
    assert await settings.listed(store, account) == VALUES
    assert json.dumps(await settings.listed(store, account)) == json.dumps(VALUES)  # also False, which equals 0


async def test_a_value_is_replaced_and_taken_away_for_those_who_watch(store: MailStore, account: Account) -> None:
    await settings.put(store, account, "theme", "dark")
    first = await changes.since(store, account, ModSeq(0))
    await settings.put(store, account, "theme", "light")
    second = await changes.since(store, account, first.modseq)
    await settings.put(store, account, "theme", None)
    third = await changes.since(store, account, second.modseq)
    assert [first.settings, second.settings, third.settings] == [
        [("theme", "dark")],
        [("theme", "light")],
        [("theme", None)],
    ]
    assert await settings.listed(store, account) == {}
    assert await damage.look(store, select(schema.setting.c.value)) == [(b"",)]


@pytest.mark.parametrize("name", ["", "Theme", "a b", "a\n", ".a", "\u00e4", "a" * 129])
async def test_a_name_that_cannot_be_one_is_refused(store: MailStore, account: Account, name: str) -> None:
    with pytest.raises(Failure) as caught:
        await settings.put(store, account, name, 1)
    assert caught.value.kind is Kind.INVALID


async def test_what_is_no_json_is_refused(store: MailStore, account: Account) -> None:
    endless: list[JSON] = []
    endless.append(endless)
    for value in (float("nan"), float("inf"), "\ud800", endless):
        with pytest.raises(Failure) as caught:
            await settings.put(store, account, "a", value)
        assert caught.value.kind is Kind.INVALID
    assert await settings.listed(store, account) == {}


async def test_settings_and_bytes_of_an_account_have_limits(
    store: MailStore, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MOST", 2)
    monkeypatch.setattr(settings, "ALL_BYTES", 200)
    await settings.put(store, account, "a", 1)
    await settings.put(store, account, "b", 2)
    for name, value in (("c", "3"), ("b", "x" * 300)):
        with pytest.raises(Failure) as caught:
            await settings.put(store, account, name, value)
        assert caught.value.kind is Kind.LIMIT
    assert await settings.listed(store, account) == {"a": 1, "b": 2}
    await settings.put(store, account, "a", None)
    await settings.put(store, account, "c", 3)


async def test_a_sealed_value_is_bound_to_its_name(tmp_path: Path) -> None:
    async with stores.opened(tmp_path, sealing=True) as kit:
        account = await accounts.create(kit.store, "ann")
        await settings.put(kit.store, account, "a", "secret")
        ((stored,),) = await damage.look(kit.store, select(schema.setting.c.value))
        assert b"secret" not in stored
        await damage.change(kit.store, schema.setting.update().values(name="b"))
        with pytest.raises(Corrupt):
            await settings.listed(kit.store, account)


async def test_turning_on_encryption_seals_what_was_there(tmp_path: Path) -> None:
    async with stores.opened(tmp_path) as kit:
        account = await accounts.create(kit.store, "ann")
        await settings.put(kit.store, account, "a", "secret")
        await settings.put(kit.store, account, "b", "gone")
        await settings.put(kit.store, account, "b", None)
        assert await settings.seal_again(kit.store, account) == 0
    async with stores.opened(tmp_path, sealing=True) as kit:
        account = await accounts.open(kit.store, "ann")
        before = await damage.look(kit.store, select(schema.setting.c.value))
        assert any(b"secret" in value for (value,) in before)
        assert await settings.seal_again(kit.store, account) == 1
        after = await damage.look(kit.store, select(schema.setting.c.value))
        assert not any(b"secret" in value for (value,) in after)
        assert await settings.listed(kit.store, account) == {"a": "secret"}
        assert await settings.seal_again(kit.store, account) == 0
