"""S3 servers, each started once a run."""

from collections.abc import Iterator

import pytest

from tests.kit import s3, shared_server


@pytest.fixture(scope="session")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3Server]:
    with s3.swift(shared_server.run_root(tmp_path_factory)) as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3Server]:
    with s3.moto(shared_server.run_root(tmp_path_factory)) as server:
        yield server


@pytest.fixture(scope="session", params=["swift", "moto"])
def s3_server(request: pytest.FixtureRequest) -> s3.S3Server:
    """Both, one after the other."""
    server: s3.S3Server = request.getfixturevalue(request.param)
    return server
