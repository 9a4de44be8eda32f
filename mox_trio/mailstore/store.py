"""What the functions of this room work on: the stores of a server, and the handle of one account.

Both are values: a test makes ten servers in one process. Errors of the stores (`storage_backends.errors`) pass
through this room unchanged but for those that the caller can cause, which become a `Failure` with what to do.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import trio

from mox_trio.base import ids
from mox_trio.mailstore.codec import AccountKeys, Codec
from mox_trio.mailstore.entropy import Pool
from mox_trio.mailstore.kept import Kept
from mox_trio.mailstore.scratch import Scratch, plain
from storage_backends.bodies.api import BodyStore
from storage_backends.index.api import AccountId, Index
from storage_backends.index.tables import mailboxes

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR

_ids = Pool(ids.SECRET_BYTES)

INITIAL_MAILBOXES: Final[tuple[tuple[str, int], ...]] = (
    ("Inbox", 0),
    ("Sent", mailboxes.SENT),
    ("Drafts", mailboxes.DRAFTS),
    ("Archive", mailboxes.ARCHIVE),
    ("Trash", mailboxes.TRASH),
    ("Junk", mailboxes.JUNK),
)
"""Mailboxes of a new account with their special-use bits (RFC 6154)."""


def clock() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """How this store behaves; times in milliseconds, sizes in bytes."""

    initial_mailboxes: tuple[tuple[str, int], ...] = INITIAL_MAILBOXES
    release_after: int = HOUR
    """From the last placement's going until the mail is erased: readers finish meanwhile."""
    orphan_age: int = DAY
    """A body that no row names is removed when it is older."""
    tombstones_kept: int = 365 * DAY
    message_bytes: int = 100 * 1024 * 1024
    """Largest message that is taken."""


@dataclass(frozen=True, slots=True)
class MailStore:
    """The stores of one server."""

    index: Index
    bodies: Mapping[str, BodyStore]
    default_store: str
    """Name of the store that gets new bodies."""
    keys: AccountKeys | None = None
    """Given where content in rows is sealed."""
    scratch: Callable[[], Scratch] = plain
    """Makes a temporary file for a large message."""
    policy: Policy = Policy()
    now: Callable[[], int] = clock
    entropy: Callable[[int], bytes] = os.urandom
    computing: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(os.cpu_count() or 1))
    """Threads that compute."""
    spooling: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(16))
    """Threads that read and write temporary files."""
    kept: Kept = field(default_factory=Kept)
    """What was made of mails."""
    settings_set: Counter[AccountId] = field(default_factory=Counter)
    """How often this process set settings of an account: who keeps what it read of them reads again when this has grown."""


def object_id() -> str:
    """A new EMAILID (RFC 8474 5.1): the letter M and 22 random characters."""
    return "M" + ids.url_safe(_ids.take())


def thread_id(first: str) -> str:
    """The THREADID of a thread that begins with this mail: the same characters, another letter (RFC 8474 5.2)."""
    return "T" + first[1:]


@dataclass(frozen=True, slots=True)
class Account:
    """The handle of an account that exists: `accounts.open` makes it."""

    id: AccountId
    name: str
    codec: Codec
