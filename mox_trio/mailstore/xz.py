"""xz files, read in bounded memory.

A file says itself how large a dictionary is needed to read it, up to 4 GiB, and a hundred kilobytes of it can fill all of that;
`lzma.open` gives it whatever it asks for. Here one that wants more than `XZ_MEMORY` is refused: LZMAError, as for broken ones.
"""

import io
import lzma
from typing import IO, Any, Final

from mox_trio.base import limits
from storage_backends.bodies.api import BLOCK

_PADDING: Final = b"\0"


def open(raw: IO[bytes]) -> io.BufferedReader:
    """What a file becomes; it is read from its beginning."""
    return io.BufferedReader(_Expanded(raw), BLOCK)


class _Expanded(io.RawIOBase):
    """Goes back by beginning again."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._begin()

    def _begin(self) -> None:
        self._raw.seek(0)
        self._position = 0
        self._decoder = _decoder()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        """EOFError where the file is cut off, LZMAError where it is broken or wants too much."""
        data = b""
        while not data:
            if self._decoder.eof and not self._next_stream():
                return 0
            more = b""
            if self._decoder.needs_input:
                more = self._raw.read(BLOCK)
                if not more:
                    raise EOFError("the compressed file is cut off")
            data = self._decoder.decompress(more, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _next_stream(self) -> bool:
        """Whether another one follows, perhaps behind padding: files may be joined."""
        rest = self._decoder.unused_data.lstrip(_PADDING)
        while not rest:
            more = self._raw.read(BLOCK)
            if not more:
                return False
            rest = more.lstrip(_PADDING)
        self._raw.seek(-len(rest), io.SEEK_CUR)
        self._decoder = _decoder()
        return True

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            position += self._position
        elif whence != io.SEEK_SET:
            raise io.UnsupportedOperation("the end is not known")
        if position < self._position:
            self._begin()
        while self._position < position:
            if not self.readinto(memoryview(bytearray(min(BLOCK, position - self._position)))):
                break
        return self._position


def _decoder() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.XZ_MEMORY)
