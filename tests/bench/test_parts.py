"""What is measured by hand starts: a part of `bench` that the product has moved away from is found here, not months later."""

import importlib
import inspect
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest
import trio

from bench import __main__ as parts
from bench import bodies, mailbox
from mox_trio.mailstore import accounts
from storage_backends.bodies.disk import DiskStore
from storage_backends.index import sqlite, sqlite_writer
from tests.kit import stores

BENCH = Path(parts.__file__).parent
MODULES = sorted(path.stem for path in BENCH.glob("*.py") if not path.stem.startswith("__"))


@pytest.fixture
def counting() -> Iterator[None]:
    """The index is opened with the writer of the bench."""
    with patch.object(sqlite, "Writer", mailbox.CountingWriter):
        yield


def test_each_part_of_the_list_is_there() -> None:
    assert {part.split()[0] for part in parts.PARTS} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_a_part_can_be_loaded_and_says_what_it_takes(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(f"bench.{name}")
    if "argparse" not in vars(module):
        assert module.__doc__
        return
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 0
    assert "--help" in capsys.readouterr().out


def test_the_counting_writer_is_opened_like_the_real_one() -> None:
    ours, real = (inspect.signature(each).parameters for each in (mailbox.CountingWriter, sqlite_writer.Writer))
    assert list(ours) == list(real)


@pytest.mark.usefixtures("counting")
async def test_deliveries_are_counted_with_their_syncs_and_commits(tmp_path: Path) -> None:
    counted = bodies.CountingFiles()
    store = await trio.to_thread.run_sync(partial(DiskStore, tmp_path / "bodies", files=counted))
    async with stores.opened(tmp_path, bodies=store) as kit:
        account = await accounts.create(kit.store, "ann")
        found = await mailbox.deliver_for(kit.store, account, counted, callers=2, seconds=0.01)
    assert found.count >= 2
    assert found.syncs >= found.count
    assert 1 <= found.commits <= found.count
