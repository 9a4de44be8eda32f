"""Blocks of bytes cut at line ends, and line ends changed between CRLF (in the store) and LF (in mbox files and
maildirs), without ever holding more than a block and a line.

Pure and linear: whatever comes in comes out, and how it was cut into blocks never shows in what comes out. A file that
has LF and a mail in which every LF follows a CR turn into each other without loss, also where a CR stands alone or
twice: `to_lf` leaves a doubled CR as it is and `to_crlf` an LF that follows one. A bare LF in a mail becomes CRLF.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

LONGEST_LINE: Final = 64 * 1024
"""Bytes of a line after which it is handed out in pieces."""

_UNDECIDED: Final = re.compile(rb">*F?r?o?m?")
"""The beginning of a line that may become a quoted "From " of an mbox file."""
_FROM_QUOTED: Final = 6


class Chunk(NamedTuple):
    """Whole lines, or a piece of a line that is very long."""

    data: bytes
    starts_line: bool
    """Whether the first byte is the first of a line. So is, by courtesy, one within the ">" that begin a very long
    line: what is asked about a run of them can be asked about its rest.
    """


def chunks(blocks: Iterable[bytes]) -> Iterator[Chunk]:
    """The same bytes, cut behind line ends. A CR is never parted from what may follow it."""
    carry, starts = b"", True
    for block in blocks:
        data = carry + block if carry else block
        cut = data.rfind(b"\n") + 1
        if cut:
            yield Chunk(data[:cut], starts)
            carry, starts = data[cut:], True
        else:
            carry = data
        if len(carry) > LONGEST_LINE:
            held, starting = _held(carry, starts)
            whole = len(carry) - held
            yield Chunk(carry[:whole], starts)
            carry, starts = carry[whole:], starting
    if carry:
        yield Chunk(carry, starts)


def _held(piece: bytes, starts: bool) -> tuple[int, bool]:
    """How many bytes at the end of a piece cannot be judged yet, and whether what follows counts as a line's start."""
    if starts and _UNDECIDED.fullmatch(piece):
        return _FROM_QUOTED, True
    return min(len(piece) - len(piece.rstrip(b"\r")), 2), False


def to_crlf(data: bytes) -> bytes:
    """A chunk with CRLF for each LF that follows no CR."""
    if b"\r" not in data:
        return data.replace(b"\n", b"\r\n")
    if data.count(b"\r\n") == data.count(b"\n"):
        return data
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def to_lf(data: bytes) -> bytes:
    """A chunk with LF for CRLF, but where another CR stands before it."""
    if b"\r\r\n" not in data:
        return data.replace(b"\r\n", b"\n")
    return re.sub(rb"(?<!\r)\r\n", b"\n", data)


def crlf(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of a file as blocks of a mail."""
    return (to_crlf(chunk.data) for chunk in chunks(blocks))


def lf(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of a mail as blocks of a file."""
    return (to_lf(chunk.data) for chunk in chunks(blocks))
