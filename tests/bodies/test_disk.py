"""The store on disk keeps the promises."""

from pathlib import Path

import pytest

from storage_backends.bodies import disk
from storage_backends.contract import bodies


class TestDisk(bodies.BodyStoreContract):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> bodies.Opener:
        return lambda: bodies.closing(disk.DiskStore(tmp_path / "bodies"))
