"""The fixtures for pytest, which finds them by the entry point of this package. Nothing is loaded until a test asks."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mox_trio.testing.server import MailServer


@pytest.fixture
def mail_server() -> "Iterator[MailServer]":
    """A mail server of the test's own: see docs/testing.md."""
    from mox_trio.testing import server

    with server.running() as running:
        yield running


@pytest.fixture
def mail_server_with_web() -> "Iterator[MailServer]":
    """The same with its webmail and HTTP API."""
    from mox_trio.testing import server

    with server.running(web=True) as running:
        yield running
