"""The mails of the ruby-mail collection, which lies beside the repository and is not a part of it."""

import os

import pytest

from tests.kit import conformance

DIRECTORY = conformance.DIRECTORY / "ruby-mail"
ABSENT = "the collection is absent"
"""Stands for all its mails in the cases of a test, which then asks for it by `needed`."""


def needed() -> None:
    """Skip the test where the collection is absent; fail it in CI, where it has to be there."""
    if not mails():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"there are no mails of ruby-mail in {DIRECTORY}")


def mails() -> dict[str, bytes]:
    """By path, each mail with its lines ended by CRLF, as a server stores it; empty where the collection is absent."""
    paths = sorted(path for path in DIRECTORY.glob("spec/fixtures/emails/**/*") if path.is_file())
    return {str(path.relative_to(DIRECTORY / "spec/fixtures/emails")): _crlf(path.read_bytes()) for path in paths}


def _crlf(mail: bytes) -> bytes:
    return mail.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
