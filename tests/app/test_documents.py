"""The dynamic document in the index: the same promises as in a file."""

from pathlib import Path

import pytest
import trio

from mox_trio.app.documents import IndexSource
from mox_trio.base.domain import Domain
from mox_trio.config import edit, load
from mox_trio.config.live import LiveConfig
from mox_trio.config.source import Conflict
from storage_backends.index.api import Index
from storage_backends.index.open import open_sqlite


@pytest.fixture
async def index(tmp_path: Path) -> Index:
    return await open_sqlite(tmp_path / "index.db")


async def test_an_empty_index_has_an_empty_document(index: Index) -> None:
    assert (await IndexSource(index).load()).text == ""
    await index.aclose()


async def test_saving_over_an_unseen_version_is_a_conflict(index: Index) -> None:
    source = IndexSource(index)
    empty = await source.load()
    saved = await source.save("# one\n", empty.version)
    with pytest.raises(Conflict):
        await source.save("# two\n", empty.version)
    assert (await source.load()) == saved
    await source.save("# three\n", saved.version)
    assert (await source.load()).text == "# three\n"
    await index.aclose()


async def test_another_process_hears_of_a_change(index: Index, tmp_path: Path) -> None:
    settings = load.static_text('hostname = "mail.example.org"\ndynamic = "index"\n', tmp_path / "mox-trio.toml")
    there = await open_sqlite(tmp_path / "index.db")
    live = await LiveConfig.open(settings, IndexSource(there))
    before = live.current
    async with trio.open_nursery() as nursery:
        nursery.start_soon(live.run)
        await edit.commit(IndexSource(index), settings, edit.add_domain(Domain.parse("example.org")))
        with trio.fail_after(20):
            after = await live.wait_replaced(before)
        nursery.cancel_scope.cancel()
    assert [str(name) for name in after.dynamic.domains] == ["example.org"]
    await index.aclose()
    await there.aclose()
