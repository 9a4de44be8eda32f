"""FETCH and UID FETCH (RFC 9051 6.4.5, RFC 7162 3.1.4 and 3.2.6, RFC 9394)."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from mox_trio.protocol.imap import fetch_items
from mox_trio.protocol.imap.fetch_items import Item, Simple
from mox_trio.protocol.imap.lexer import NUMBER_63, Lexer, Malformed
from mox_trio.protocol.imap.numsets import SequenceSet


class Fetch(NamedTuple):
    """FETCH. Macros are taken apart; no item is there twice."""

    uid: bool
    numbers: SequenceSet
    items: tuple[Item, ...]
    changed_since: int | None = None
    vanished: bool = False
    partial: tuple[int, int] | None = None
    """PARTIAL of RFC 9394."""


_FAST: Final[tuple[Item, ...]] = (Simple("FLAGS"), Simple("INTERNALDATE"), Simple("RFC822.SIZE"))
_MACROS: Final[dict[str, tuple[Item, ...]]] = {  # RFC 9051 6.4.5
    "FAST": _FAST,
    "ALL": (*_FAST, Simple("ENVELOPE")),
    "FULL": (*_FAST, Simple("ENVELOPE"), Simple("BODY")),
}


def parse_fetch(lexer: Lexer, *, uid: bool) -> Fetch:
    """A set, items or a macro, and modifiers."""
    lexer.space()
    numbers = lexer.sequence_set()
    lexer.space()
    items: tuple[Item, ...]
    if lexer.starts(b"("):
        read = lexer.members(lambda: fetch_items.parse(lexer))
        items = tuple(read) if len(read) == 1 else tuple(dict.fromkeys(read))
    elif (macro := _MACROS.get(lexer.peek_word())) is not None:
        lexer.word()
        items = macro
    else:
        items = (fetch_items.parse(lexer),)
    if not lexer.maybe_space():
        lexer.end()
        return Fetch(uid, numbers, items)
    modifiers = _Modifiers()
    lexer.members(lambda: _modifier(lexer, modifiers))
    lexer.end()
    if modifiers.vanished and (not uid or modifiers.changed_since is None):  # RFC 7162 3.2.6
        raise Malformed("VANISHED stands with UID FETCH and CHANGEDSINCE")
    if modifiers.partial is not None and not uid:  # RFC 9394 3.3
        raise Malformed("PARTIAL stands with UID FETCH")
    return Fetch(uid, numbers, items, modifiers.changed_since, modifiers.vanished, modifiers.partial)


@dataclass(slots=True)
class _Modifiers:
    """What the modifiers have said so far."""

    changed_since: int | None = None
    vanished: bool = False
    partial: tuple[int, int] | None = None


def _modifier(lexer: Lexer, modifiers: _Modifiers) -> None:
    name = lexer.word()
    if name == "CHANGEDSINCE":
        lexer.space()
        modifiers.changed_since = lexer.number(NUMBER_63)  # RFC 7162 7 has it from 1; Mail on iOS sends 0
    elif name == "VANISHED":
        modifiers.vanished = True
    elif name == "PARTIAL":
        lexer.space()
        modifiers.partial = lexer.partial_range()
    else:
        raise Malformed("the modifiers are CHANGEDSINCE, VANISHED and PARTIAL")
