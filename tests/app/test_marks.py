"""A body store is one index's: what another index knows is never taken for orphans."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from mox_trio.app import build
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import load
from mox_trio.mailstore import accounts, moving_store, orphans, upkeep, verifying
from mox_trio.mailstore.store import DAY, MailStore
from storage_backends.bodies.api import Bytes
from storage_backends.errors import Refused
from storage_backends.index import copying
from storage_backends.index.open import open_sqlite
from tests.kit.stores import Clock, message, put

STORES = """
hostname = "mail.example.org"
[storage]
default = "{default}"
index = {{ kind = "sqlite", file = "{file}" }}
[storage.stores.disk]
kind = "disk"
[storage.stores.sealed]
kind = "disk"
directory = "sealed"
encrypt = true
[keys]
master = {{ environment = "TEST_MASTER_KEY" }}
"""


@pytest.fixture(autouse=True)
def _master_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MASTER_KEY", "5a" * 32)


@asynccontextmanager
async def opened(
    directory: Path, *, default: str = "disk", file: str = "index.db", text: str = STORES
) -> AsyncIterator[MailStore]:
    """The mail store of a configuration, two days from now."""
    static = load.static_text(text.format(default=default, file=file), directory / "mox-trio.toml")
    async with build.opened_index(static) as index, build.opened_mail(static, index) as mail:
        clock = Clock(2 * DAY)
        yield MailStore(mail.index, mail.bodies, mail.default_store, mail.keys, mail.scratch, mail.policy, clock)


async def bodies_of(mail: MailStore) -> int:
    """How many bodies there are beside the marks."""
    count = 0
    for bodies in mail.bodies.values():
        count += len([info async for info in bodies.refs() if info.account != orphans.MARKS])
    return count


async def deliver_one(mail: MailStore, name: str = "ann") -> None:
    account = await accounts.ensure(mail, name)
    await put(mail, account, message())


def old(mail: MailStore) -> MailStore:
    """The same store, for which every body is old enough."""
    return replace(mail, policy=replace(mail.policy, orphan_age=0, release_after=0))


async def test_a_store_has_one_mark_however_often_it_is_opened(tmp_path: Path) -> None:
    for _ in range(3):
        async with opened(tmp_path) as mail:
            assert [await orphans.maybe_doubt(mail, name) for name in mail.bodies] == [None, None]
            for bodies in mail.bodies.values():
                assert len([info async for info in bodies.refs(orphans.MARKS)]) == 1


@pytest.mark.parametrize("default", ["disk", "sealed"])
async def test_an_empty_index_on_a_full_store_removes_nothing(tmp_path: Path, default: str) -> None:
    async with opened(tmp_path, default=default) as mail:
        await deliver_one(mail)
    async with opened(tmp_path, default=default, file="mistyped.db") as mail:
        await accounts.ensure(mail, "somebody")
        assert await orphans.remove(old(mail)) == 0
        findings = [each async for each in verifying.run(old(mail), fix=True)]
        assert {each.what for each in findings} == {"shared"}
        assert await bodies_of(mail) == 1
    async with opened(tmp_path, default=default) as mail:
        assert await orphans.remove(old(mail)) == 0
        assert await orphans.adopt(mail) == 2
        assert [each async for each in verifying.run(old(mail), bodies=True)] == []


async def test_an_index_that_was_copied_and_a_lost_mark_are_made_good_by_adopting(tmp_path: Path) -> None:
    async with opened(tmp_path) as mail:
        await deliver_one(mail)
        copy = await open_sqlite(tmp_path / "data" / "copy.db")
        await copying.copy(mail.index, copy)
        await copy.aclose()
        await mail.bodies["disk"].delete([info.key async for info in mail.bodies["disk"].refs(orphans.MARKS)])
        assert await orphans.maybe_doubt(mail, "disk") is not None
        await orphans.adopt(mail)
    async with opened(tmp_path) as mail:
        assert await orphans.maybe_doubt(mail, "disk") is None
        assert await orphans.remove(old(mail)) == 0
        assert await bodies_of(mail) == 1


async def test_a_real_orphan_of_the_one_index_is_removed(tmp_path: Path) -> None:
    async with opened(tmp_path) as mail:
        await deliver_one(mail)
        account = await accounts.open(mail, "ann")
        await mail.bodies["disk"].put(account.id, Bytes(b"left by a crash"))
        assert await orphans.remove(old(mail)) == 1
        assert await bodies_of(mail) == 1


async def test_an_index_that_was_copied_removes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as mail:
        await deliver_one(mail)
        copy = await open_sqlite(tmp_path / "data" / "copy.db")
        await copying.copy(mail.index, copy)
        await copy.aclose()
    async with opened(tmp_path, file="copy.db") as mail:
        await deliver_one(mail)
        assert await orphans.maybe_doubt(mail, "disk") is None
    async with opened(tmp_path) as mail:
        assert await orphans.remove(old(mail)) == 0
        assert await bodies_of(mail) == 2


async def test_a_store_that_rows_name_must_be_configured_until_the_last_body_went(tmp_path: Path) -> None:
    only_sealed = STORES.replace('[storage.stores.disk]\nkind = "disk"\n', "")
    async with opened(tmp_path) as mail:
        await deliver_one(mail)
        with pytest.raises(Failure) as caught:
            await moving_store.run(mail, "disk", "sealed")
        assert caught.value.kind is Kind.INVALID
    async with opened(tmp_path, default="sealed") as mail:
        assert (await moving_store.run(old(mail), "disk", "sealed")).bodies == 1
    with pytest.raises(Refused, match="disk"):
        async with opened(tmp_path, default="sealed", text=only_sealed):
            pass
    async with opened(tmp_path, default="sealed") as mail:
        # When the old body is erased, nothing names the store any more.
        assert await upkeep.release(mail) == 1
    async with opened(tmp_path, default="sealed", text=only_sealed) as mail:
        assert [each async for each in verifying.run(mail, bodies=True)] == []


async def test_two_processes_that_remove_an_account_at_once_are_both_content(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as two:
        for _ in range(3):
            await deliver_one(one)
        account = await accounts.open(one, "ann")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(accounts.remove, one, "ann")
            nursery.start_soon(accounts.erase, two, account.id)
            nursery.start_soon(upkeep.finish_removals, two)
        assert await bodies_of(one) == 0


async def test_upkeep_is_done_by_one_process_at_a_time(tmp_path: Path) -> None:
    results: list[object] = []

    async def run(mail: MailStore) -> None:
        try:
            results.append(await upkeep.run(mail))
        except Failure as failure:
            results.append(failure.kind)

    async with opened(tmp_path) as one, opened(tmp_path) as two:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, one)
            nursery.start_soon(run, two)
        assert Kind.IN_USE in results
        await run(one)
    assert isinstance(results[-1], upkeep.Done)
