"""Every case of a parser three ways: whole, one byte at a time, and with the next message behind it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Parser(Protocol[T_co]):
    """What is fed bytes and gives what it found in them."""

    def __call__(self, pieces: Iterable[bytes]) -> Sequence[T_co]:
        """All that a fresh parser finds in these pieces."""


WAYS: Final = ("whole", "byte by byte", "with the next behind")


def check(parse: Parser[T], message: bytes, expected: Sequence[T], following: tuple[bytes, Sequence[T]]) -> None:
    """`message` gives `expected` whichever way it comes; `following` is another message and what it gives."""
    behind, more = following
    assert list(parse([message])) == list(expected), WAYS[0]
    assert list(parse(bytes((octet,)) for octet in message)) == list(expected), WAYS[1]
    assert list(parse([message + behind])) == [*expected, *more], WAYS[2]


def nothing_before_the_last_byte(parse: Parser[T], message: bytes, is_quiet: Callable[[Sequence[T]], bool]) -> None:
    """Every beginning of `message` gives what `is_quiet` calls nothing."""
    for length in range(len(message)):
        assert is_quiet(parse([message[:length]])), message[:length]
