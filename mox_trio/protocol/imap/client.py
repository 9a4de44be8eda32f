"""The client's side of IMAP (RFC 3501, RFC 9051): commands in, bytes out; a server's bytes in, events out.

`send` takes a command as parts (`client_commands`) and gives its tag; commands may be sent before earlier ones are answered,
and each waits where it has to for the server's "+". `next_event` gives what the server said as values
(`client_responses`). Strings of FETCH above `stream_above` octets are not kept: `LiteralBegins`, `Octets` and `LiteralEnds`
come before the response that they belong to. A message that is appended is announced (`Announced`); when `SendOctets`
comes, its octets are given to `send_octets`, in as many pieces as one likes.

"+" that no literal waits for is `Continuation`: the answer to IDLE, which `done` ends, or a challenge, which `respond` answers.

What a server may send is limited in lines, literals, and depth; beyond, and where it does not speak IMAP, comes `Ended`,
which stays. Nothing that a server sends raises. Misuse raises RuntimeError or ValueError.
"""

import binascii
import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from mox_trio.base import limits
from mox_trio.protocol.imap import client_commands, client_parsing, framing
from mox_trio.protocol.imap.client_commands import LITERAL_MINUS, LITERAL_PLUS, Announced, Manner, Part, Step, Wait
from mox_trio.protocol.imap.client_responses import LiteralBegins, LiteralEnds, Octets, SendOctets, ServerEvent
from mox_trio.protocol.imap.client_values import BadResponse, Streamed
from mox_trio.protocol.imap.events import NEED_DATA, Ended
from mox_trio.protocol.imap.framing import Announcement, Incoming, LineError
from mox_trio.protocol.imap.responses import Capabilities, Continuation, Status

_FETCH: Final = re.compile(rb"\* ([0-9]{1,10}) (?:UID)?FETCH ", re.IGNORECASE).match
_LABEL: Final = re.compile(rb"[ (]([A-Za-z0-9.]+(?:\[[^\]\r\n]*\])?(?:<[0-9]+>)?) ~?\{[0-9]+\+?\}\r\n\Z").search
_LONGEST_LABEL: Final = 8192


