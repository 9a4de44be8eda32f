"""FETCH and UID FETCH (RFC 9051 6.4.5, RFC 7162 3.1.4 and 3.2.6, RFC 9394)."""

from dataclasses import dataclass

from mox_trio.protocol.imap.fetch_items import Item
from mox_trio.protocol.imap.numsets import SequenceSet


@dataclass(frozen=True, slots=True)
class Fetch:
    """FETCH. Macros are taken apart; no item is there twice."""

    uid: bool
    numbers: SequenceSet
    items: tuple[Item, ...]
    changed_since: int | None = None
    vanished: bool = False
    partial: tuple[int, int] | None = None
    """PARTIAL of RFC 9394."""
