"""Content as it comes by DATA and BDAT, made into what is kept: dots removed, every line end CRLF.

The end of DATA is CRLF.CRLF and nothing else. What others might take for an end (a dot alone on a line that a bare LF or
CR begins or ends) would let one message smuggle in another, so it is found and the message refused; reading goes on
to the real end. A bare CR is refused wherever it stands, NUL unless the content is BINARYMIME, and a bare LF elsewhere
becomes CRLF. After a fault nothing more is given out. A fault in `AMBIGUOUS` says that whoever passed the message on may
have seen its end elsewhere than we do (CR CRLF.CRLF is an end here, and to them perhaps none): what follows it is not to be
believed.

All work is done by searching and replacing in whole blocks; at most five bytes are held back between two.
"""

import enum
import re
from typing import Final

END: Final = b"\r\n.\r\n"
_TAIL: Final = re.compile(rb"(?:\r?\n(?:\.\r?)?|\r)\Z")
"""What could be the beginning of an end, of a smuggled end, or of CRLF."""
_LONGEST_TAIL: Final = len(END) - 1


class Fault(enum.Enum):
    """Why content is refused; the value is a word for the log."""

    TOO_LARGE = "too-large"
    BARE_CR = "bare-cr"
    SMUGGLING = "smuggling"
    NUL = "nul"


AMBIGUOUS: Final = frozenset({Fault.BARE_CR, Fault.SMUGGLING})


class DataReader:
    """What follows 354 (RFC 5321 4.1.1.4, 4.5.2)."""

    __slots__ = ("_held", "_limit", "_skip", "fault", "octets")

    def __init__(self, limit: int) -> None:
        """`limit`: octets of content as it is kept."""
        self._limit = limit
        # The line of DATA itself ended with CRLF: a dot that follows at once ends an empty message.
        self._held = b"\r\n"
        self._skip = 2
        self.fault: Fault | None = None
        self.octets = 0
        """Of the content so far."""

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """The content in these bytes, and at its end what follows it; None before."""
        work = self._held + data
        has_dots = END[:3] in work
        end = work.find(END) if has_dots else -1
        if end >= 0:
            self._held = b""
            return self._content(work[: end + 2], work[: end + 2], has_dots), work[end + len(END) :]
        tail = _TAIL.search(work, max(0, len(work) - _LONGEST_TAIL))
        stop = tail.start() if tail else len(work)
        self._held = work[stop:]
        return self._content(work[:stop], work, has_dots), None

    def _content(self, piece: bytes, seen: bytes, has_dots: bool) -> bytes:
        """`piece` as it is kept; what is held back of `seen` shows smuggling already. `has_dots`: CRLF and a dot is in `seen`."""
        if self.fault in AMBIGUOUS:
            return b""
        found, has_bare_lf = _examined(piece)
        # Each pass over a block counts: without dots behind CRLF only a bare line end can make one of these.
        if (has_dots or has_bare_lf or found is Fault.BARE_CR) and (b"\n.\n" in seen or b"\n.\r\n" in seen):
            self.fault = Fault.SMUGGLING  # CRLF.CRLF is not in it: that would be the end
            return b""
        if not piece:
            return b""
        if self.fault is not None:
            self.fault = found if found is Fault.BARE_CR else self.fault
            return b""
        self.fault = found
        # RFC 5321 4.5.2: the dot is removed that begins a line; what a bare LF begins is no line on the wire.
        content = piece.replace(b"\r\n.", b"\r\n") if has_dots else piece
        content = _as_kept(content) if has_bare_lf else content
        if self._skip:
            content, self._skip = content[self._skip :], 0
        self.octets += len(content)
        if self.fault is None and self.octets > self._limit:
            self.fault = Fault.TOO_LARGE
        return b"" if self.fault is not None else content


class ChunkReader:
    """The octets of the BDAT commands of one message (RFC 3030), whose lengths the commands say."""

    __slots__ = ("_binary", "_held", "_limit", "fault", "octets")

    def __init__(self, limit: int, *, binary: bool) -> None:
        """`limit`: octets of content as it is kept; `binary` for BODY=BINARYMIME, which is kept as it is."""
        self._limit = limit
        self._binary = binary
        self._held = b""
        self.fault: Fault | None = None
        self.octets = 0
        """Of the content so far."""

    def feed(self, data: bytes) -> bytes:
        """The content in these octets of a chunk."""
        if self.fault is not None:
            return b""
        if not self._binary:
            data = self._held + data
            self._held = b"\r" if data.endswith(b"\r") else b""
            data = data[: len(data) - len(self._held)]
            self.fault, has_bare_lf = _examined(data)
            data = _as_kept(data) if has_bare_lf else data
        self.octets += len(data)
        if self.fault is None and self.octets > self._limit:
            self.fault = Fault.TOO_LARGE
        return b"" if self.fault is not None else data

    def finish(self) -> None:
        """The last chunk is whole: what is held back is seen to be a fault."""
        if self._held and self.fault is None:
            self.fault = Fault.BARE_CR


def _examined(piece: bytes) -> tuple[Fault | None, bool]:
    """What is wrong with bytes that do not end between CR and LF, and whether there is a bare LF."""
    ends = piece.count(b"\r\n")
    has_bare_lf = piece.count(b"\n") != ends
    if piece.count(b"\r") != ends:
        return Fault.BARE_CR, has_bare_lf
    return (Fault.NUL if b"\0" in piece else None), has_bare_lf


def _as_kept(piece: bytes) -> bytes:
    return piece.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
