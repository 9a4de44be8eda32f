"""The store in S3 keeps the promises, on Swift and on moto."""

import itertools

import pytest

from storage_backends.bodies import s3, s3_client
from storage_backends.contract import bodies
from tests.kit import s3 as s3_kit

numbers = itertools.count()


def options(server: s3_kit.S3Server, request: pytest.FixtureRequest) -> s3_client.S3Options:
    """Options with a prefix of the test's own."""
    return s3_client.S3Options(
        bucket=server.bucket,
        endpoint=server.endpoint,
        region=server.region,
        prefix=f"{request.node.nodeid.replace('/', '-')}{next(numbers)}/",
        access_key=server.access_key,
        secret_key=server.secret_key,
    )


@pytest.fixture
def own(s3_server: s3_kit.S3Server, request: pytest.FixtureRequest) -> s3_client.S3Options:
    return options(s3_server, request)


class TestS3(bodies.BodyStoreContract):
    @pytest.fixture
    def opener(self, own: s3_client.S3Options) -> bodies.Opener:
        return lambda: bodies.closing(s3.S3Store(own))
