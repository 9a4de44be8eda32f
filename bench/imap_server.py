"""Servers of IMAP for measurements and tests: Dovecot, and `mox-trio serve` on several kinds of storage.

Each of `KINDS` gives the targets to connect to: one, or two processes of one server.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from tests.kit import dovecot


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


KINDS: Final[dict[str, Callable[[], AbstractContextManager[list[Target]]]]] = {
    "dovecot": dovecot_maildir,
    "dovecot-sdbox": dovecot_sdbox,
}
