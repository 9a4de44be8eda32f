"""LIST with its options, and LSUB (RFC 9051 6.3.9, RFC 5258, 5819, 6154, 9590; RFC 3501 6.3.9)."""

from dataclasses import dataclass, field
from typing import Final

from mox_trio.protocol.imap.commands import mailboxes, metadata
from mox_trio.protocol.imap.lexer import Lexer, Malformed

_SELECTION: Final = frozenset({"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"})
_RETURNS: Final = frozenset({"SUBSCRIBED", "CHILDREN", "SPECIAL-USE"})


@dataclass(frozen=True, slots=True)
class MetadataReturn:
    """RETURN (METADATA ...) of RFC 9590."""

    entries: tuple[str, ...]
    """In lower case."""
    depth: int | None = 0
    """None for infinity."""
    max_size: int | None = None


@dataclass(frozen=True, slots=True)
class List:
    """LIST. Reference and patterns are decoded; options in upper case, known ones only."""

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[str] = frozenset()
    """SUBSCRIBED, REMOTE, RECURSIVEMATCH, SPECIAL-USE."""
    returns: frozenset[str] = frozenset()
    """SUBSCRIBED, CHILDREN, SPECIAL-USE; with `is_extended` exactly what was asked for."""
    status: tuple[str, ...] = ()
    """Items of RETURN (STATUS ...)."""
    metadata: MetadataReturn | None = None
    is_extended: bool = False
    """It has options or a list of patterns."""


@dataclass(frozen=True, slots=True)
class Lsub:
    """LSUB."""

    reference: str
    pattern: str


def parse_list(lexer: Lexer) -> List:
    """Options, a reference, patterns, and what is to be returned (RFC 9051 9, list)."""
    lexer.space()
    selection: frozenset[str] = frozenset()
    is_extended = lexer.starts(b"(")
    if is_extended:
        selection = frozenset(lexer.members(lambda: _known(lexer, _SELECTION), may_be_empty=True))
        # RFC 5258 3.1: it says how another option is to be taken, and REMOTE is none that it could be said of.
        if "RECURSIVEMATCH" in selection and not selection & {"SUBSCRIBED", "SPECIAL-USE"}:
            raise Malformed("RECURSIVEMATCH stands with SUBSCRIBED or SPECIAL-USE")
        lexer.space()
    reference = lexer.mailbox()
    lexer.space()
    if lexer.starts(b"("):
        is_extended = True
        patterns = tuple(lexer.members(lexer.list_mailbox))
    else:
        patterns = (lexer.list_mailbox(),)
    returns = _Returns()
    if lexer.maybe_space():
        is_extended = True
        if not lexer.maybe_word("RETURN"):
            raise Malformed("RETURN is missing")
        lexer.space()
        lexer.members(lambda: _return_option(lexer, returns), may_be_empty=True)
    lexer.end()
    return List(
        reference, patterns, selection, frozenset(returns.options), returns.status, returns.metadata, is_extended
    )


@dataclass(slots=True)
class _Returns:
    """What RETURN has said so far."""

    options: set[str] = field(default_factory=set)
    status: tuple[str, ...] = ()
    metadata: MetadataReturn | None = None


def _return_option(lexer: Lexer, returns: _Returns) -> None:
    if lexer.maybe_word("STATUS"):  # RFC 5819
        lexer.space()
        returns.status = mailboxes.status_items(lexer)
    elif lexer.maybe_word("METADATA"):  # RFC 9590 3
        lexer.space()
        options = metadata.maybe_options(lexer)
        if options is not None:
            lexer.space()
        depth, max_size = options or (0, None)
        returns.metadata = MetadataReturn(tuple(lexer.members(lambda: metadata.entry(lexer))), depth, max_size)
    else:
        returns.options.add(_known(lexer, _RETURNS))


def _known(lexer: Lexer, options: frozenset[str]) -> str:
    # RFC 5258 3: BAD for an option that is not known.
    option = lexer.word()
    if option not in options:
        raise Malformed("LIST does not know this option")
    return option


def parse_lsub(lexer: Lexer) -> Lsub:
    """A reference and a pattern."""
    lexer.space()
    reference = lexer.mailbox()
    lexer.space()
    pattern = lexer.list_mailbox()
    lexer.end()
    return Lsub(reference, pattern)
