"""The snapshot in force, while the document changes."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from mox_trio.base.address import Address
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import directory, source
from mox_trio.config.live import LiveConfig
from mox_trio.config.models.static import Static
from mox_trio.config.problems import ConfigErrors
from mox_trio.config.source import Document

TEXT = '[domains."x.example"]\n[accounts.{name}]\naddresses = ["a@x.example"]\n'


class MemorySource:
    """A document in memory, which tells at once when it changed, and may be away."""

    name = "memory"

    def __init__(self, text: str) -> None:
        self.text = text
        self.failure: Failure | None = None
        self.loads = 0
        self._wake = trio.Event()

    def put(self, text: str, failure: Failure | None = None) -> None:
        self.text, self.failure = text, failure
        self._wake.set()
        self._wake = trio.Event()

    async def load(self) -> Document:
        self.loads += 1
        if self.failure is not None:
            raise self.failure
        return Document(self.text, source.version_of(self.text))

    async def save(self, text: str, expected_version: str) -> Document:
        if source.version_of(self.text) != expected_version:
            raise source.Conflict(Kind.CONFLICT, "changed")
        self.put(text)
        return await self.load()

    async def changed(self, since: str) -> None:
        while since == (source.UNREADABLE if self.failure else source.version_of(self.text)):
            await self._wake.wait()
        await trio.lowlevel.checkpoint()


@pytest.fixture
def document() -> MemorySource:
    return MemorySource(TEXT.format(name="one"))


@pytest.fixture
async def live(document: MemorySource, settings: Static, nursery: trio.Nursery) -> LiveConfig:
    """A running configuration on the document in memory."""
    config = await LiveConfig.open(settings, document)
    nursery.start_soon(config.run)
    return config


def owner(live: LiveConfig) -> str:
    found = live.current.directory.of_address(Address.parse("a@x.example"))
    assert isinstance(found, directory.ToAccount)
    return found.account


async def until(condition: Callable[[], object]) -> None:
    """Let the others run until something holds."""
    with trio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - there is no event for a problem
            await trio.sleep(0.001)


async def test_a_changed_document_replaces_the_snapshot_as_a_whole(live: LiveConfig, document: MemorySource) -> None:
    before = live.current
    document.put(TEXT.format(name="two"))
    with trio.fail_after(20):
        after = await live.wait_replaced(before)
    assert owner(live) == "two"
    assert after is live.current
    assert list(before.dynamic.accounts) == ["one"]
    assert before.version != after.version


async def test_a_broken_document_keeps_the_old_one_and_says_so_once(
    live: LiveConfig, document: MemorySource, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = live.current
    document.put("[accounts.A]\nx = 1\n")
    await until(lambda: live.problem)
    assert live.current is before
    assert isinstance(live.problem, ConfigErrors)
    assert [problem.key for problem in live.problem.problems] == ["accounts.A", "accounts.A.x"]
    loads = document.loads
    await live.reload()
    assert document.loads == loads + 1
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.__dict__["problems"][0].startswith("memory:1:1: accounts.A")
    document.put(TEXT.format(name="one"))  # the same as before
    await until(lambda: live.problem is None)
    assert live.current is before


async def test_a_source_that_is_away_keeps_the_snapshot_until_it_is_back(
    live: LiveConfig, document: MemorySource
) -> None:
    before = live.current
    document.put("", Failure(Kind.UNAVAILABLE, "the index is away"))
    await until(lambda: live.problem)
    assert live.current is before
    document.put(TEXT.format(name="two"))
    await until(lambda: owner(live) == "two")
    assert live.problem is None


async def test_without_a_first_document_there_is_no_configuration(settings: Static) -> None:
    with pytest.raises(ConfigErrors):
        await LiveConfig.open(settings, MemorySource("x = 1"))


async def test_a_file_is_followed(
    tmp_path: Path, settings: Static, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "POLL", 0.01)
    path = tmp_path / "domains.toml"
    path.write_text(TEXT.format(name="one"))
    live = await LiveConfig.open(settings, source.FileSource(path))
    nursery.start_soon(live.run)
    path.write_text("broken")
    await until(lambda: live.problem)
    path.unlink()
    await until(lambda: "No such file" in str(live.problem))
    path.write_text(TEXT.format(name="two"))
    await until(lambda: owner(live) == "two")
    assert live.problem is None
