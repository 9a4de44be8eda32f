"""The store in S3 keeps the promises, on Swift and on moto."""

import itertools
import os
from pathlib import Path

import pytest

from storage_backends.bodies import cached, encrypted, keyring, s3, s3_client
from storage_backends.bodies.master_key import MasterKey
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


def new_keyring() -> keyring.Keyring:
    return keyring.Keyring(keyring.MemoryWrappedKeys(), [MasterKey(os.urandom(32))])


class TestS3(bodies.BodyStoreContract):
    @pytest.fixture
    def opener(self, own: s3_client.S3Options) -> bodies.Opener:
        return lambda: bodies.closing(s3.S3Store(own))


class Wrapped(bodies.BodyStoreContract):
    """Wrappers do not know which server is behind their store: what is long is put into one, and into both without them."""

    @pytest.mark.parametrize("s3_server", ["moto"], indirect=True)
    async def test_hundred_megabytes_pass_in_32_megabytes_of_memory(self, opener: bodies.Opener) -> None:
        await super().test_hundred_megabytes_pass_in_32_megabytes_of_memory(opener)


class TestEncryptedS3(Wrapped):
    @pytest.fixture
    def opener(self, own: s3_client.S3Options) -> bodies.Opener:
        keys = new_keyring()
        return lambda: bodies.closing(encrypted.Encrypted(s3.S3Store(own), keys))


class TestEncryptedCachedS3(Wrapped):
    @pytest.fixture
    def opener(self, own: s3_client.S3Options, tmp_path: Path) -> bodies.Opener:
        keys = new_keyring()
        return lambda: bodies.closing(encrypted.Encrypted(cached.Cached(s3.S3Store(own), tmp_path, 50_000_000), keys))
