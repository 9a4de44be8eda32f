"""The S3 client, its settings, and what its errors mean here.

Importing this module imports boto3 (0.2 s), so nothing does before an S3 store is opened. Texts of errors and log lines
hold the operation and the server's error code: never a key, a signature or the server's own words, which may repeat them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import boto3
import botocore.config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from storage_backends import errors

CONNECT_SECONDS: Final = 5
SMALLEST_PART: Final = 5 * 1024 * 1024
"""What S3 takes for all parts but the last, in bytes."""


@dataclass(frozen=True, slots=True)
class S3Options:
    """Where a bucket is. Without keys they come from the environment, the AWS files or the instance's role (boto3).

    `prefix` stands before all keys. `path_style` puts the bucket into the path, as most servers but AWS want it.
    `connections` is the number of calls at a time, `timeout` the longest wait for bytes of an answer in seconds. Bodies
    above `part_size` bytes are uploaded in parts of that size; as many bytes are in memory for each put. A call is sent
    at most `attempts` times, with growing pauses; botocore's standard mode also has a budget of retries over all calls,
    so a store that is down is not stormed.
    """

    bucket: str
    endpoint: str | None = None
    region: str | None = None
    prefix: str = ""
    path_style: bool = True
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    connections: int = 16
    attempts: int = 4
    timeout: float = 30
    part_size: int = 8 * 1024 * 1024

    def __post_init__(self) -> None:
        if not self.bucket or (self.access_key is None) != (self.secret_key is None):
            raise errors.Refused("an S3 store needs a bucket, and both keys or none")
        if self.part_size < SMALLEST_PART or self.connections < 1 or self.attempts < 1:
            raise errors.Refused(
                f"an S3 store needs parts of {SMALLEST_PART} bytes, a connection and an attempt at least"
            )


def connect(options: S3Options) -> Any:
    """A client, to be used by many threads. Takes some 50 ms and may ask the instance for credentials."""
    with mapped("connect"):
        return boto3.session.Session().client(
            "s3",
            endpoint_url=options.endpoint,
            region_name=options.region,
            aws_access_key_id=options.access_key,
            aws_secret_access_key=options.secret_key,
            config=botocore.config.Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=options.timeout,
                retries={"mode": "standard", "total_max_attempts": options.attempts},
                max_pool_connections=options.connections,
                signature_version="s3v4",
                s3={"addressing_style": "path" if options.path_style else "auto"},
                request_checksum_calculation="when_required",  # other stores do not know the new checksums
                response_checksum_validation="when_required",
                user_agent_extra="mox-trio",
            ),
        )


@contextmanager
def mapped(operation: str) -> Iterator[None]:
    """Turn botocore's exceptions into those of `storage_backends.errors`."""
    try:
        yield
    except ClientError as error:
        raise translate(operation, error) from None
    except (BotoCoreError, HTTPError, OSError) as error:
        raise errors.Unavailable(f"S3 {operation}: {type(error).__name__}") from None


def translate(operation: str, error: ClientError) -> errors.StorageError:
    """What an answer of the server means: NotFound for an object or upload that is not there, else Unavailable."""
    code, status = code_of(error), status_of(error)
    if code in ("NoSuchKey", "NoSuchUpload", "404") or (status == 404 and code in ("", "NotFound")):
        return errors.NotFound(f"S3 {operation}: {code or status}")
    return errors.Unavailable(f"S3 {operation}: {code} ({status})")


def code_of(error: ClientError) -> str:
    """The error code of an answer; cut, because a server may send anything."""
    return str(error.response.get("Error", {}).get("Code", ""))[:64]


def status_of(error: ClientError) -> int:
    """The HTTP status of an answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
