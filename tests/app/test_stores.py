"""Body stores of the configuration, also those that other packages bring."""

from pathlib import Path

import pytest

from mox_trio.app import stores
from mox_trio.config import load
from mox_trio.config.models.static import Static
from storage_backends import errors
from storage_backends.bodies import api
from storage_backends.index.open import open_sqlite

PACKAGE = """
from pathlib import Path
from storage_backends.bodies.disk import DiskStore
def open_store(*, place, depth, quick):
    assert (depth, quick) == (2, True)
    return DiskStore(Path(place))
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package by others, as an installer leaves it."""
    (tmp_path / "tape_bodies.py").write_text(PACKAGE)
    about = tmp_path / "tape_bodies-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tape-bodies\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[mox_trio.body_stores]\ntape = tape_bodies:open_store\n")
    monkeypatch.syspath_prepend(tmp_path)


def configured(directory: Path, options: str) -> Static:
    text = (
        f'hostname = "mx.example"\n[storage.stores.far]\nkind = "other"\ndriver = "tape"\noptions = {{ {options} }}\n'
    )
    return load.static_text(text, directory / "mox-trio.toml")


@pytest.mark.usefixtures("package")
async def test_a_store_of_another_package_is_configured_and_opened(tmp_path: Path) -> None:
    static = configured(tmp_path, f'place = "{tmp_path}/tape", depth = 2, quick = true')
    index = await open_sqlite(tmp_path / "index.db")
    try:
        store = await stores.open_bodies(static.storage.stores["far"], "far", None, index)
        assert await api.read(store, await store.put(1, api.Bytes(b"x"))) == b"x"
        await store.aclose()
        with pytest.raises(errors.Refused, match="tape"):
            await stores.open_bodies(configured(tmp_path, "size = 1").storage.stores["far"], "far", None, index)
    finally:
        await index.aclose()


async def test_a_package_that_is_not_installed_is_named(tmp_path: Path) -> None:
    index = await open_sqlite(tmp_path / "index.db")
    try:
        with pytest.raises(errors.Refused, match="no body store of kind tape"):
            await stores.open_bodies(configured(tmp_path, "").storage.stores["far"], "far", None, index)
    finally:
        await index.aclose()
