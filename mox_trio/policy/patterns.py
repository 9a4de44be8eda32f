r"""Regular expressions that users write and that mail from outside is held against: matched in linear time, whatever either of
them says. Python's `re` backtracks, so that one rule and one header field could stop a server for hours.

What is known: characters and `\` before a sign; `.`; classes `[a-z]`, `[^a-z]`, `\d \D \s \S \w \W`; groups `( )` and
`(?: )`; `|`; `* + ? {2} {2,} {2,5}`, with a further `?` that changes nothing here; `^` and `$` for the ends of the text.
Back references, look-around and `\b` are not. Letter case never counts. A pattern is found anywhere in a text.

A pattern is an automaton whose states are sets of places in it, made when they are first needed and kept, up to a number.
Only making costs more than a dictionary access a character, and for that a caller gives `Work`; when it is used up,
`OutOfWork` is raised.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

LONGEST: Final = 500
"""Characters of a pattern."""
DEEPEST: Final = 20
"""Groups within groups."""
MOST_PLACES: Final = 1000
"""Places in a pattern once its repeats are written out."""
MOST_STATES: Final = 300
"""States that are kept of one pattern."""
MOST_STEPS: Final = 3000
"""Steps between states that are kept of one pattern: a text may hold any number of different characters."""
LARGEST_REPEAT: Final = 200

_CLASSES: Final = {
    "d": (("0", "9"),),
    "s": (("\t", "\r"), (" ", " ")),
    "w": (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")),
}
_ESCAPED: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_REPEAT: Final = re.compile(r"\{(\d{1,4})(?:(,)(\d{0,4}))?\}")
_SIGNS: Final = "*+?{"


class InvalidPattern(ValueError):
    """Not a pattern of the kind above. The text says what is wrong and where."""


class OutOfWork(Exception):
    """The `Work` was used up before the answer was there."""


class Work:
    """How many places of patterns may still be looked at; shared by the patterns that one message is held against."""

    def __init__(self, left: int = 50_000) -> None:
        # A place costs up to 0.8 us, so that a message holds up the event loop for 40 ms at most.
        self.left = left

    def take(self, places: int) -> None:
        """Use up some. OutOfWork."""
        self.left -= places
        if self.left < 0:
            raise OutOfWork


class _Set(NamedTuple):
    """One character: of these ranges, or of none of them."""

    ranges: tuple[tuple[str, str], ...]
    inverted: bool = False

    def has(self, character: str) -> bool:
        """Whether it, in lower case or in upper case, is of the set."""
        other = character.upper()
        other = other if len(other) == 1 else character  # the upper case of some is two characters
        found = any(low <= character <= high or low <= other <= high for low, high in self.ranges)
        return found is not self.inverted


class _Begin(NamedTuple):
    """The place before the text."""


class _End(NamedTuple):
    """The place behind the text."""


class _Sequence(NamedTuple):
    nodes: "tuple[_Node, ...]"


class _Choice(NamedTuple):
    nodes: "tuple[_Node, ...]"


class _Repeat(NamedTuple):
    node: "_Node"
    least: int
    most: int | None


_Node = _Set | _Begin | _End | _Sequence | _Choice | _Repeat
_ANY: Final = _Set((("\n", "\n"),), inverted=True)


class _Place(NamedTuple):
    """A place of the automaton: what it wants to see, and the places behind it. Without either the pattern is found."""

    wants: _Set | _Begin | _End | None
    behind: tuple[int, ...]


class _State:
    """A set of places, closed; `steps` are the states behind it by the next character."""

    __slots__ = ("is_found", "places", "steps")

    def __init__(self, places: frozenset[int], is_found: bool) -> None:
        self.places = places
        self.is_found = is_found
        self.steps: dict[str, _State] = {}


class Pattern:
    """A pattern that was read. Raises InvalidPattern."""

    def __init__(self, text: str) -> None:
        self.text = text
        maker = _Maker()
        found = maker.add(_Place(None, ()))
        self._first = maker.make(_Reader(text).read(), found)
        self._places = maker.places
        self._forget()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def is_in(self, text: str, work: Work) -> bool:
        """Whether the pattern is found anywhere in the text. OutOfWork."""
        work.take(5 + len(text) // 4)  # what it costs where every state is known
        state = self._at_begin
        for character in text.lower():
            if state.is_found:
                return True
            following = state.steps.get(character)
            state = self._step(state, character, work) if following is None else following
        return state.is_found or self._ends(state, work)

    def _step(self, state: _State, character: str, work: Work) -> _State:
        work.take(len(state.places) + 1)
        if self._kept >= MOST_STEPS or len(self._states) >= MOST_STATES:
            self._forget()
        behind = [self._first]  # the pattern may begin at each character
        for number in state.places:
            place = self._places[number]
            if isinstance(place.wants, _Set) and place.wants.has(character):
                behind += place.behind
        following = self._state(self._closed(behind))
        state.steps[character] = following
        self._kept += 1
        return following

    def _ends(self, state: _State, work: Work) -> bool:
        work.take(len(state.places))
        at_end = [number for number in state.places if isinstance(self._places[number].wants, _End)]
        return bool(at_end) and self._state(self._closed(at_end, at_end=True)).is_found

    def _state(self, places: frozenset[int]) -> _State:
        state = self._states.get(places)
        if state is None:
            is_found = any(self._places[number].wants is None and not self._places[number].behind for number in places)
            state = self._states[places] = _State(places, is_found)
        return state

    def _forget(self) -> None:
        self._states: dict[frozenset[int], _State] = {}
        self._kept = 0
        self._at_begin = self._state(self._closed([self._first], at_begin=True))

    def _closed(self, numbers: Iterable[int], *, at_begin: bool = False, at_end: bool = False) -> frozenset[int]:
        """The places that are reached without a character, but for those that only lead on."""
        waiting, seen, kept = list(numbers), set[int](), set[int]()
        while waiting:
            number = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            wants, behind = self._places[number]
            passes = (at_begin and isinstance(wants, _Begin)) or (at_end and isinstance(wants, _End))
            if passes or (wants is None and behind):
                waiting += behind
            elif not isinstance(wants, _Begin):
                kept.add(number)
        return frozenset(kept)


class _Maker:
    """Writes a tree out as places, from its end to its beginning."""

    def __init__(self) -> None:
        self.places: list[_Place] = []

    def add(self, place: _Place) -> int:
        if len(self.places) >= MOST_PLACES:
            raise InvalidPattern(f"its repeats make it longer than {MOST_PLACES} places")
        self.places.append(place)
        return len(self.places) - 1

    def make(self, node: _Node, behind: int) -> int:
        """The first place of what finds `node` and then goes on to `behind`."""
        match node:
            case _Sequence(nodes):
                for each in reversed(nodes):
                    behind = self.make(each, behind)
                return behind
            case _Choice(nodes):
                return self.add(_Place(None, tuple([self.make(each, behind) for each in nodes])))
            case _Repeat():
                return self._repeat(node, behind)
            case _:
                return self.add(_Place(node, (behind,)))

    def _repeat(self, repeat: _Repeat, behind: int) -> int:
        first = behind
        if repeat.most is None:
            first = self.add(_Place(None, (behind,)))
            self.places[first] = _Place(None, (self.make(repeat.node, first), behind))
        else:
            for _ in range(repeat.most - repeat.least):
                first = self.add(_Place(None, (self.make(repeat.node, first), behind)))
        for _ in range(repeat.least):
            first = self.make(repeat.node, first)
        return first


class _Reader:
    """Reads the text of one pattern."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise InvalidPattern(f"it is longer than {LONGEST} characters")
        self._text = text
        self._at = 0

    def read(self) -> _Node:
        """The tree of all of it."""
        if self._text.startswith("(?i)"):
            self._at = 4
        node = self._choice(0)
        if self._at < len(self._text):
            raise self._wrong("a closing parenthesis has no partner")
        return node

    def _wrong(self, why: str) -> InvalidPattern:
        return InvalidPattern(f"{why} (at character {self._at + 1})")

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _choice(self, depth: int) -> _Node:
        if depth > DEEPEST:
            raise self._wrong(f"more than {DEEPEST} groups are within each other")
        branches = [self._sequence(depth)]
        while self._next() == "|":
            self._at += 1
            branches.append(self._sequence(depth))
        return branches[0] if len(branches) == 1 else _Choice(tuple(branches))

    def _sequence(self, depth: int) -> _Node:
        nodes: list[_Node] = []
        while (sign := self._next()) and sign not in "|)":
            if sign in _SIGNS:
                raise self._wrong(f"there is nothing that {sign} could repeat")
            nodes.append(self._repeated(self._one(depth)))
        return _Sequence(tuple(nodes))

    def _one(self, depth: int) -> _Node:
        sign = self._next()
        self._at += 1
        match sign:
            case "(":
                return self._group(depth)
            case "[":
                return self._class()
            case ".":
                return _ANY
            case "^":
                return _Begin()
            case "$":
                return _End()
            case "\\":
                return self._escaped()
        return _Set(((sign, sign),))

    def _group(self, depth: int) -> _Node:
        if self._next() == "?":
            if not self._text.startswith("?:", self._at):
                raise self._wrong("groups are ( ) or (?: )")
            self._at += 2
        node = self._choice(depth + 1)
        if self._next() != ")":
            raise self._wrong("a parenthesis is not closed")
        self._at += 1
        return node

    def _repeated(self, node: _Node) -> _Node:
        while (sign := self._next()) and sign in _SIGNS:
            if isinstance(node, _Begin | _End):
                raise self._wrong("an end of the text cannot be repeated")
            least, most = self._bounds(sign)
            node = _Repeat(node, least, most)
            if self._next() == "?":  # as few as possible: which ones are found makes no difference here
                self._at += 1
        return node

    def _bounds(self, sign: str) -> tuple[int, int | None]:
        if sign != "{":
            self._at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[sign]
        found = _REPEAT.match(self._text, self._at)
        if found is None:
            raise self._wrong("a number of repeats is written {2}, {2,} or {2,5}; for the sign itself write \\{")
        least = int(found[1])
        most = (int(found[3]) if found[3] else None) if found[2] else least
        if max(least, most or 0) > LARGEST_REPEAT or (most is not None and most < least):
            raise self._wrong(f"repeats go from few to many and up to {LARGEST_REPEAT}")
        self._at = found.end()
        return least, most

    def _escaped(self) -> _Set:
        sign = self._next()
        self._at += 1
        if not sign:
            raise self._wrong("nothing follows the last \\")
        if sign.lower() in _CLASSES:
            return _Set(_CLASSES[sign.lower()], inverted=sign.isupper())
        sign = _ESCAPED.get(sign, sign)
        if sign.isascii() and sign.isalnum():
            raise self._wrong(f"\\{sign} is not known")
        return _Set(((sign, sign),))

    def _class(self) -> _Set:
        inverted = self._next() == "^"
        self._at += inverted
        ranges: list[tuple[str, str]] = []
        first = True
        while first or self._next() != "]":
            first = False
            ranges += self._range()
        self._at += 1
        return _Set(tuple(ranges), inverted)

    def _range(self) -> list[tuple[str, str]]:
        low = self._member()
        if self._next() != "-" or self._text.startswith("-]", self._at) or len(low) > 1 or low[0][0] != low[0][1]:
            return list(low)
        self._at += 1
        high = self._member()
        if len(high) > 1 or high[0][0] < low[0][0]:
            raise self._wrong("a range goes from a character to a later one")
        return [(low[0][0], high[0][1])]

    def _member(self) -> tuple[tuple[str, str], ...]:
        sign = self._next()
        if not sign:
            raise self._wrong("a [ is not closed")
        self._at += 1
        if sign != "\\":
            return ((sign, sign),)
        found = self._escaped()
        if found.inverted:
            raise self._wrong("\\D, \\S and \\W do not go into brackets")
        return found.ranges
