"""Patterns of LIST (RFC 9051 6.3.9): "*" stands for anything, "%" for anything but the delimiter, the rest for itself.

All patterns of a command are one automaton whose states are sets of places in them, one bit each, made when they are first
needed and kept, up to a number: each character of a name costs a look-up in a dictionary, or a few operations on numbers
that are as long as the patterns, whatever the patterns say. Pure.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from mox_trio.base import limits, text

DELIMITER: Final = "/"
_INBOX: Final = "inbox"
_MOST_STATES: Final = 1000
"""States and steps between them that are kept."""


class TooLong(Exception):
    """The patterns have more characters than are worth looking at."""


class _State:
    """A set of places."""

    __slots__ = ("is_found", "places", "steps")

    def __init__(self, places: int, *, is_found: bool) -> None:
        self.places = places
        self.is_found = is_found
        self.steps: dict[str, _State] = {}


class Patterns:
    """Names fit if they fit one of the patterns, each with the reference in front. TooLong."""

    def __init__(self, reference: str, patterns: Iterable[str], most: int = limits.IMAP_PATTERN_CHARACTERS) -> None:
        self._literals: dict[str, int] = {}
        self._anything = self._level = self._found = 0
        first = at = 0
        patterns = list(patterns)
        if sum(len(reference) + len(each) for each in patterns) > 4 * most:  # a normal form is not so much shorter
            raise TooLong
        for pattern in dict.fromkeys(text.nfc(reference + each) for each in patterns):
            first |= 1 << at
            for sign in _signs(pattern):
                if sign == "*":
                    self._anything |= 1 << at
                elif sign == "%":
                    self._level |= 1 << at
                else:
                    self._literals[sign] = self._literals.get(sign, 0) | 1 << at
                at += 1
                if at >= most:  # looked at here: numbers grow with every character
                    raise TooLong
            self._found |= 1 << at
            at += 1
        self.size = at
        """Characters of all patterns."""
        self._wild = self._anything | self._level
        self._first = self._closed(first)
        self._forget()

    def has(self, name: str) -> bool:
        """Whether the name fits. Inbox does in any case, also as the first level of a name (RFC 9051 5.1)."""
        state = self._begin
        for sign in _spelled(name):
            following = state.steps.get(sign)
            state = self._step(state, sign) if following is None else following
            if not state.places:
                return False
        return state.is_found

    def _step(self, state: _State, sign: str) -> _State:
        places, literals = state.places, 0
        for each in sign:
            literals |= self._literals.get(each, 0)
        stays = self._anything if sign == DELIMITER else self._wild
        following = self._state(self._closed((places & literals) << 1 | places & stays))
        if self._kept >= _MOST_STATES:
            self._forget()
        state.steps[sign] = following
        self._kept += 1
        return following

    def _closed(self, places: int) -> int:
        # No two wildcards stand beside each other, so what can be skipped leads to something that cannot.
        return places | (places & self._wild) << 1

    def _state(self, places: int) -> _State:
        state = self._states.get(places)
        if state is None:
            state = self._states[places] = _State(places, is_found=bool(places & self._found))
        return state

    def _forget(self) -> None:
        self._states: dict[int, _State] = {}
        self._kept = 0
        self._begin = self._state(self._first)


def has_level_wildcard(pattern: str) -> bool:
    """Whether "%" is in it: LSUB then tells of levels above what is subscribed (RFC 3501 6.3.9)."""
    return "%" in pattern


def _signs(pattern: str) -> Iterable[str]:
    """Its characters; of wildcards beside each other the one that says the same as all of them."""
    before = ""
    for sign in pattern:
        if sign not in "*%":
            if before:
                yield before
                before = ""
            yield sign
        elif before != "*":
            before = sign
    if before:
        yield before


def _spelled(name: str) -> Sequence[str]:
    """The characters of a name; both cases where either will do."""
    head = name[: len(_INBOX)]
    if head.lower() != _INBOX or name[len(head) : len(head) + 1] not in ("", DELIMITER):
        return name
    return [each + each.upper() for each in _INBOX] + list(name[len(head) :])
