"""A message on its way out: every line ends with CRLF, no CR or LF stands alone, and DATA ends where it should and nowhere else.

    content = Content(dots=True)
    for block in blocks:
        send(content.feed(block))
    send(content.finish())

What a block gives is made of whole-block operations, so that its cost is that of copying it. Nothing fails.
"""


class Content:
    """Makes the bytes of one message fit for DATA (`dots`), or for BDAT without BINARYMIME."""

    def __init__(self, *, dots: bool) -> None:
        """With `dots`, lines that begin with a dot get another one, and `finish` gives the last line of DATA."""
        self._dots = dots
        self._held_cr = False
        """The last byte was a CR: whether it stands alone is not known yet."""
        self._at_line_start = True

    def feed(self, block: bytes) -> bytes:
        """What is sent for the next bytes."""
        if self._held_cr:
            block = b"\r" + block
        self._held_cr = block.endswith(b"\r")
        if self._held_cr:
            block = block[:-1]
        return self._sent(block) if block else b""

    def finish(self) -> bytes:
        """What is sent at the end: the end of a line that has none, and with `dots` the line that ends DATA."""
        rest = self._sent(b"\r") if self._held_cr else b""
        self._held_cr = False
        if not self._at_line_start:
            rest += b"\r\n"
            self._at_line_start = True
        return rest + b".\r\n" if self._dots else rest  # RFC 5321 4.1.1.4

    def _sent(self, block: bytes) -> bytes:
        pairs = block.count(b"\r\n")
        if block.count(b"\n") != pairs or block.count(b"\r") != pairs:  # RFC 5321 2.3.8
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        if self._dots:
            stuffed = block.replace(b"\n.", b"\n..")  # RFC 5321 4.5.2
            if self._at_line_start and stuffed.startswith(b"."):
                stuffed = b"." + stuffed
        else:
            stuffed = block
        self._at_line_start = block.endswith(b"\n")
        return stuffed
