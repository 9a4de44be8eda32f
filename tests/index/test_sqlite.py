"""The index in SQLite keeps the promises."""

from pathlib import Path

import pytest

from storage_backends.contract import index
from storage_backends.index import open as open_index


class TestSqlite(index.IndexContract):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> index.Opener:
        return lambda: index.closing(open_index.open_sqlite(tmp_path / "index.db"))
