"""The index in Postgres keeps the promises."""

import pytest

from storage_backends.contract import index
from storage_backends.index import open as open_index


class TestPostgres(index.IndexContract):
    @pytest.fixture
    def opener(self, postgres_database: str) -> index.Opener:
        return lambda: index.closing(open_index.open_postgres(postgres_database))
