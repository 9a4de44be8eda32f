"""Postgres, started once a run, and a database of it for each test."""

from collections.abc import Iterator

import pytest

from tests.kit import postgres, shared_server


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    postgres.needed()
    with shared_server.shared(shared_server.run_root(tmp_path_factory), postgres.running) as facts:
        yield facts["conninfo"]


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[str]:
    with postgres.database(postgres_server) as conninfo:
        yield conninfo
