"""SEARCH, ESEARCH in other mailboxes, SORT, THREAD, and the end of contexts (RFC 9051 6.4.4, 4731, 5182, 5256, 5267, 5465 7,
7377, 9394).
"""

from dataclasses import dataclass
from typing import Final, Literal

from mox_trio.protocol.imap import fetch_items, search_program
from mox_trio.protocol.imap.fetch_items import Item
from mox_trio.protocol.imap.lexer import Lexer, Malformed
from mox_trio.protocol.imap.search_keys import SearchKey


@dataclass(frozen=True, slots=True)
class Returns:
    """RETURN (...): options in upper case among MIN, MAX, ALL, COUNT, SAVE, CONTEXT, UPDATE; an empty list means ALL."""

    options: frozenset[str]
    partial: tuple[int, int] | None = None
    """PARTIAL first:last (RFC 9394, RFC 5267); negative numbers count from the end. First may be greater than last."""
    fetch: tuple[Item, ...] = ()
    """What UPDATE tells of new messages that come into the results (RFC 5465 7)."""


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


_OPTIONS: Final = frozenset({"MIN", "MAX", "ALL", "COUNT", "SAVE", "CONTEXT", "UPDATE"})
_CRITERIA: Final = frozenset(
    {"ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO"}  # RFC 5256 3, RFC 5957 3
)
_ALGORITHMS: Final = frozenset({"ORDEREDSUBJECT", "REFERENCES", "REFS"})
_SOURCES: Final[dict[str, Literal["selected", "selected-delayed", "inboxes", "personal", "subscribed"]]] = {
    "SELECTED": "selected",
    "SELECTED-DELAYED": "selected-delayed",
    "INBOXES": "inboxes",
    "PERSONAL": "personal",
    "SUBSCRIBED": "subscribed",
}
_NAMED_SOURCES: Final[dict[str, Literal["subtree", "subtree-one", "mailboxes"]]] = {
    "SUBTREE": "subtree",
    "SUBTREE-ONE": "subtree-one",
    "MAILBOXES": "mailboxes",
}


def parse_search(lexer: Lexer, *, uid: bool) -> Search:
    """RETURN, CHARSET, and keys (RFC 9051 9, search)."""
    lexer.space()
    asked = _maybe_returns(lexer)
    _maybe_charset(lexer, asked)
    key, uses_modseq = search_program.parse(lexer)
    return Search(uid, key, asked, uses_modseq)


def parse_multi_search(lexer: Lexer) -> MultiSearch:
    """IN, RETURN, CHARSET, and keys (RFC 7377 3)."""
    lexer.space()
    sources: tuple[Source, ...] = ()
    if lexer.maybe_word("IN"):
        lexer.space()
        sources = tuple(lexer.members(lambda: _searched(lexer)))
        lexer.space()
    asked = _maybe_returns(lexer) or Returns(frozenset({"ALL"}))
    _maybe_charset(lexer, asked)
    key, uses_modseq = search_program.parse(lexer)
    return MultiSearch(sources, key, asked, uses_modseq)


def parse_sort(lexer: Lexer, *, uid: bool) -> Sort:
    """RETURN, criteria, the charset, and keys (RFC 5256 5, RFC 5267 4.6)."""
    lexer.space()
    asked = _maybe_returns(lexer)
    keys = tuple(lexer.members(lambda: _criterion(lexer)))
    lexer.space()
    search_program.required_charset(lexer, saves=_saves(asked))
    lexer.space()
    key, uses_modseq = search_program.parse(lexer)
    return Sort(uid, keys, key, asked, uses_modseq)


def parse_thread(lexer: Lexer, *, uid: bool) -> Thread:
    """The algorithm, the charset, and keys (RFC 5256 5)."""
    lexer.space()
    algorithm = lexer.word()
    if algorithm not in _ALGORITHMS:
        raise Malformed("THREAD does not know this algorithm")
    lexer.space()
    search_program.required_charset(lexer)
    lexer.space()
    key, _ = search_program.parse(lexer)
    return Thread(uid, algorithm, key)


def parse_cancel_update(lexer: Lexer) -> CancelUpdate:
    """Tags in quotes (RFC 5267 4.6)."""
    tags: list[str] = []
    lexer.space()
    while not tags or lexer.maybe_space():
        tags.append(lexer.text_string())
        if len(tags) > lexer.bounds.members:
            raise Malformed("too many tags")
    lexer.end()
    return CancelUpdate(tuple(tags))


def source(lexer: Lexer) -> Source:
    """Which mailboxes are meant (RFC 5465 8, filter-mailboxes)."""
    name = lexer.word()
    if (plain := _SOURCES.get(name)) is not None:
        return Source(plain)
    named = _NAMED_SOURCES.get(name)
    if named is None:
        raise Malformed("there are no such mailboxes")
    lexer.space()
    mailboxes = lexer.members(lexer.mailbox) if lexer.starts(b"(") else [lexer.mailbox()]
    return Source(named, tuple(dict.fromkeys(mailboxes)))


def _searched(lexer: Lexer) -> Source:
    found = source(lexer)
    if found.kind == "selected-delayed":  # RFC 7377 2.2
        raise Malformed("SELECTED-DELAYED cannot be searched")
    return found


def _maybe_charset(lexer: Lexer, asked: Returns | None) -> None:
    if lexer.maybe_word("CHARSET"):
        lexer.space()
        search_program.required_charset(lexer, saves=_saves(asked))
        lexer.space()


def _saves(asked: Returns | None) -> bool:
    return asked is not None and "SAVE" in asked.options


def _maybe_returns(lexer: Lexer) -> Returns | None:
    if not lexer.maybe_word("RETURN"):
        return None
    lexer.space()
    read = lexer.members(lambda: _return_option(lexer), may_be_empty=True)
    options = frozenset().union(*[each.options for each in read])
    partials = [each.partial for each in read if each.partial is not None]
    if len(partials) > 1:
        raise Malformed("PARTIAL stands once")
    if partials and "ALL" in options:  # RFC 9394 3.1
        raise Malformed("PARTIAL stands without ALL")
    lexer.space()
    if not options and not partials:
        options = frozenset({"ALL"})  # RFC 9051 6.4.4
    fetch = tuple(dict.fromkeys(item for each in read for item in each.fetch))
    return Returns(options, partials[0] if partials else None, fetch)


def _return_option(lexer: Lexer) -> Returns:
    """One of them, as if it stood alone."""
    name = lexer.word()
    if name == "PARTIAL":
        lexer.space()
        return Returns(frozenset(), lexer.partial_range())
    if name not in _OPTIONS:
        raise Malformed("SEARCH cannot return this")
    if name == "UPDATE" and lexer.starts(b" ("):  # RFC 5465 8, modifier-update
        lexer.space()
        return Returns(frozenset({name}), fetch=tuple(lexer.members(lambda: fetch_items.parse(lexer))))
    return Returns(frozenset({name}))


def _criterion(lexer: Lexer) -> SortKey:
    reverse = lexer.maybe_word("REVERSE")
    if reverse:
        lexer.space()
    by = lexer.word()
    if by not in _CRITERIA:
        raise Malformed("SORT does not know this criterion")
    return SortKey(by, reverse)
