"""Servers of IMAP for measurements and tests: Dovecot, and `mox-trio serve` on several kinds of storage.

Each of `KINDS` gives the targets to connect to: one, or two processes of one server.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.kit import dovecot, imap_served, postgres, s3
from tests.kit.imap_served import Node


@dataclass(frozen=True, slots=True)
class Target:
    """Where a server listens on this machine, and who logs in."""

    port: int
    user: str
    password: str
    pid: int = 0
    """Of its first process, if it is ours."""


def target(text: str) -> Target:
    """From HOST:PORT:USER:PASSWORD."""
    _, port, user, password = text.split(":", 3)
    return Target(int(port), user, password)


@contextmanager
def dovecot_maildir() -> Iterator[list[Target]]:
    """Dovecot with maildir."""
    with dovecot.running() as server:
        yield [Target(server.port, dovecot.USER, dovecot.PASSWORD, server.pid)]


@contextmanager
def dovecot_sdbox() -> Iterator[list[Target]]:
    """Dovecot with its own format."""
    with dovecot.running("sdbox") as server:
        yield [Target(server.port, dovecot.USER, dovecot.PASSWORD, server.pid)]


def of_node(node: Node) -> Target:
    """A server of ours."""
    return Target(node.port, node.user, imap_served.PASSWORD, node.pid)


@contextmanager
def mox_sqlite() -> Iterator[list[Target]]:
    """mox-trio on disk and SQLite."""
    with imap_served.one() as node:
        yield [of_node(node)]


@contextmanager
def mox_postgres() -> Iterator[list[Target]]:
    """Two processes of mox-trio on Postgres and a disk that they share."""
    with (
        postgres.private() as server,
        postgres.database(server.conninfo) as database,
        imap_served.two(database) as nodes,
    ):
        yield [of_node(node) for node in nodes]


@contextmanager
def mox_postgres_s3() -> Iterator[list[Target]]:
    """Two processes of mox-trio on Postgres and S3."""
    with (
        tempfile.TemporaryDirectory() as directory,
        s3.moto(Path(directory)) as bucket,
        postgres.private() as server,
        postgres.database(server.conninfo) as database,
        imap_served.two(database, bucket) as nodes,
    ):
        yield [of_node(node) for node in nodes]


KINDS: Final[dict[str, Callable[[], AbstractContextManager[list[Target]]]]] = {
    "dovecot": dovecot_maildir,
    "dovecot-sdbox": dovecot_sdbox,
    "mox": mox_sqlite,
    "mox-postgres": mox_postgres,
    "mox-postgres-s3": mox_postgres_s3,
}
