"""Hashes of a message's body as DKIM and ARC want them: canonicalised and hashed block by block, at the speed of C.

    hashes = BodyHashes({Canonical.RELAXED}, body_start=root.body_start)
    for block in spooled.blocks():
        hashes.update(block)
    digests = hashes.digests()

How the bytes were cut into blocks never shows. What is held between blocks is two bytes and a count, however long the white
space. Work is done in pieces of 128 KiB: each takes about a millisecond, so that a thread that computes here lets others have
the interpreter in between. Only SHA-256: RFC 8301 3.1 says that SHA-1 proves nothing.
"""

import enum
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Final

from mox_trio.base import hashing

PIECE: Final = 128 * 1024
_CRLFS: Final = b"\r\n" * 4096
_TAB_TO_SPACE: Final = bytes.maketrans(b"\t", b" ")


class Canonical(enum.Enum):
    """How bytes may change on the way without breaking a signature (RFC 6376 3.4)."""

    SIMPLE = "simple"
    RELAXED = "relaxed"


class BodyHashes:
    """The SHA-256 of a body in each form that is wanted."""

    def __init__(self, wanted: Collection[Canonical], body_start: int = 0, *, normalize: bool = False) -> None:
        """The first `body_start` bytes of what comes are left out: the header. `normalize` makes a bare CR or LF a CRLF,
        for messages that are sent so.
        """
        self._skip = body_start
        self._normalize = normalize
        self._held_cr = False
        self._bodies = {form: (_Simple if form is Canonical.SIMPLE else _Relaxed)() for form in wanted}

    def update(self, block: bytes) -> None:
        """Take the next bytes of the message."""
        if self._skip >= len(block):
            self._skip -= len(block)
            return
        start, self._skip = self._skip, 0
        if not self._bodies:
            return
        for at in range(start, len(block), PIECE):
            piece = block[at : at + PIECE] if start or len(block) > PIECE else block
            if self._normalize:
                piece = self._with_crlf(piece)
            for body in self._bodies.values():
                body.update(piece)

    def digests(self) -> Mapping[Canonical, bytes]:
        """The hashes; nothing can be added afterwards."""
        if self._held_cr:
            self._held_cr = False
            for body in self._bodies.values():
                body.update(b"\r\n")
        return {form: body.digest() for form, body in self._bodies.items()}

    def _with_crlf(self, piece: bytes) -> bytes:
        if self._held_cr:
            piece = b"\r" + piece
        self._held_cr = piece.endswith(b"\r")
        if self._held_cr:
            piece = piece[:-1]
        if piece.count(b"\r\n") == piece.count(b"\n") == piece.count(b"\r"):
            return piece
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


class _Simple:
    """RFC 6376 3.4.3: empty lines at the end do not count, and there is a line end."""

    def __init__(self) -> None:
        self._hash = sha256()
        self._carry = b""
        """A CR that may begin a line end."""
        self._blank = 0
        """CRLFs that were seen and are not hashed: they may be the last ones."""
        self._empty = True

    def update(self, piece: bytes) -> None:
        data = self._carry + piece if self._carry else piece
        self._carry = b"\r" if data.endswith(b"\r") else b""
        self._add(data[:-1] if self._carry else data)

    def digest(self) -> bytes:
        if self._carry:
            self._add(self._carry)
        self._hash.update(b"\r\n")
        return self._hash.digest()

    def _add(self, data: bytes) -> None:
        """Hash all but the CRLFs at the end."""
        stop = _trailing_crlfs(data)
        if stop:
            while self._blank:
                several = min(self._blank, len(_CRLFS) // 2)
                self._hash.update(_CRLFS[: 2 * several])
                self._blank -= several
            self._empty = False
            hashing.feed(self._hash, data[:stop] if stop < len(data) else data)
        self._blank += (len(data) - stop) // 2


class _Relaxed(_Simple):
    """RFC 6376 3.4.4: besides, white space within a line counts as one space, and none at the end of a line."""

    def update(self, piece: bytes) -> None:
        data = self._carry + piece if self._carry else piece
        kept = data[:-1] if data.endswith(b"\r") else data
        stop = len(kept.rstrip(b" \t"))
        # White space at the end may belong to what follows; of a run of it one space is as good as all.
        self._carry = (b" " if stop < len(kept) else b"") + (b"\r" if len(kept) < len(data) else b"")
        data = data[:stop].translate(_TAB_TO_SPACE)
        while b"  " in data:
            data = data.replace(b"  ", b" ")  # halves each run
        self._add(data.replace(b" \r\n", b"\r\n"))

    def digest(self) -> bytes:
        if self._carry.endswith(b"\r"):
            self._add(self._carry)
        if not self._empty:
            self._hash.update(b"\r\n")
        return self._hash.digest()


def _trailing_crlfs(data: bytes) -> int:
    """Where the CRLFs at the end of the data begin."""
    if not data.endswith(b"\r\n"):
        return len(data)
    stop = len(data.rstrip(b"\r\n"))
    tail = len(data) - stop
    if tail % 2 == 0 and data.count(b"\r\n", stop) * 2 == tail:
        return stop
    # Bare CRs and LFs are among them: what follows the last of these.
    last = max(data.rfind(b"\n\n", stop), data.rfind(b"\r\r", stop))
    if last >= 0:
        stop = last + 1
    return stop + 1 if data[stop : stop + 1] == b"\n" else stop
