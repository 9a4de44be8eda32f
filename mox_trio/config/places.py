"""Where keys are in a TOML text, which tomllib does not tell: one pass over a text that tomllib has accepted.

Used only when there are problems to report. It never raises on a text that tomllib accepts, uses no recursion and is linear
in the length of the text. A key that the text does not have is placed at its nearest enclosing table.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from mox_trio.config.problems import KeyPath, Problem

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_MULTILINE_BASIC: Final = re.compile(r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}', re.DOTALL)
_MULTILINE_LITERAL: Final = re.compile(r"'''(?:[^']|'{1,2}(?!'))*'{3,5}")
_BASIC: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL: Final = re.compile(r"'[^'\n]*'")
_SCALAR: Final = re.compile(r"[^,\]}#\n]*")
_ESCAPE: Final = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([btnfr"\\]))')
_ESCAPES: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


@dataclass(slots=True)
class _Open:
    """An array or inline table that is being read."""

    path: KeyPath
    closes: str
    count: int = 0


@dataclass(slots=True)
class Places:
    """Positions of keys in one text; `scan` makes it."""

    text: str
    offsets: dict[KeyPath, int] = field(default_factory=dict)
    headers: list[tuple[int, KeyPath]] = field(default_factory=list)
    """Where each `[table]` header begins, and the path of its table, in the order of the text."""

    def of(self, path: KeyPath) -> tuple[int, int]:
        """The line and column of a key, or of what encloses it; (0, 0) when nothing of it is in the text."""
        while path and path not in self.offsets:
            path = path[:-1]
        if not path:
            return 0, 0
        offset = self.offsets[path]
        return self.text.count("\n", 0, offset) + 1, offset - self.text.rfind("\n", 0, offset)


def scan(text: str) -> Places:
    """Find every key of a text that tomllib accepts."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places = Places(text)
        self.table: KeyPath = ()
        self.items: dict[KeyPath, int] = {}  # how many [[tables]] an array of tables has

    def scan(self) -> Places:
        while True:
            self._skip(_BLANK)
            if self.at >= len(self.text):
                return self.places
            if self.text[self.at] == "[":
                self._header()
            else:
                self._values(self._key(self.table))

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else min(self.at + 1, len(self.text))
        return match[0] if match else ""

    def _header(self) -> None:
        start, is_array = self.at, self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        self.table = self._resolved(self._names(), is_array)
        self.places.offsets[self.table] = start
        self.places.headers.append((start, self.table))
        self.at += 2 if is_array else 1

    def _resolved(self, names: list[str], is_array: bool) -> KeyPath:
        """The path of a header: a name of an array of tables means its last item."""
        path: KeyPath = ()
        for number, name in enumerate(names, 1):
            path = (*path, name)
            self.places.offsets.setdefault(path, self.at)
            if is_array and number == len(names):
                self.items[path] = self.items.get(path, -1) + 1
            if path in self.items:
                path = (*path, self.items[path])
        return path

    def _names(self) -> list[str]:
        names = []
        while True:
            self._skip(_SPACE)
            names.append(self._name())
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return names
            self.at += 1

    def _name(self) -> str:
        opening = self.text[self.at : self.at + 1]
        if opening == '"':
            return _ESCAPE.sub(_unescaped, self._skip(_BASIC)[1:-1])
        return self._skip(_LITERAL)[1:-1] if opening == "'" else self._skip(_BARE)

    def _key(self, parent: KeyPath) -> KeyPath:
        """Read `a.b =` and note where each of its names is first seen."""
        start = self.at
        path = parent
        for name in self._names():
            path = (*path, name)
            self.places.offsets.setdefault(path, start)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        return path

    def _values(self, path: KeyPath) -> None:
        """Read one value, with everything that is nested in it."""
        stack: list[_Open] = []
        self._value(path, stack)
        while stack:
            container = stack[-1]
            self._skip(_BLANK)
            following = self.text[self.at : self.at + 1]
            if following == container.closes or not following:
                self.at += 1
                stack.pop()
            elif following == ",":
                self.at += 1
            elif container.closes == "}":
                self._value(self._key(container.path), stack)
            else:
                item = (*container.path, container.count)
                container.count += 1
                self.places.offsets[item] = self.at
                self._value(item, stack)

    def _value(self, path: KeyPath, stack: list[_Open]) -> None:
        opening = self.text[self.at : self.at + 1]
        if opening in ("[", "{"):
            self.at += 1
            stack.append(_Open(path, "]" if opening == "[" else "}"))
        elif opening == '"':
            self._skip(_MULTILINE_BASIC if self.text.startswith('"""', self.at) else _BASIC)
        elif opening == "'":
            self._skip(_MULTILINE_LITERAL if self.text.startswith("'''", self.at) else _LITERAL)
        else:
            self._skip(_SCALAR)


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else _ESCAPES[match[3]]


_SYNTAX: Final = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


def of_syntax_error(complaint: str, text: str, file: str) -> Problem:
    """The problem behind what tomllib says about a text that is no TOML."""
    match = _SYNTAX.fullmatch(complaint)
    message = match[1] if match else "this is not TOML"
    # tomllib quotes single characters, and in "Cannot overwrite" nothing; a whole value is never in its words.
    end = (text.count("\n") + 1, len(text) - text.rfind("\n"))
    line, column = (int(match[2]), int(match[3])) if match and match[2] else end
    return Problem(file, line, column, "", f"not valid TOML: {message}", "correct the syntax; text needs quotes")
