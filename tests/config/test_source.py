"""The dynamic document as a file: compare and set, and what a crash leaves."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.config import source
from mox_trio.config.problems import ConfigErrors


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A document that says `old`."""
    (tmp_path / "d.toml").write_text("# old\n")
    return tmp_path / "d.toml"


def content(path: Path) -> str:
    """The text of a file, with its line ends as they are."""
    return path.read_bytes().decode()


def put(path: Path, text: str) -> None:
    """Write a file in place, as an editor does."""
    path.write_text(text)


async def test_what_is_saved_is_loaded(path: Path) -> None:
    files = source.FileSource(path)
    saved = await files.save("# new é\r\n", (await files.load()).version)
    assert content(path) == "# new é\r\n"
    assert await source.FileSource(path).load() == saved


async def test_an_edit_by_somebody_else_is_a_conflict_and_stays(path: Path) -> None:
    files = source.FileSource(path)
    version = (await files.load()).version
    put(path, "# administrator\n")
    with pytest.raises(source.Conflict) as raised:
        await files.save("# new\n", version)
    assert raised.value.kind is Kind.CONFLICT
    assert content(path) == "# administrator\n"
    assert os.listdir(path.parent) == ["d.toml"]


async def test_of_many_saves_of_one_version_exactly_one_succeeds(path: Path) -> None:
    version = (await source.FileSource(path).load()).version
    saved: list[str] = []

    async def save(text: str) -> None:
        try:
            await source.FileSource(path).save(text, version)
        except source.Conflict:
            return
        saved.append(text)

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(save, f"# {number}\n")
    assert saved == [content(path)]


async def test_mode_and_links_stay(path: Path, tmp_path: Path) -> None:
    os.chmod(path, 0o640)
    (tmp_path / "link.toml").symlink_to("d.toml")
    files = source.FileSource(tmp_path / "link.toml")
    await files.save("# new\n", (await files.load()).version)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    assert (tmp_path / "link.toml").is_symlink()
    assert content(path) == "# new\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_the_owner_stays(path: Path) -> None:
    os.chown(path, 12345, 12346)
    files = source.FileSource(path)
    await files.save("# new\n", (await files.load()).version)
    assert (os.stat(path).st_uid, os.stat(path).st_gid) == (12345, 12346)


async def test_a_first_document_is_created_once(tmp_path: Path) -> None:
    files = source.FileSource(tmp_path / "first.toml")
    assert await files.create("# first\n") == await files.load()
    with pytest.raises(source.Conflict):
        await files.create("# second\n")
    assert content(tmp_path / "first.toml") == "# first\n"
    assert os.listdir(tmp_path) == ["first.toml"]


class Killed(BaseException):
    """The process ends here."""


def recorded(monkeypatch: pytest.MonkeyPatch, calls: list[str], end_at: int | None = None) -> None:
    """Record what makes a save durable, in order; end the process at one of the calls."""

    def patch(owner: Any, name: str, label: Callable[..., str]) -> None:
        original = getattr(owner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            if len(calls) == end_at:
                raise Killed
            calls.append(label(*arguments))
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    patch(os, "fsync", lambda fd: "sync directory" if stat.S_ISDIR(os.fstat(fd).st_mode) else "sync file")
    patch(os, "fchmod", lambda *_: "mode")
    patch(Path, "replace", lambda *_: "rename")


async def test_the_file_is_synced_before_the_rename_and_the_directory_after(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    files = source.FileSource(path)
    version = (await files.load()).version
    recorded(monkeypatch, calls)
    await files.save("# new\n", version)
    assert calls == ["mode", "sync file", "rename", "sync directory"]


@pytest.mark.parametrize(("end_at", "text"), [(0, "# old\n"), (1, "# old\n"), (2, "# old\n"), (3, "# new\n")])
async def test_after_an_end_at_any_step_the_document_is_old_or_new(
    path: Path, monkeypatch: pytest.MonkeyPatch, end_at: int, text: str
) -> None:
    files = source.FileSource(path)
    version = (await files.load()).version
    recorded(monkeypatch, [], end_at)
    with pytest.raises(Killed):
        await files.save("# new\n", version)
    assert content(path) == text


async def test_an_error_of_the_disk_is_a_failure_without_leftovers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    files = source.FileSource(path)
    version = (await files.load()).version
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Failure) as raised:
        await files.save("# new\n", version)
    assert raised.value.kind is Kind.UNAVAILABLE
    assert "No space left" in raised.value.private
    assert content(path) == "# old\n"
    assert os.listdir(path.parent) == ["d.toml"]


async def test_a_change_is_noticed_however_it_is_made(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "POLL", 0.01)
    files = source.FileSource(path)
    with trio.fail_after(20):
        for change in (
            lambda: path.write_text("# abc\n"),  # in place, of the same size
            lambda: path.with_name("x").write_text("# def\n") and path.with_name("x").rename(path),
            path.unlink,
        ):
            version = (await files.load()).version
            change()
            await files.changed(version)


async def test_no_change_is_noticed_when_only_the_times_change(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "POLL", 0.001)
    files = source.FileSource(path)
    version = (await files.load()).version
    os.utime(path, (1, 1))
    with trio.move_on_after(0.2) as scope:
        await files.changed(version)
    assert scope.cancelled_caught


async def test_a_file_that_is_not_there_is_a_problem_until_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "POLL", 0.01)
    files = source.FileSource(tmp_path / "d.toml")
    with pytest.raises(ConfigErrors, match="No such file"):
        await files.load()
    with trio.fail_after(20):
        (tmp_path / "d.toml").write_text("")
        await files.changed(source.UNREADABLE)
