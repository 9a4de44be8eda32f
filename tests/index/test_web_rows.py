"""Both engines keep the promises about the HTTP API and webhook calls."""

from pathlib import Path

import pytest

from storage_backends.contract import index
from storage_backends.contract.web import WebContract
from storage_backends.index import open as open_index


class TestSqlite(WebContract):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> index.Opener:
        return lambda: index.closing(open_index.open_sqlite(tmp_path / "index.db"))


class TestPostgres(WebContract):
    @pytest.fixture
    def opener(self, postgres_database: str) -> index.Opener:
        return lambda: index.closing(open_index.open_postgres(postgres_database))
