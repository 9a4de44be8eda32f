"""Search keys as they are read from a command (RFC 9051 9, search-program): depth and number are bounded.

Strings are UTF-8 unless the client says otherwise; of charsets, UTF-8 and US-ASCII are known. RFC 6855 3 has no CHARSET
with UTF8=ACCEPT: clients that send it nevertheless can mean UTF-8 only.
"""

import datetime
import re
from collections.abc import Callable
from typing import Final, Literal, get_args

from mox_trio.protocol.imap import numsets, search_keys
from mox_trio.protocol.imap.lexer import NUMBER_63, Lexer, Malformed
from mox_trio.protocol.imap.search_keys import (
    AllKey,
    AndKey,
    BodyKey,
    DateKey,
    FilterKey,
    FlagKey,
    HeaderKey,
    ModSeqKey,
    NotKey,
    Numbers,
    ObjectKey,
    OrKey,
    SaveDateSupported,
    SearchKey,
    SizeKey,
    TextKey,
    WithinKey,
)

MONTHS: Final = {
    name: number
    for number, name in enumerate(
        (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"), 1
    )
}
_DATE: Final = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1').match
_OBJECT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,255}").fullmatch
_FILTER: Final = re.compile(r"[!#$&'+,\-.0-9:;<=>?@A-Z\[^_`a-z|}~]+").fullmatch
"""RFC 5466 4: an atom without "/"."""


_NAMES_FILTER: Final = re.compile(rb"[ (]FILTER [^ \"(){%*\\\\]", re.IGNORECASE).search


def required_charset(lexer: Lexer, *, saves: bool = False) -> None:
    """The charset that SORT and THREAD name always (RFC 5256 5); `saves`: of a search whose result is saved."""
    name = lexer.text_string()
    if name.upper() not in ("UTF-8", "US-ASCII"):
        # RFC 5466 3.1: with FILTER it is BAD.
        kind: Literal["NO", "BAD"] = "BAD" if _NAMES_FILTER(lexer.text, lexer.at) else "NO"
        raise Malformed("texts to search for are UTF-8", kind=kind, code=b"BADCHARSET (UTF-8)", saves=saves)


def parse(lexer: Lexer) -> tuple[SearchKey, bool]:
    """Keys up to the end of the command, and whether MODSEQ is among them."""
    program = _Program(lexer)
    keys = [program.key(1)]
    while lexer.maybe_space():
        keys.append(program.key(1))
    lexer.end()
    return (keys[0] if len(keys) == 1 else AndKey(tuple(keys))), program.uses_modseq


class _Program:
    """Keys that are read, counted."""

    __slots__ = ("_left", "_ranges", "lexer", "uses_modseq")

    def __init__(self, lexer: Lexer) -> None:
        self.lexer = lexer
        self._left = lexer.bounds.keys
        self._ranges = lexer.bounds.ranges
        self.uses_modseq = False

    def key(self, depth: int) -> SearchKey:
        """The next key; `depth` counts from 1."""
        lexer = self.lexer
        self._left -= 1
        if self._left < 0 or depth > lexer.bounds.depth:
            raise Malformed("the search has too many keys", code=b"LIMIT")
        if lexer.starts(b"("):
            keys = lexer.members(lambda: self.key(depth + 1))
            return keys[0] if len(keys) == 1 else AndKey(tuple(keys))
        name = lexer.word()
        if not name:
            return self._numbers()
        constant = _CONSTANTS.get(name)
        if constant is not None:
            return constant
        read = _READERS.get(name)
        if read is None:
            raise Malformed("SEARCH does not know this key")
        lexer.space()
        return read(self, depth)

    def _numbers(self) -> SearchKey:
        if self.lexer.uid_only and not self.lexer.starts(b"$"):  # RFC 9586 3
            raise Malformed("sequence numbers are not used with UIDONLY", code=b"UIDREQUIRED")
        return Numbers(self._set(), uid=False)

    def _set(self) -> numsets.SequenceSet:
        """A set; all sets of a program are counted together."""
        found = self.lexer.sequence_set()
        if isinstance(found, numsets.NumSet):
            self._ranges -= len(found.ranges)
            if self._ranges < 0:
                raise Malformed("the search has too many numbers", code=b"LIMIT")
        return found

    def read_or(self, depth: int) -> SearchKey:
        """OR."""
        first = self.key(depth + 1)
        self.lexer.space()
        return OrKey(first, self.key(depth + 1))

    def read_not(self, depth: int) -> SearchKey:
        """NOT."""
        return NotKey(self.key(depth + 1))

    def read_uid(self, depth: int) -> SearchKey:
        """UID."""
        return Numbers(self._set(), uid=True)

    def read_modseq(self, depth: int) -> SearchKey:
        """MODSEQ, and with it the name of an entry and whose it is (RFC 7162 3.1.5)."""
        lexer = self.lexer
        if lexer.starts(b'"'):
            lexer.string()
            lexer.space()
            if lexer.word() not in ("PRIV", "SHARED", "ALL"):
                raise Malformed("an entry is priv, shared or all")
            lexer.space()
        self.uses_modseq = True
        return ModSeqKey(lexer.number(NUMBER_63))

    def read_header(self, depth: int) -> SearchKey:
        """HEADER."""
        name = self.lexer.text_string().lower()
        self.lexer.space()
        return HeaderKey(name, self.lexer.text_string())

    def read_filter(self, depth: int) -> SearchKey:
        """FILTER (RFC 5466 3.1)."""
        name = self.lexer.text_string()
        if _FILTER(name) is None:
            raise Malformed("the name of a filter is a word without /")
        return FilterKey(name)

    def object_id(self) -> str:
        """An object identifier (RFC 8474 7)."""
        name = self.lexer.text_string()
        if _OBJECT_ID(name) is None:
            raise Malformed("an identifier has 1 to 255 letters, digits, - or _")
        return name

    def date(self) -> datetime.date:
        """A date, quoted or not."""
        match = _DATE(self.lexer.text, self.lexer.at)
        month = MONTHS.get(match[3].lower()) if match else None
        if match is None or month is None:
            raise Malformed("a date is like 1-Feb-2024")
        try:
            day = datetime.date(int(match[4]), month, int(match[2]))
        except ValueError:
            raise Malformed("there is no such date") from None
        self.lexer.at = match.end()
        return day


