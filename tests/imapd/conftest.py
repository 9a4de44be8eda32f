"""A server in memory for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit import imap_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[imap_world.World]:
    async with imap_world.world(tmp_path) as opened:
        yield opened
