"""Body stores are opened by the name of their kind, also those of other packages, and nothing is loaded before."""

import subprocess
import sys
from pathlib import Path

import pytest

from storage_backends import errors, registry
from storage_backends.bodies import api, disk, memory, s3
from storage_backends.contract import bodies

PLUGIN = """
from storage_backends.bodies.memory import MemoryStore
def open_store(*, colour):
    store = MemoryStore()
    store.colour = colour
    return store
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package by others, as an installer leaves it."""
    (tmp_path / "coloured_bodies.py").write_text(PLUGIN)
    about = tmp_path / "coloured_bodies-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: coloured-bodies\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[mox_trio.body_stores]\ncoloured = coloured_bodies:open_store\nbroken = no_such_module:open_store\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


async def test_kinds_that_ship_are_opened(tmp_path: Path) -> None:
    for kind, options, expected in (
        ("memory", {}, memory.MemoryStore),
        ("disk", {"directory": tmp_path}, disk.DiskStore),
        ("s3", {"bucket": "b", "part_size": 6_000_000}, s3.S3Store),
    ):
        async with bodies.closing(await registry.open_body_store(kind, **options)) as store:
            assert isinstance(store, expected)


async def test_unknown_kind_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(errors.Refused, match=r"no body store of kind floppy; there are disk, memory, s3"):
        await registry.open_body_store("floppy")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("disk", {}),
        ("disk", {"directory": Path("/tmp"), "colour": "secret"}),
        ("s3", {}),
        ("s3", {"bucket": "b", "colour": "secret"}),
        ("s3", {"bucket": "b", "access_key": "secret"}),
        ("s3", {"bucket": "b", "part_size": 1}),
    ],
)
async def test_wrong_options_are_refused_without_their_values(kind: str, options: dict[str, object]) -> None:
    with pytest.raises(errors.Refused) as caught:
        await registry.open_body_store(kind, **options)
    assert "secret" not in str(caught.value).replace("secret_key", "")


@pytest.mark.usefixtures("plugin")
async def test_store_of_another_package_is_opened_by_its_entry_point() -> None:
    assert "coloured" in registry.body_store_kinds()
    store = await registry.open_body_store("coloured", colour="red")
    assert await api.read(store, await store.put(1, api.Bytes(b"x"))) == b"x"
    with pytest.raises(errors.Refused, match="broken cannot be loaded"):
        await registry.open_body_store("broken")


def test_nothing_heavy_is_imported_before_a_store_is_opened() -> None:
    program = """
import sys
from storage_backends import registry
assert not {"boto3", "botocore", "cryptography", "sqlalchemy"} & set(sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
