"""Both engines keep the promises about the queue."""

from pathlib import Path

import pytest

from storage_backends.contract import index
from storage_backends.contract.queue import QueueContract
from storage_backends.index import open as open_index


class TestSqlite(QueueContract):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> index.Opener:
        return lambda: index.closing(open_index.open_sqlite(tmp_path / "index.db"))


class TestPostgres(QueueContract):
    @pytest.fixture
    def opener(self, postgres_database: str) -> index.Opener:
        return lambda: index.closing(open_index.open_postgres(postgres_database))
