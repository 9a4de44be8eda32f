"""Settings and servers that all tests share; each server is started once a run, when the first test needs it."""

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from mox_trio.app import logs
from tests.kit import postgres, programs, s3, shared_server

# No deadline: the machine may be busy with other tests. CI draws the same examples each time.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

os.environ[programs.FORKING] = "yes"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Commands and servers that a test runs in its process configure the log of that process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, logger in list(root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and name.partition(".")[0] in logs.PACKAGES:
            logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The connection string of a real Postgres."""
    postgres.needed()
    with shared_server.shared(shared_server.run_root(tmp_path_factory), postgres.running) as facts:
        yield facts["conninfo"]


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[str]:
    """The connection string of a database of the test's own."""
    with postgres.database(postgres_server) as conninfo:
        yield conninfo


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3Server]:
    """OpenStack Swift with its S3 interface."""
    with s3.swift(shared_server.run_root(tmp_path_factory)) as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3Server]:
    """moto's server, with authentication enforced."""
    with s3.moto(shared_server.run_root(tmp_path_factory)) as server:
        yield server


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI every server is there: a test that is skipped has not been run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
