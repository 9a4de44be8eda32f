"""Where a server connection is within the content of a message: after 354, or in the octets of a BDAT."""

from mox_trio.protocol.smtp.data import ChunkReader, DataReader, Fault
from mox_trio.protocol.smtp.lines import Lines
from mox_trio.protocol.smtp.reply import Reply
from mox_trio.protocol.smtp.server_commands import ChunkOrder
from mox_trio.protocol.smtp.server_events import NEED_DATA, Block, NeedData


class Content:
    """Takes raw bytes from `lines` and gives content."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._reader: DataReader | ChunkReader | None = None
        self._is_whole = False
        """After 354: the end was seen."""
        self._left = -1
        """Octets of the present chunk that are still to come; -1 outside a chunk."""
        self.order = ChunkOrder(0, False)
        """The chunk that is being read, or was read last."""
        self._unwanted: Reply | None = None

    @property
    def in_chunk(self) -> bool:
        """Whether the next bytes belong to a BDAT."""
        return self._left >= 0

    @property
    def fault(self) -> Fault | None:
        """What is wrong with the content so far."""
        return self._reader.fault if self._reader else None

    @property
    def octets(self) -> int:
        """Of the content so far."""
        return self._reader.octets if self._reader else 0

    def forget(self) -> None:
        """The transaction is over; a chunk that is being read is still read to its end."""
        self._reader = None
        self._is_whole = False

    def begin_data(self, limit: int) -> None:
        """354 was said."""
        self._reader = DataReader(limit)

    def begin_chunks(self, limit: int, *, binary: bool) -> None:
        """The first BDAT of a message."""
        self._reader = ChunkReader(limit, binary=binary)

    def begin_chunk(self, order: ChunkOrder, unwanted: Reply | None) -> None:
        """The octets of a BDAT follow; `unwanted` is the reply to one that nobody wants."""
        self.order, self._unwanted = order, unwanted
        self._left = order.octets

    def read_data(self) -> Block | NeedData | None:
        """The next content; None at the end."""
        if self._is_whole:
            return None
        if not len(self._lines) or not isinstance(self._reader, DataReader):
            return NEED_DATA
        content, rest = self._reader.feed(self._lines.take())
        if rest is not None:
            self._is_whole = True
            self._lines.feed(rest)
        if content:
            return Block(content)
        return NEED_DATA if rest is None else None

    def read_chunk(self) -> Block | NeedData | Reply | None:
        """The next content; at the end of the chunk None, or the reply to one that nobody wants."""
        data = self._lines.take(self._left) if self._left else b""
        self._left -= len(data)
        if isinstance(self._reader, ChunkReader) and self._unwanted is None and data:
            content = self._reader.feed(data)
            if content:
                return Block(content)  # and the end of the chunk, if this is it, comes next
        if self._left:
            return NEED_DATA
        self._left = -1
        if isinstance(self._reader, ChunkReader) and self.order.is_last:
            self._reader.finish()
        return self._unwanted
