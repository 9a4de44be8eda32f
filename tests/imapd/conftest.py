"""A server in memory for each test. Tests of modules that are marked `uid_only_too` run plain and with UIDONLY (RFC 9586), but
for those that are marked `by_number`: what they are about are sequence numbers.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit import imap_world


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "uid_only_too: runs with UIDONLY as well")
    config.addinivalue_line("markers", "by_number: not with UIDONLY, which has no sequence numbers")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marked = metafunc.definition.get_closest_marker
    if "uid_only" in metafunc.fixturenames and marked("uid_only_too") and not marked("by_number"):
        metafunc.parametrize("uid_only", [False, True], ids=["plain", "uidonly"])


@pytest.fixture
def uid_only() -> bool:
    return False


@pytest.fixture
async def world(tmp_path: Path, uid_only: bool) -> AsyncIterator[imap_world.World]:
    async with imap_world.world(tmp_path) as opened:
        opened.uid_only = uid_only
        yield opened