class ClientConnection:
    """One session."""

    def __init__(self, *, stream_above: int = limits.IMAP_RESPONSE_LITERAL_OCTETS) -> None:
        self.utf8 = False
        """UTF8=ACCEPT or IMAP4rev2 is enabled; set by the driver."""
        self.capabilities: frozenset[str] = frozenset()
        """In upper case, as the server said last."""
        self._stream_above = stream_above
        self._incoming = Incoming()
        self._output = bytearray()
        self._commands: deque[tuple[str, deque[Step]]] = deque()
        """Tags and what is still to be sent of each."""
        self._events: deque[ServerEvent] = deque()
        self._tags = 0
        self._sending = 0
        """Octets of a message that are still to be given."""
        self._is_eof = False
        self._ended: Ended | None = None
        # The response that is being read.
        self._response = _Response()
        self._left = 0
        """Octets of its present literal that are still to come."""
        self._read: Callable[[], ServerEvent | None] = self._line

    # What is said.

    def send(self, *parts: Part) -> str:
        """A command without its tag, which comes back."""
        self._tags += 1
        tag = f"a{self._tags}"
        steps = client_commands.steps((tag.encode("ascii") + b" ", *parts), self._manner())
        self._commands.append((tag, deque(steps)))
        self._advance()
        return tag

    def done(self) -> None:
        """End IDLE."""
        self._commands.append(("", deque((b"DONE\r\n",))))
        self._advance()

    def respond(self, data: bytes | None) -> None:
        """Answer a challenge; None gives up."""
        self._output += b"*\r\n" if data is None else binascii.b2a_base64(data)[:-1] + b"\r\n"

    def send_octets(self, data: bytes) -> None:
        """Some octets of the message that was announced."""
        if len(data) > self._sending:
            raise RuntimeError("more octets than were announced")
        self._output += data
        self._sending -= len(data)
        self._advance()

    def take_output(self) -> bytes:
        """What is to be sent, once."""
        output = bytes(self._output)
        self._output.clear()
        return output

    # What is heard.

    def receive(self, data: bytes) -> None:
        """What came from the server; b"" is the end."""
        if data:
            self._incoming.feed(data)
        else:
            self._is_eof = True

    def discard(self) -> bytes:
        """Forget what came and was not used, and give it: after STARTTLS nobody believes it, after COMPRESS it is compressed."""
        return self._incoming.take(len(self._incoming))

    def next_event(self) -> ServerEvent:
        """The next thing that happened."""
        while self._ended is None:
            if self._events:
                return self._events.popleft()
            try:
                event = self._read()
            except LineError as error:
                return self._end(error.reason)
            except BadResponse as error:
                return self._end(str(error))
            if event is NEED_DATA and self._is_eof:
                return self._end("eof")
            if event is not None:
                return event
        return self._ended

    def _manner(self) -> Manner:
        names = self.capabilities
        unasked = LITERAL_PLUS if "LITERAL+" in names else LITERAL_MINUS if names & {"LITERAL-", "IMAP4REV2"} else 0
        return Manner(self.utf8, unasked)

    def _advance(self) -> None:
        """Say everything up to where the server has to be waited for."""
        while self._commands and not self._sending:
            steps = self._commands[0][1]
            if not steps:
                self._commands.popleft()
            elif isinstance(steps[0], Wait):
                return
            else:
                step = steps.popleft()
                if isinstance(step, Announced):
                    self._sending = step.octets
                    self._events.append(SendOctets(step.octets))
                elif isinstance(step, bytes):
                    self._output += step

    def _line(self) -> ServerEvent | None:
        line = self._incoming.maybe_line(limits.IMAP_RESPONSE_LINE_OCTETS)
        if line is None:
            return NEED_DATA
        if self._response.is_empty:
            if line.startswith(b"+"):
                return self._go_on(line)
            said = client_parsing.status(line)
            if said is not None:
                return self._status(said)
        announced = framing.announcement(line)
        text = self._response
        text.add_line(line, announced)
        if announced is not None:
            return self._literal(announced.octets)
        self._response = _Response()
        event = client_parsing.response(text.joined(), text.literals)
        if isinstance(event, Capabilities):
            self._learn(event.names)
        return event

    def _literal(self, octets: int) -> ServerEvent | None:
        """A string follows."""
        text = self._response
        self._left = octets
        begin = text.beginning
        fetch = _FETCH(begin) if octets > self._stream_above else None
        if fetch is not None:
            text.add_streamed(octets)
            self._read = self._streamed
            label = _LABEL(text.end)
            return LiteralBegins(int(fetch[1]), label[1].decode("ascii", "replace").upper() if label else "", octets)
        if text.size + octets > limits.IMAP_RESPONSE_OCTETS:
            raise BadResponse("a response is too large")
        self._read = self._kept
        return None

    def _kept(self) -> ServerEvent | None:
        if self._left:
            octets = self._incoming.take(self._left)
            self._response.add_octets(octets)
            self._left -= len(octets)
            if self._left:
                return NEED_DATA
        self._response.end_literal()
        self._read = self._line
        return None

    def _streamed(self) -> ServerEvent | None:
        if self._left:
            octets = self._incoming.take(self._left)
            self._left -= len(octets)
            return Octets(octets) if octets else NEED_DATA
        self._read = self._line
        return LiteralEnds()

    def _go_on(self, line: bytes) -> ServerEvent | None:
        steps = self._commands[0][1] if self._commands else None
        if steps and isinstance(steps[0], Wait):
            steps.popleft()
            self._advance()
            return None
        return Continuation(line[1:].strip(b" ").decode("utf-8", "replace"))

    def _status(self, said: Status) -> Status:
        if said.code.upper().startswith(b"CAPABILITY "):
            self._learn(said.code.decode("ascii", "replace").split(" ")[1:])
        if said.tag and self._commands and self._commands[0][0] == said.tag and not self._sending:
            self._commands.popleft()  # RFC 9051 2.2.1: a literal was refused, and the rest of the command is not sent
            self._advance()
        return said

    def _learn(self, names: Iterable[str]) -> None:
        self.capabilities = frozenset(name.upper() for name in names)

    def _end(self, reason: str) -> Ended:
        self._ended = self._ended or Ended(reason)
        return self._ended


class _Response:
    """Lines and literals of one response."""

    __slots__ = ("_chunks", "_lines", "_octets", "_place", "literals", "size")

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._octets = 0
        self._place = -1
        """Where the present literal is announced."""
        self._chunks: list[bytes] = []
        self.literals: dict[int, bytes | Streamed] = {}
        self.size = 0
        """Octets of lines and literals that are kept."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was read."""
        return not self._lines

    @property
    def beginning(self) -> bytes:
        """The first line."""
        return self._lines[0]

    @property
    def end(self) -> bytes:
        """What stands in front of the present literal."""
        return self._lines[-1][-_LONGEST_LABEL:]

    def add_line(self, line: bytes, announced: Announcement | None) -> None:
        """The next line."""
        if announced is not None:
            self._place = self._octets + announced.at
            line += b"\r\n"
        self._lines.append(line)
        self._octets += len(line)
        self.size += len(line)
        if self.size > limits.IMAP_RESPONSE_OCTETS:
            raise BadResponse("a response is too large")

    def add_octets(self, octets: bytes) -> None:
        """Some of the literal."""
        self._chunks.append(octets)
        self.size += len(octets)

    def end_literal(self) -> None:
        """That was all of it."""
        self.literals[self._place] = b"".join(self._chunks)
        self._chunks = []

    def add_streamed(self, octets: int) -> None:
        """A literal that is not kept."""
        self.literals[self._place] = Streamed(octets)

    def joined(self) -> bytes:
        """The text."""
        return b"".join(self._lines)
