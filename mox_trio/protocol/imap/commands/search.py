"""SEARCH, ESEARCH in other mailboxes, SORT, THREAD, and the end of contexts (RFC 9051 6.4.4, 4731, 5182, 5256, 5267, 7377,
9394).
"""

from dataclasses import dataclass
from typing import Literal

from mox_trio.protocol.imap.search_keys import SearchKey


@dataclass(frozen=True, slots=True)
class Returns:
    """RETURN (...): options in upper case among MIN, MAX, ALL, COUNT, SAVE, CONTEXT, UPDATE; an empty list means ALL."""

    options: frozenset[str]
    partial: tuple[int, int] | None = None
    """PARTIAL first:last (RFC 9394, RFC 5267); negative numbers count from the end. First may be greater than last."""


@dataclass(frozen=True, slots=True)
class Search:
    """SEARCH or UID SEARCH."""

    uid: bool
    key: SearchKey
    returns: Returns | None = None
    """None without RETURN: RFC 3501 then wants a SEARCH response."""
    uses_modseq: bool = False
    """MODSEQ is among the keys: the answer says the highest (RFC 7162 3.1.5)."""


@dataclass(frozen=True, slots=True)
class Source:
    """A mailbox specifier of RFC 5465 6, as ESEARCH and NOTIFY use them."""

    kind: Literal[
        "selected", "selected-delayed", "inboxes", "personal", "subscribed", "subtree", "subtree-one", "mailboxes"
    ]
    mailboxes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MultiSearch:
    """ESEARCH (RFC 7377)."""

    sources: tuple[Source, ...]
    """Empty means the selected mailbox."""
    key: SearchKey
    returns: Returns
    uses_modseq: bool = False


@dataclass(frozen=True, slots=True)
class SortKey:
    """One criterion of SORT: ARRIVAL, CC, DATE, FROM, SIZE, SUBJECT, TO, DISPLAYFROM, DISPLAYTO."""

    by: str
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Sort:
    """SORT or UID SORT."""

    uid: bool
    keys: tuple[SortKey, ...]
    key: SearchKey
    returns: Returns | None = None
    uses_modseq: bool = False


@dataclass(frozen=True, slots=True)
class Thread:
    """THREAD or UID THREAD: the algorithm in upper case."""

    uid: bool
    algorithm: str
    key: SearchKey


@dataclass(frozen=True, slots=True)
class CancelUpdate:
    """CANCELUPDATE (RFC 5267 4.3)."""

    tags: tuple[str, ...]
