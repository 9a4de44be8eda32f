"""What a store raises, whatever its driver: callers never see an exception of sqlite3, psycopg or botocore."""

from typing import TypeVar

E = TypeVar("E", bound=Exception)


class StorageError(Exception):
    """A store could not do what it was asked. The text is for logs; it never holds a secret or content of mail."""


class NotFound(StorageError):
    """What was asked for does not exist (any more)."""


class Conflict(StorageError):
    """Somebody else changed it first: the compare of a compare-and-set failed, or a unique name is taken."""


class Unavailable(StorageError):
    """The store cannot be reached or cannot write now; the same call may succeed later.

    Nothing was done, but where a store went away in the midst of saying so: see `index.api`.
    """


class Corrupt(StorageError):
    """What is stored is not what was put: cut, swapped, replayed, bit-flipped, or sealed under another key."""


class Refused(StorageError):
    """The store will not open with this configuration; the text says what to change."""


def kept(error: E) -> E:
    """An error as a value among answers: without its traceback and what it came from, whose frames hold the answers."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
