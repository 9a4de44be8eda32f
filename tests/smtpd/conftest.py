"""A server in memory for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.smtpd import talking


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[talking.World]:
    async with talking.world(tmp_path) as opened:
        yield opened
