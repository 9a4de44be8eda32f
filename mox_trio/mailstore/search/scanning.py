"""Looking through the text of one message as its octets come: what of it is text, decoded, and what it holds.

Text is: parts of type text, parts of type message that are not taken apart, multiparts without parts, and the headers
of messages within the message. Headers of other parts are kept apart, because they belong to TEXT but not to BODY
(RFC 9051 6.4.4). Attachments are not read at all. Nothing here waits or fails; what is kept of a text is as long as the longest
needle, and of a header its first MiB.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from mox_trio.base import limits
from mox_trio.mailstore.search.judging import Found
from mox_trio.mailstore.search.text import Fields, Matcher, fold, needle
from mox_trio.protocol.mime import charsets, transfer
from mox_trio.protocol.mime.part import Part, walk

_NEAR: Final = 64 * 1024
"""Octets between two spans that are read and thrown away rather than opening the body once more."""


@dataclass(frozen=True, slots=True)
class Span:
    """Octets of a message, from `start` up to `stop`, that hold text."""

    start: int
    stop: int
    part: Part | None
    """The part whose body it is; None for a header."""
    only_text: bool = False
    """Whether it belongs to TEXT, but not to BODY."""


def spans(root: Part, *, with_part_headers: bool) -> list[Span]:
    """What of a message is text, in order; its own header is not among it."""
    found: list[Span] = []
    embedded = {id(part.children[0]) for part in walk(root) if part.is_message and part.children}
    for part in walk(root):
        if part is not root and (id(part) in embedded or with_part_headers):
            found.append(Span(part.header_start, part.body_start, None, id(part) not in embedded))
        if not part.children and part.type in ("text", "message", "multipart"):
            found.append(Span(part.body_start, part.body_stop, part))
    return [span for span in found if span.stop > span.start]


def runs(all_spans: list[Span]) -> list[list[Span]]:
    """The spans in groups that are worth reading in one go."""
    groups: list[list[Span]] = []
    for span in all_spans:
        if groups and span.start - groups[-1][-1].stop <= _NEAR:
            groups[-1].append(span)
        else:
            groups.append([span])
    return groups


def look(mail: bytes, all_spans: Iterable[Span], wanted: Collection[str], found: Found) -> None:
    """Look through all spans of a message that is here as a whole; `found` is where what was found goes."""
    for span in all_spans:
        octets = mail[span.start : span.stop]
        if span.part is None:
            fields = Fields(octets[: limits.MIME_HEADER_BYTES])
            seen = {each for each in wanted if fields.hold(needle(each))}
        else:
            decoder = transfer.decoder(span.part.encoding)
            text = fold(charsets.decode(decoder.feed(octets) + decoder.close(), _charset(span.part)))
            seen = {each for each in wanted if each in text}
        (found.in_parts if span.only_text else found.in_body).update(seen)


def _charset(part: Part) -> bytes:
    return dict(part.parameters).get("charset", "").encode("utf-8", "replace")


class _Reader(Protocol):
    def feed(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Scan:
    """Feeds the octets of a run, from `start` up to `stop`, to its spans. `found` is where what was found goes."""

    def __init__(self, run: list[Span], wanted: Collection[str], found: Found) -> None:
        self._waiting = list(reversed(run))
        self._wanted = wanted
        self._found = found
        self.start = self._at = run[0].start
        self.stop = run[-1].stop
        self._reader: _Reader | None = None

    def feed(self, block: bytes) -> None:
        """The next octets of the run."""
        start, self._at = self._at, self._at + len(block)
        while self._waiting and self._waiting[-1].start < self._at:
            span = self._waiting[-1]
            if self._reader is None:
                self._reader = _reader(span, self._wanted, self._found)
            self._reader.feed(block[max(span.start - start, 0) : span.stop - start])
            if span.stop > self._at:
                return
            self._end()

    def close(self) -> None:
        """The run ends here."""
        if self._reader is not None:
            self._end()

    def _end(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None
        self._waiting.pop()


def _reader(span: Span, wanted: Collection[str], found: Found) -> _Reader:
    if span.part is not None:
        return _Body(span.part, wanted, found.in_body)
    return _Header(wanted, found.in_parts if span.only_text else found.in_body)


class _Body:
    """Decodes the text of a part."""

    def __init__(self, part: Part, wanted: Collection[str], found: set[str]) -> None:
        self._octets = transfer.decoder(part.encoding)
        self._characters = charsets.Decoder(_charset(part))
        self._matcher = Matcher(wanted)
        self._found = found

    def feed(self, data: bytes) -> None:
        self._matcher.feed(self._characters.feed(self._octets.feed(data)))
        self._found |= self._matcher.found

    def close(self) -> None:
        self._matcher.feed(self._characters.feed(self._octets.close()))
        self._matcher.feed(self._characters.finish())
        self._matcher.finish()
        self._found |= self._matcher.found


class _Header:
    """Collects the header of a part."""

    def __init__(self, wanted: Collection[str], found: set[str]) -> None:
        self._wanted = wanted
        self._found = found
        self._pieces: list[bytes] = []
        self._left = limits.MIME_HEADER_BYTES

    def feed(self, data: bytes) -> None:
        piece = data[: self._left]
        self._left -= len(piece)
        self._pieces.append(piece)

    def close(self) -> None:
        fields = Fields(b"".join(self._pieces))
        self._found |= {each for each in self._wanted if fields.hold(needle(each))}
