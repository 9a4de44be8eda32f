"""Content-Transfer-Encoding (RFC 2045 6): decoders and encoders that take a body in pieces, and sizes without decoding.

However a body is cut into pieces, what comes out of a decoder joins to the same bytes. Decoders never fail: base64
ends at the first `=` and skips what is not of its alphabet; in quoted-printable, white space before a line end and
soft line breaks go first, then a `=` that introduces no octet stands for itself. An encoding nobody knows is passed
through as it is. What is held back between two pieces is at most a kilobyte when decoding and a line of 64 KiB when
encoding.
"""

import binascii
import re
from collections.abc import Callable
from typing import Final, Protocol

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_ALPHABET: Final = bytes(octet for octet in range(256) if octet not in _ALPHABET)
_BASE64_LINE: Final = 57
"""Octets that make a line of 76 characters (RFC 2045 6.8)."""
_LONGEST_PADDING: Final = 998
"""White space before a line end that is taken for padding of the transport; a longer run cannot be (RFC 5322 2.1.1)."""
_LONGEST_LINE: Final = 64 * 1024
"""Octets without a line end after which the encoder makes a soft line break of its own."""

_PADDING: Final = re.compile(rb"(?<![ \t])[ \t]{1,998}(?=\r?\n)")
_SOFT_BREAK: Final = re.compile(rb"=\r?\n")
_NO_OCTET: Final = re.compile(rb"=(?![0-9A-Fa-f]{2}|[0-9A-Fa-f]?\Z)")
_UNDECIDED_OCTET: Final = re.compile(rb"=[0-9A-Fa-f]?\Z")


class Coder(Protocol):
    """One body through a decoder or an encoder."""

    def feed(self, data: bytes) -> bytes:
        """What is certain after `data`, the next piece of the body."""
        ...

    def close(self) -> bytes:
        """What was held back. Nothing may follow."""
        ...


class Size(Protocol):
    """Counts the decoded octets of one body."""

    def feed(self, data: bytes) -> None: ...

    def close(self) -> int: ...


def decoder(encoding: str) -> Coder:
    """A decoder for the Content-Transfer-Encoding `encoding` in lower case; of one unknown, the bytes themselves."""
    return _DECODERS.get(encoding, Identity)()


def encoder(encoding: str) -> Coder:
    """An encoder to `encoding` in lower case. Text for quoted-printable has CRLF line ends, which stay line ends."""
    return _ENCODERS.get(encoding, Identity)()


def size_counter(encoding: str) -> Size | None:
    """What counts the octets `decoder(encoding)` would give; None where that is the number that goes in."""
    if encoding == "base64":
        return Base64Size()
    return DecodedSize(QuotedPrintableDecoder()) if encoding == "quoted-printable" else None


class Identity:
    """7bit, 8bit, binary, and any encoding that nobody knows."""

    def feed(self, data: bytes) -> bytes:
        return data

    def close(self) -> bytes:
        return b""


class Base64Decoder:
    def __init__(self) -> None:
        self._quantum = b""
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        if self._ended:
            return b""
        padding = data.find(b"=")  # RFC 2045 6.8: a pad can only be at the end of the data
        if padding >= 0:
            self._ended = True
            data = data[:padding]
        data = self._quantum + data.translate(None, _NOT_ALPHABET)
        whole = len(data) & ~3
        self._quantum = data[whole:]
        return binascii.a2b_base64(data[:whole])

    def close(self) -> bytes:
        quantum, self._quantum = self._quantum, b""
        return binascii.a2b_base64(quantum + b"=" * (4 - len(quantum))) if len(quantum) > 1 else b""


class Base64Size:
    """Counts what `Base64Decoder` gives, at a third of its cost."""

    def __init__(self) -> None:
        self._characters = 0
        self._ended = False

    def feed(self, data: bytes) -> None:
        if self._ended:
            return
        padding = data.find(b"=")
        if padding >= 0:
            self._ended = True
            data = data[:padding]
        self._characters += len(data) - len(data.translate(None, _ALPHABET))

    def close(self) -> int:
        return self._characters * 3 // 4


