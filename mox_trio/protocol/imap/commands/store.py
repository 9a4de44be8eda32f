"""STORE and UID STORE (RFC 9051 6.4.6, RFC 7162 3.1.3)."""

from dataclasses import dataclass
from typing import Final, Literal

from mox_trio.protocol.imap.lexer import NUMBER_63, Lexer, Malformed
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


_MODES: Final[dict[bytes, Literal["add", "remove", "replace"]]] = {b"+": "add", b"-": "remove"}


def parse_store(lexer: Lexer, *, uid: bool) -> Store:
    """A set, modifiers, what is to be done, and flags with or without parentheses."""
    lexer.space()
    numbers = lexer.sequence_set()
    lexer.space()
    unchanged_since: int | None = None
    if lexer.starts(b"("):
        unchanged_since = lexer.members(lambda: _modifier(lexer))[-1]
        lexer.space()
    mode: Literal["add", "remove", "replace"] = "replace"
    for sign, meaning in _MODES.items():
        if lexer.maybe(sign):
            mode = meaning
            break
    name = lexer.word()
    if name not in ("FLAGS", "FLAGS.SILENT"):
        raise Malformed("what is stored is FLAGS")
    lexer.space()
    if lexer.starts(b"("):
        flags = lexer.members(lexer.settable_flag, may_be_empty=True)
    else:
        flags = [lexer.settable_flag()]
        while lexer.maybe_space():
            flags.append(lexer.settable_flag())
            if len(flags) > lexer.bounds.members:
                raise Malformed("too many flags")
    lexer.end()
    return Store(uid, numbers, mode, name == "FLAGS.SILENT", tuple(dict.fromkeys(flags)), unchanged_since)


def _modifier(lexer: Lexer) -> int:
    if not lexer.maybe_word("UNCHANGEDSINCE"):
        raise Malformed("the modifier is UNCHANGEDSINCE")
    lexer.space()
    return lexer.number(NUMBER_63)  # RFC 7162 7, mod-sequence-valzer
