"""Tokens of a client's command (RFC 9051 9), taken one after the other from its octets.

A command is one text: its lines as they came, each literal's announcement with the CRLF behind it still in place and its
octets beside it, by the place of the announcement. So no token can reach over a literal, for none holds CR or LF. All
tokens are found by regular expressions without backtracking; all lists are bounded.

Raises `Malformed`, and `NeedLiteral` where a string was announced whose octets are not there yet: only APPEND reads
commands in pieces.

Lenient where clients are sloppy and nothing can be meant by it but one thing: spaces at the end of a line, several spaces
between two tokens, raw UTF-8 in names of mailboxes without UTF8=ACCEPT.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeVar

from mox_trio.protocol.imap import bounds as bounds_
from mox_trio.protocol.imap import numsets, utf7
from mox_trio.protocol.imap.bounds import Bounds

T = TypeVar("T")

_END: Final = re.compile(rb" *\Z").match
_ATOM: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+").match
"""RFC 9051 9, atom: without ( ) { SP CTL % * " \\ ]."""
_ASTRING: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+").match
"""ASTRING-CHAR: "]" as well."""
_LIST_MAILBOX: Final = re.compile(rb"[!#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+").match
"""list-char: wildcards as well."""
_QUOTED: Final = re.compile(rb'"([^"\\\r\n\x00]*(?:\\["\\][^"\\\r\n\x00]*)*)"').match
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_LITERAL: Final = re.compile(rb"(~?)\{([0-9]+)\+?\}\r\n").match
_NUMBER: Final = re.compile(rb"[0-9]{1,20}(?![0-9])").match
_PARTIAL: Final = re.compile(rb"(-?[1-9][0-9]{0,9}):(-?[1-9][0-9]{0,9})(?![0-9])").match
_SET: Final = re.compile(rb"[0-9:,*]+").match
_FLAG: Final = re.compile(rb"\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+").match
"""A flag or keyword. Atoms have no "]", but keywords with it are seen: whether it can be kept is for the store to say."""
_WORD: Final = re.compile(rb"[A-Za-z][A-Za-z0-9.\-]*").match
_NIL: Final = re.compile(rb"NIL(?=[ )\r]|\Z)", re.IGNORECASE).match

NUMBER_63: Final = 2**63 - 1
"""The largest mod-sequence (RFC 7162 7) and number64 (RFC 9051 9)."""


class Malformed(Exception):
    """The command cannot be understood, or not be done as it is: what the client is told."""

    def __init__(
        self, text: str, *, kind: Literal["BAD", "NO"] = "BAD", code: bytes = b"", saves: bool = False
    ) -> None:
        """`saves`: the command is a search whose result was to be saved."""
        super().__init__(text)
        self.text = text
        self.kind: Literal["BAD", "NO"] = kind
        self.code = code
        self.saves = saves


class NeedLiteral(Exception):
    """A string stands here whose octets are still to be read."""


class Lexer:
    """A place in a command, which every method moves on."""

    __slots__ = ("announced", "at", "bounds", "literals", "text", "uid_only", "utf8")

    def __init__(
        self, text: bytes, at: int = 0, *, literals: Mapping[int, bytes] | None = None, announced: int = -1,
        utf8: bool = False, uid_only: bool = False, bounds: Bounds = bounds_.DEFAULT,
    ) -> None:  # fmt: skip
        """`literals`: octets by the place of their announcement; `announced`: the place of one without octets."""
        self.text = text
        self.at = at
        self.literals = literals if literals is not None else {}
        self.announced = announced
        self.utf8 = utf8
        self.uid_only = uid_only
        self.bounds = bounds

    # What stands between tokens.

    def space(self) -> None:
        """A space."""
        text, at = self.text, self.at + 1
        if not text.startswith(b" ", self.at):
            is_over = self.at >= len(text)
            raise Malformed("arguments are missing" if is_over else "a space is missing, or something is too much")
        while text.startswith(b" ", at):
            at += 1
        self.at = at

    def end(self) -> None:
        """Nothing more."""
        if self.at != len(self.text) and _END(self.text, self.at) is None:
            raise Malformed("something is too much at the end")

    def is_at_end(self) -> bool:
        """Whether nothing more follows."""
        return self.at == len(self.text) or _END(self.text, self.at) is not None

    def maybe_space(self) -> bool:
        """Whether there is a space with something behind it."""
        if not self.text.startswith(b" ", self.at) or self.is_at_end():
            return False
        self.space()
        return True

    def starts(self, octets: bytes) -> bool:
        """Whether this comes next; nothing is taken."""
        return self.text.startswith(octets, self.at)

    def maybe(self, octets: bytes) -> bool:
        """Take this if it comes next."""
        if self.text.startswith(octets, self.at):
            self.at += len(octets)
            return True
        return False

    def require(self, octets: bytes) -> None:
        """Take this, which has to come next."""
        if not self.text.startswith(octets, self.at):
            raise Malformed(f"{octets.decode('ascii')} is missing")
        self.at += len(octets)

    # Words.

    def word(self) -> str:
        """A name of the protocol, in upper case; empty where none comes next."""
        match = _WORD(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[0].decode("ascii").upper()

    def peek_word(self, ahead: int = 0) -> str:
        """As `word`, but nothing is taken; `ahead` octets further on."""
        match = _WORD(self.text, self.at + ahead)
        return "" if match is None else match[0].decode("ascii").upper()

    def maybe_word(self, name: str) -> bool:
        """Take this word (upper case) if it comes next."""
        match = _WORD(self.text, self.at)
        if match is None or match[0].decode("ascii").upper() != name:
            return False
        self.at = match.end()
        return True

    def atom(self) -> str:
        """An atom as it was written."""
        match = _ATOM(self.text, self.at)
        if match is None:
            raise Malformed("a word is missing")
        self.at = match.end()
        return match[0].decode("ascii")

    def flag(self) -> str:
        """A flag or keyword as it was written."""
        match = _FLAG(self.text, self.at)
        if match is None:
            raise Malformed("a flag is missing")
        self.at = match.end()
        return match[0].decode("ascii")

    def settable_flag(self) -> str:
        """A flag that a client may set: not \\Recent (RFC 3501 2.3.2)."""
        flag = self.flag()
        if flag.lower() == "\\recent":
            raise Malformed("\\Recent cannot be set")
        return flag

    # Strings.

    def astring(self) -> bytes:
        """An atom, which may hold "]", or a string."""
        match = _ASTRING(self.text, self.at)
        if match is None:
            return self.string()
        # ~{5} is a literal8, and the tilde an atom's character: RFC 3516 has it nowhere where an astring may be.
        self.at = match.end()
        return match[0]

    def string(self) -> bytes:
        """A quoted string or a literal."""
        match = _QUOTED(self.text, self.at)
        if match is None:
            return self._literal(binary=False)
        self.at = match.end()
        octets = match[1]
        if b"\\" in octets:
            octets = _ESCAPE.sub(rb"\1", octets)
        if not octets.isascii():
            self._check_utf8(octets)
        return octets

    def nstring(self) -> bytes | None:
        """A string, or NIL."""
        return None if self._nil() else self.string()

    def nvalue(self) -> bytes | None:
        """A string, a literal8, or NIL."""
        if self._nil():
            return None
        return self._literal(binary=True) if self.starts(b"~{") else self.string()

    def text_string(self) -> str:
        """An astring as text, which is UTF-8."""
        try:
            return self.astring().decode()
        except UnicodeDecodeError:
            raise Malformed("text is UTF-8") from None

    def mailbox(self) -> str:
        """A mailbox's name, decoded."""
        return self.decode_name(self.astring())

    def list_mailbox(self) -> str:
        """A pattern of LIST, decoded."""
        match = _LIST_MAILBOX(self.text, self.at)
        if match is None:
            return self.decode_name(self.string())
        self.at = match.end()
        return self.decode_name(match[0])

    def decode_name(self, name: bytes) -> str:
        """UTF-8 with UTF8=ACCEPT (RFC 6855 3), else modified UTF-7; what is 8-bit without it can only be UTF-8."""
        try:
            return utf7.decode(name) if not self.utf8 and name.isascii() else name.decode()
        except ValueError:
            encoding = "UTF-8" if self.utf8 else "modified UTF-7"
            raise Malformed(f"the name is not {encoding}", kind="NO", code=b"CANNOT") from None

    # Numbers.

    def number(self, largest: int = numsets.LARGEST, smallest: int = 0) -> int:
        """A number."""
        match = _NUMBER(self.text, self.at)
        if match is None:
            raise Malformed("a number is missing")
        value = int(match[0])
        if not smallest <= value <= largest:
            raise Malformed(f"a number is from {smallest} to {largest}")
        self.at = match.end()
        return value

    def numset(self) -> numsets.NumSet:
        """A sequence-set."""
        match = _SET(self.text, self.at)
        if match is None:
            raise Malformed("a set of numbers is missing")
        try:
            parsed = numsets.parse(match[0], most=self.bounds.ranges)
        except ValueError as error:
            raise Malformed(str(error)) from None
        self.at = match.end()
        return parsed

    def sequence_set(self) -> numsets.SequenceSet:
        """A sequence-set, or "$"."""
        if self.maybe(b"$"):
            return numsets.SavedResult()
        return self.numset()

    def partial_range(self) -> tuple[int, int]:
        """first:last, both from the beginning or both, negative, from the end (RFC 9394 4, partial-range)."""
        match = _PARTIAL(self.text, self.at)
        if match is None or (match[1][:1] == b"-") != (match[2][:1] == b"-"):
            raise Malformed("a range is like 1:100 or -1:-100")
        first, last = int(match[1]), int(match[2])
        if max(abs(first), abs(last)) > numsets.LARGEST:
            raise Malformed("a number has 32 bits")
        self.at = match.end()
        return first, last

    # Lists.

    def members(self, read: Callable[[], T], *, may_be_empty: bool = False) -> list[T]:
        """A list in parentheses, a space between two."""
        text = self.text
        self.require(b"(")
        if text.startswith(b" ", self.at):  # harmless, and some clients write ( \Seen )
            self.space()
        out: list[T] = []
        while not text.startswith(b")", self.at):
            if out:
                self.space()
                if text.startswith(b")", self.at):
                    break
            if len(out) >= self.bounds.members:
                raise Malformed(f"a list has at most {self.bounds.members} members", code=b"LIMIT")
            out.append(read())
        self.at += 1
        if not out and not may_be_empty:
            raise Malformed("a list is empty")
        return out

    def _nil(self) -> bool:
        match = _NIL(self.text, self.at)
        if match is None:
            return False
        self.at = match.end()
        return True

    def _literal(self, *, binary: bool) -> bytes:
        octets = self.literals.get(self.at)
        match = _LITERAL(self.text, self.at)
        if match is None or bool(match[1]) > binary:
            raise Malformed("a string is missing")
        if octets is None:
            if self.at == self.announced:
                raise NeedLiteral
            raise Malformed("a string is missing")
        if not match[1] and b"\0" in octets:  # RFC 9051 9, literal: CHAR8, which NUL is not
            raise Malformed("a literal holds NUL")
        self.at = match.end()
        return octets

    def _check_utf8(self, octets: bytes) -> None:
        # RFC 6855 3 and RFC 9051 4.3. Without UTF8=ACCEPT no octet beyond ASCII may stand in a quoted string; clients
        # write them nevertheless, and what is UTF-8 by its bytes is meant as UTF-8.
        try:
            octets.decode()
        except UnicodeDecodeError:
            raise Malformed("a quoted string holds 8-bit that is not UTF-8") from None