class DecodedSize:
    """Counts what a decoder gives."""

    def __init__(self, coder: Coder) -> None:
        self._coder = coder
        self._size = 0

    def feed(self, data: bytes) -> None:
        self._size += len(self._coder.feed(data))

    def close(self) -> int:
        return self._size + len(self._coder.close())


class QuotedPrintableDecoder:
    """Two steps, each with what it cannot decide yet: lines (padding, soft line breaks), then octets."""

    def __init__(self) -> None:
        self._line = b""
        self._octet = b""
        self._in_run = False

    def feed(self, data: bytes) -> bytes:
        return self._octets(self._lines(data))

    def close(self) -> bytes:
        line, self._line = self._line, b""
        decoded = self._octets(line)
        octet, self._octet = self._octet, b""
        return decoded + octet

    def _lines(self, data: bytes) -> bytes:
        run = b""
        if self._in_run:
            rest = data.lstrip(b" \t")
            run, data = data[: len(data) - len(rest)], rest
            if not rest:
                return run
            self._in_run = False
        data = self._hold(self._line + data)
        if b" \r\n" in data or b" \n" in data or b"\t\r\n" in data or b"\t\n" in data:
            data = _PADDING.sub(b"", data)
        if b"=" in data:
            data = _SOFT_BREAK.sub(b"", data) if b"=\n" in data else data.replace(b"=\r\n", b"")
        return run + data

    def _hold(self, data: bytes) -> bytes:
        """`data` without an end that may turn out to be padding or a soft line break, which is kept for later."""
        certain = data.removesuffix(b"\r")
        text = certain.rstrip(b" \t")
        if len(certain) - len(text) > _LONGEST_PADDING:
            self._line = b""
            self._in_run = len(certain) == len(data)
            return data
        text = text.removesuffix(b"\r").removesuffix(b"=")  # = CR SP LF is = CR LF without its padding
        self._line = data[len(text) :]
        return text

    def _octets(self, data: bytes) -> bytes:
        data = self._octet + data
        if b"=" not in data:
            return data
        if b"==" in data or b"=\r" in data or b"=\n" in data:  # not what binascii takes them for
            data = _NO_OCTET.sub(b"=3D", data)
        undecided = _UNDECIDED_OCTET.search(data, max(0, len(data) - 2)) if b"=" in data[-2:] else None
        self._octet = undecided.group() if undecided else b""
        return binascii.a2b_qp(data[: len(data) - len(self._octet)])


class Base64Encoder:
    """Lines of 76 characters that end in CRLF, the last one too."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        data = self._held + data
        whole = len(data) - len(data) % _BASE64_LINE
        self._held = data[whole:]
        return b"".join(
            binascii.b2a_base64(data[start : start + _BASE64_LINE], newline=False) + b"\r\n"
            for start in range(0, whole, _BASE64_LINE)
        )

    def close(self) -> bytes:
        held, self._held = self._held, b""
        return binascii.b2a_base64(held, newline=False) + b"\r\n" if held else b""


class QuotedPrintableEncoder:
    """CRLF stays a line end; every other octet that is not plain text is escaped; no line is longer than 76."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        *lines, self._held = (self._held + data).split(b"\r\n")
        encoded = b"".join([_quoted(line) + b"\r\n" for line in lines])
        if len(self._held) > _LONGEST_LINE:
            whole = len(self._held) - 1  # a CR at the end may be half a line end
            encoded += _quoted(self._held[:whole]) + b"=\r\n"
            self._held = self._held[whole:]
        return encoded

    def close(self) -> bytes:
        held, self._held = self._held, b""
        return _quoted(held)


def _quoted(line: bytes) -> bytes:
    """One line, soft line breaks in it where it is long."""
    return binascii.b2a_qp(line, istext=False).replace(b"=\n", b"=\r\n")


_DECODERS: Final[dict[str, Callable[[], Coder]]] = {
    "base64": Base64Decoder,
    "quoted-printable": QuotedPrintableDecoder,
}
_ENCODERS: Final[dict[str, Callable[[], Coder]]] = {
    "base64": Base64Encoder,
    "quoted-printable": QuotedPrintableEncoder,
}
