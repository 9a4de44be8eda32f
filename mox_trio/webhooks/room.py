"""What the functions of this room work on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from storage_backends.index.api import AccountId, Index


class Codec(Protocol):
    """How content of one account is stored: `mailstore.codec`."""

    def seal(self, place: str, value: bytes) -> bytes:
        """The stored form."""

    def open(self, place: str, stored: bytes) -> bytes:
        """What was sealed. Corrupt."""


class Owner(Protocol):
    """An account: `mailstore.store.Account`."""

    @property
    def id(self) -> AccountId:
        """Its row."""

    @property
    def name(self) -> str:
        """In the configuration."""

    @property
    def codec(self) -> Codec:
        """For its content."""


@dataclass(frozen=True, slots=True)
class Room:
    """Of one server; times are milliseconds since 1970 UTC."""

    index: Index
    secrets: Codec
    """Seals under the server's key."""
    owner: Callable[[AccountId], Awaitable[Owner]]
    """The handle of an account. NotFound of the stores when it is gone."""
    kept: Callable[[str], int]
    """For how many milliseconds an account wants the records of calls."""
    now: Callable[[], int]
    random: Callable[[], float]
    """From 0 up to 1."""


def payload_place(object_id: str) -> str:
    """What a sealed payload is bound to."""
    return f"hook payload {object_id}"
