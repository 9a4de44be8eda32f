"""Both S3 servers, one after the other."""

import pytest

from tests.kit import s3


@pytest.fixture(scope="session", params=["swift", "moto"])
def s3_server(request: pytest.FixtureRequest) -> s3.S3Server:
    server: s3.S3Server = request.getfixturevalue(request.param)
    return server
