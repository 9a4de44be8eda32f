"""An import that is killed goes on where it stopped: nothing is lost and nothing comes twice."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from mox_trio.mailstore import accounts, importing
from tests.kit import mail_trees as trees
from tests.kit import stores

CHILD = """
import sys, trio
from pathlib import Path
from mox_trio.mailstore import accounts, importing
from tests.kit import stores

async def tell(progress):
    print(progress.messages, flush=True)

async def main(directory, source):
    async with stores.opened(Path(directory)) as kit:
        account = await accounts.ensure(kit.store, "ann")
        await importing.run(kit.store, account, Path(source), progress=tell)

trio.run(main, *sys.argv[1:])
"""
ROOT = Path(__file__).parents[2]


def killed_after(directory: Path, source: Path, batches: int) -> int:
    """Import in another process and kill it when it has told of so many batches; its return code."""
    command = [sys.executable, "-c", CHILD, str(directory), str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        for _ in range(batches):
            process.stdout.readline()
        process.kill()
        process.stdout.read()
    return process.returncode


@pytest.mark.parametrize("kind", ["directory", "zip"])
async def test_after_kills_everything_is_there_once(tmp_path: Path, kind: str) -> None:
    numbers = list(range(600))
    files = trees.maildir_of(numbers[:300]) | {"box": trees.mbox_of(numbers[300:])}
    source = trees.write_as(kind, tmp_path, files)
    (tmp_path / "store").mkdir()
    for batches in (1, 3):
        code = await trio.to_thread.run_sync(killed_after, tmp_path / "store", source, batches)
        assert code == -signal.SIGKILL
    async with stores.opened(tmp_path / "store") as kit:
        account = await accounts.open(kit.store, "ann")
        report = await importing.run(kit.store, account, source)
        held = await trees.filled(kit.store, account)
    assert report.before >= 200
    assert report.before + report.imported == 600
    assert [each.data for each in held["box"]] == [trees.stored(number) for number in numbers[300:]]
    assert sorted(each.data for each in held["Inbox"]) == sorted(trees.stored(number) for number in numbers[:300])
