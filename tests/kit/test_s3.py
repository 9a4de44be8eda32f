"""The S3 servers of the tests check who comes in."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import botocore.exceptions
import pytest

from tests.kit import s3, shared_server


@pytest.mark.parametrize("server", [s3.swift, s3.moto])
def test_only_the_right_key_opens_the_bucket(
    server: Callable[[Path], AbstractContextManager[s3.S3Server]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with server(shared_server.run_root(tmp_path_factory)) as right:
        right.client().put_object(Bucket=right.bucket, Key="kit/hello", Body=b"hello")
        assert right.client().get_object(Bucket=right.bucket, Key="kit/hello")["Body"].read() == b"hello"
        wrong = replace(right, secret_key="wrong")
        with pytest.raises(botocore.exceptions.ClientError):
            wrong.client().get_object(Bucket=right.bucket, Key="kit/hello")
