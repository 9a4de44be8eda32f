"""Lines of commands, found in bytes as they come.

A line ends with CRLF and nothing else (RFC 5321 2.3.8). A bare LF or CR is an error that ends the session: a peer that
sees lines where we see none may be led to smuggle commands.
"""


class LineError(Exception):
    """These bytes are not lines of a client; `reason` is a word for the log."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Lines:
    """Takes bytes and gives lines, or raw bytes where the grammar says that there are no lines."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        self._buffer += data

    def maybe_line(self, most: int) -> bytes | None:
        """The next line without its CRLF, of at most `most` octets with it; None while it is not whole. LineError."""
        buffer = self._buffer
        end = buffer.find(b"\n", 0, most)
        if end < 0:
            if len(buffer) >= most:
                raise LineError("line-too-long", "line too long")
            return None
        line = bytes(buffer[:end])
        if not line.endswith(b"\r"):
            raise LineError("bare-lf", "a line ends with CR LF")
        if line.find(b"\r") != end - 1:
            raise LineError("bare-cr", "a line ends with CR LF")
        del buffer[: end + 1]
        return line[:-1]

    def starts_with(self, verb: bytes) -> bool:
        """Whether the next line begins so, without regard to case; False while too little is there."""
        return self._buffer[: len(verb)].upper() == verb

    def take(self, most: int | None = None) -> bytes:
        """Up to `most` bytes that are there, whatever they are."""
        if most is None or most >= len(self._buffer):
            taken = bytes(self._buffer)
            self._buffer.clear()
        else:
            taken = bytes(self._buffer[:most])
            del self._buffer[:most]
        return taken
