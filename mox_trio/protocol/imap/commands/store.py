"""STORE and UID STORE (RFC 9051 6.4.6, RFC 7162 3.1.3)."""

from dataclasses import dataclass
from typing import Literal

from mox_trio.protocol.imap.numsets import SequenceSet


@dataclass(frozen=True, slots=True)
class Store:
    """STORE: flags and keywords as the client wrote them."""

    uid: bool
    numbers: SequenceSet
    mode: Literal["add", "remove", "replace"]
    silent: bool
    flags: tuple[str, ...]
    unchanged_since: int | None = None