_Reader = Callable[[_Program, int], SearchKey]

_CONSTANTS: Final[dict[str, SearchKey]] = {
    "ALL": AllKey(),
    "ANSWERED": FlagKey("\\Answered"),
    "DELETED": FlagKey("\\Deleted"),
    "DRAFT": FlagKey("\\Draft"),
    "FLAGGED": FlagKey("\\Flagged"),
    "SEEN": FlagKey("\\Seen"),
    "UNANSWERED": NotKey(FlagKey("\\Answered")),
    "UNDELETED": NotKey(FlagKey("\\Deleted")),
    "UNDRAFT": NotKey(FlagKey("\\Draft")),
    "UNFLAGGED": NotKey(FlagKey("\\Flagged")),
    "UNSEEN": NotKey(FlagKey("\\Seen")),
    # RFC 3501 6.4.4
    "NEW": AndKey((FlagKey("\\Recent"), NotKey(FlagKey("\\Seen")))),
    "OLD": NotKey(FlagKey("\\Recent")),
    "RECENT": FlagKey("\\Recent"),
    "SAVEDATESUPPORTED": SaveDateSupported(),  # RFC 8514 4.3
}


def _dates() -> dict[str, _Reader]:
    def reader(instant: search_keys.Instant, relation: search_keys.Relation) -> _Reader:
        return lambda program, depth: DateKey(instant, relation, program.date())

    instants: dict[str, search_keys.Instant] = {"": "RECEIVED", "SENT": "SENT", "SAVED": "SAVED"}
    return {
        prefix + relation: reader(instant, relation)
        for prefix, instant in instants.items()
        for relation in get_args(search_keys.Relation)
    }


def _fields() -> dict[str, _Reader]:
    def reader(name: str) -> _Reader:
        return lambda program, depth: HeaderKey(name, program.lexer.text_string())

    return {name.upper(): reader(name) for name in ("bcc", "cc", "from", "subject", "to")}


_READERS: Final[dict[str, _Reader]] = {
    **_dates(),
    **_fields(),
    "BODY": lambda program, depth: BodyKey(program.lexer.text_string()),
    "EMAILID": lambda program, depth: ObjectKey(thread=False, object_id=program.object_id()),
    "FILTER": _Program.read_filter,
    "HEADER": _Program.read_header,
    "KEYWORD": lambda program, depth: FlagKey(program.lexer.flag()),
    "LARGER": lambda program, depth: SizeKey(larger=True, size=program.lexer.number(NUMBER_63)),
    "MODSEQ": _Program.read_modseq,
    "NOT": _Program.read_not,
    "OLDER": lambda program, depth: WithinKey(older=True, seconds=program.lexer.number(numsets.LARGEST, 1)),
    "OR": _Program.read_or,
    "SMALLER": lambda program, depth: SizeKey(larger=False, size=program.lexer.number(NUMBER_63)),
    "TEXT": lambda program, depth: TextKey(program.lexer.text_string()),
    "THREADID": lambda program, depth: ObjectKey(thread=True, object_id=program.object_id()),
    "UID": _Program.read_uid,
    "UNKEYWORD": lambda program, depth: NotKey(FlagKey(program.lexer.flag())),
    "YOUNGER": lambda program, depth: WithinKey(older=False, seconds=program.lexer.number(numsets.LARGEST, 1)),
}
