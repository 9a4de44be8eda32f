"""A desk: a document in a file, and a mail store beside it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mox_trio.admin.accounts import Desk
from mox_trio.config import load
from mox_trio.config.live import LiveConfig
from mox_trio.config.source import FileSource
from tests.kit import stores

DOCUMENT = """\
# ours
[domains."example.org"]

[accounts.ann]
addresses = ["ann@example.org"]
quota = "1MiB"
retention = { Trash = "30d", Junk = "14d", "Not there" = "1d" }

[accounts.bob]
addresses = ["bob@example.org"]
"""


@dataclass
class Office:
    """A desk, the clock of its store, and where its document is."""

    desk: Desk
    clock: stores.Clock
    document: Path


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    static = load.static_text('hostname = "mx.example.org"\nlimits.quota = "5MiB"\n', tmp_path / "mox-trio.toml")
    static.domains_file.parent.mkdir()
    static.domains_file.write_text(DOCUMENT)
    source = FileSource(static.domains_file)
    async with stores.opened(tmp_path) as kit:
        config = await LiveConfig.open(static, source)
        yield Office(Desk(static, source, config, kit.store), kit.clock, static.domains_file)
