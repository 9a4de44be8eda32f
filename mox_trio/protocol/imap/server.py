"""The server's side of IMAP (RFC 3501, RFC 9051): a client's bytes in, events out.

The driver gives bytes to `receive`, asks `next_event` until it is NEED_DATA, and sends `take_output`, which holds what the
protocol says by itself: "+" for literals of commands, BAD and NO for commands that cannot be done as they are. Everything
else the driver says. Commands are parsed one at a time, in the state that the answers to those before have led to.

Messages of APPEND and REPLACE come as events (`commands.append`): their octets are blocks as large as they were received.
After `Message` or `TextPart` with `must_ask` the driver says `go_on` or `refuse_literal`; the latter ends any append at any
time, and the rest of its command is read and thrown away.

Refused here: unknown and misplaced commands, bad syntax, literals and lists beyond `Bounds`, sequence numbers with UIDONLY.
Where such a command goes on with a literal that the client did not wait for, its octets are thrown away. Ended, after a
BYE: lines that are too long or do not end with CRLF, a first command that is none, too many bad ones in a row, bytes behind
STARTTLS, anything but DONE during IDLE, unwanted octets beyond what is worth reading. `Ended` stays.

Misuse by the driver raises RuntimeError; nothing that a client sends raises.
"""

import binascii
import re
from dataclasses import replace
from typing import Final

from mox_trio.protocol.imap import bounds as bounds_
from mox_trio.protocol.imap import encoding, framing, table
from mox_trio.protocol.imap.bounds import Bounds
from mox_trio.protocol.imap.commands import append, general, login
from mox_trio.protocol.imap.commands.append import AppendEnd, Message, Messages, TextPart
from mox_trio.protocol.imap.encoding import Wire
from mox_trio.protocol.imap.events import NEED_DATA, Block, Body, Command, Done, Ended, Event, Response, State, Wrong
from mox_trio.protocol.imap.framing import Announcement, CommandText, Incoming, LineError
from mox_trio.protocol.imap.lexer import Lexer, Malformed, NeedLiteral
from mox_trio.protocol.imap.responses import Status
from mox_trio.protocol.imap.server_modes import Mode

_HEAD: Final = re.compile(rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,200}) +((?:[Uu][Ii][Dd] +)?[A-Za-z]+)").match
"""RFC 9051 9: a tag is of ASTRING-CHAR without "+"."""
_GO_ON: Final = b"+ go on\r\n"
_IDLE_OCTETS: Final = 64
_NOTHING: Final = Lexer(b"")
_TOO_BIG: Final = Malformed("the literal is too large", code=b"TOOBIG")
_TOO_LONG: Final = Malformed("the command is too long", code=b"TOOBIG")


class ServerConnection:
    """One session."""

    def __init__(self, bounds: Bounds = bounds_.DEFAULT) -> None:
        self.bounds = bounds
        self.state = State.NOT_AUTHENTICATED
        self.utf8 = False
        """UTF8=ACCEPT or IMAP4rev2 is enabled; set by the driver, as the next ones."""
        self.rev2 = False
        self.uid_only = False
        self.is_tls = False
        self._incoming = Incoming()
        self._output = bytearray()
        self._mode = Mode.COMMAND
        self._is_eof = False
        self._ended: Ended | None = None
        self._bad = 0
        """Commands in a row that were refused."""
        self._begun = False
        """Whether a command was known."""
        self._reader = Lexer(b"", bounds=bounds)
        """Of commands of one line, which are nearly all."""
        # The command that is being read.
        self._tag = ""
        self._name = ""
        self._row = table.COMMANDS["NOOP"]
        self._text = CommandText()
        self._lexer = _NOTHING
        self._announced: Announcement | None = None
        """Behind the line that is being taken apart."""
        self._literal: list[bytes] = []
        self._left = 0
        """Octets of the present literal that are still to come."""
        self._skipped = 0
        self._messages: Messages | None = None
        """What stands behind APPEND's mailbox, once that is known."""
        self._must_ask = False
        """A client waits for `go_on`."""

    @property
    def wire(self) -> Wire:
        """How the client is spoken to."""
        return Wire(self.utf8, self.rev2)

    @property
    def has_more(self) -> bool:
        """Whether another command may be there already: replies may wait for it."""
        return self._incoming.has_line()

    def set_state(self, state: State) -> None:
        """Which commands are allowed from now on."""
        self.state = state

    def receive(self, data: bytes) -> None:
        """What came from the client; b"" is the end."""
        if data:
            self._incoming.feed(data)
        else:
            self._is_eof = True

    def take_output(self) -> bytes:
        """What is to be sent, once."""
        if not self._output:
            return b""
        output = bytes(self._output)
        self._output.clear()
        return output

    def next_event(self) -> Event:
        """The next thing that happened."""
        if self._must_ask:
            raise RuntimeError("the client waits for go_on or refuse_literal")
        try:
            while self._ended is None:
                # Commands are by far the most; looking up a mode costs a hash.
                event = self._command() if self._mode is Mode.COMMAND else _STEPS[self._mode](self)
                if event is not None:
                    return self._end("eof") if event is NEED_DATA and self._is_eof else event
        except LineError as error:
            self._bye(str(error))
            return self._end(error.reason)
        return self._ended

    def challenge(self, data: bytes) -> None:
        """Ask the client that is logging in; its answer is `Response`."""
        self._output += b"+ %b\r\n" % binascii.b2a_base64(data, newline=False)
        self._mode = Mode.SASL

    def go_on(self) -> None:
        """Let the client send the octets that it announced. Does nothing where it does not wait."""
        if self._must_ask:
            self._must_ask = False
            self._output += _GO_ON

    def refuse_literal(self, status: Status) -> None:
        """End the append that is being read with this answer, whose tag is filled in."""
        if self._messages is None:
            raise RuntimeError("nothing is being appended")
        self._say(replace(status, tag=self._tag))
        waits, self._must_ask = self._must_ask, False
        self._forget()
        if waits:  # it sees the answer
            self._mode = Mode.COMMAND
        elif self._mode is Mode.MESSAGES:
            self._skip_announced(self._announced)
        else:
            self._skip(self._left)

    def discard(self) -> bytes:
        """Forget what came and was not used, and give it: after STARTTLS nobody believes it, after COMPRESS it is compressed."""
        return self._incoming.take(len(self._incoming))

    def _command(self) -> Event | None:
        line = self._incoming.maybe_line(self.bounds.line)
        if line is None:
            return NEED_DATA
        announced = framing.announcement(line) if line.endswith(b"}") else None
        head = _HEAD(line)
        if head is None:
            self._tag = self._name = ""
            return self._refuse(Malformed("a command is a tag and a name"), announced)
        self._tag = head[1].decode("ascii")
        found = table.maybe_named(head[2])
        if found is None:
            self._name = ""
            return self._refuse(Malformed("unknown command"), announced)
        self._name, row = found
        self._row, self._begun = row, True
        if self.state not in row.states or (row.by_number and self.uid_only):
            return self._refuse(table.misplaced(row, self.state), announced)
        if announced is None and not row.has_messages:
            lexer = self._reader
            lexer.text, lexer.at, lexer.utf8, lexer.uid_only = line, head.end(), self.utf8, self.uid_only
            return self._parse(row, lexer)
        self._text = CommandText()
        self._messages = None
        return self._add(line, announced, head.end())

    def _parse(self, row: table.Row, lexer: Lexer) -> Event:
        """The command is whole."""
        self._mode = Mode.COMMAND
        try:
            body = row.parse(lexer)
            if row.is_special:
                self._prepare(body)
        except Malformed as error:
            return self._refuse(error, None)
        finally:
            lexer.text = b""  # which is not kept while the client is waited for
        if self._ended is not None:
            return self._ended
        self._bad = 0
        return Command(self._tag, self._name, body)

    def _prepare(self, body: Body) -> None:
        """What follows is no command."""
        if isinstance(body, general.Idle):
            self._mode = Mode.IDLE
        elif isinstance(body, login.StartTls):
            if self.is_tls:
                raise Malformed("TLS is there already")
            if len(
                self._incoming
            ):  # RFC 9051 11.1: what was sent before TLS must not be taken for what is sent after it
                self._bye("nothing may follow STARTTLS")
                self._end("bytes-after-starttls")

    def _rest(self) -> Event | None:
        line = self._incoming.maybe_line(self.bounds.line)
        return NEED_DATA if line is None else self._add(line, framing.announcement(line), 0)

    def _add(self, line: bytes, announced: Announcement | None, at: int) -> Event | None:
        """Another line of the command, to be read from `at`."""
        text, row = self._text, self._row
        text.add_line(line, announced)
        if at:
            text.cut(at)
        if text.size > self._most_octets():
            return self._refuse(_TOO_LONG, announced)
        if announced is not None and not row.has_messages:
            return self._ask(announced)
        lexer = Lexer(
            text.joined(), literals=text.literals, announced=text.announced,
            utf8=self.utf8, uid_only=self.uid_only, bounds=self.bounds,
        )  # fmt: skip
        if not row.has_messages:
            self._text = CommandText()
            return self._parse(row, lexer)
        self._lexer, self._announced = lexer, announced
        self._mode = Mode.MESSAGES
        return None

    def _most_octets(self) -> int:
        return self.bounds.stranger if self.state is State.NOT_AUTHENTICATED else self.bounds.command

    def _ask(self, announced: Announcement) -> Event | None:
        """Read a literal that belongs to the command."""
        text = self._text
        too_large = announced.octets > self.bounds.literal or len(text.literals) >= self.bounds.literals
        if too_large or text.size + announced.octets > self._most_octets():
            return self._refuse(_TOO_BIG, announced)
        if announced.waits:
            self._output += _GO_ON
        self._left = announced.octets
        self._mode = Mode.LITERAL
        return None

    def _read_literal(self) -> Event | None:
        if self._left:
            octets = self._incoming.take(self._left)
            self._literal.append(octets)
            self._left -= len(octets)
            if self._left:
                return NEED_DATA
        self._text.add_literal(b"".join(self._literal))
        self._literal = []
        self._mode = Mode.REST
        return None

    def _read_messages(self) -> Event | None:
        """The next thing in a line of APPEND or REPLACE."""
        lexer = self._lexer
        start = lexer.at
        try:
            if self._messages is None:
                body = self._row.parse(lexer)
                self._messages = Messages(is_replace=isinstance(body, append.Replace))
                return Command(self._tag, self._name, body)
            part = self._messages.read(lexer)
        except Malformed as error:
            return self._refuse(error, self._announced)
        except NeedLiteral:
            self._text.cut(start)
            assert self._announced is not None  # noqa: S101 -- it stands where the lexer is
            return self._ask(self._announced)
        if self._messages.octets is not None:
            self._left = self._messages.octets
            self._mode = Mode.OCTETS
            self._must_ask = isinstance(part, Message | TextPart) and part.must_ask
        elif isinstance(part, AppendEnd):
            self._forget()
            self._bad = 0
            self._mode = Mode.COMMAND
        return part

    def _forget(self) -> None:
        """The command is over; nothing of it is kept while the client is waited for."""
        self._messages = None
        self._text = CommandText()
        self._lexer = _NOTHING
        self._literal = []
        self._skipped = 0

    def _read_octets(self) -> Event | None:
        if self._left:
            octets = self._incoming.take(self._left)
            self._left -= len(octets)
            return Block(octets) if octets else NEED_DATA
        assert self._messages is not None  # noqa: S101 -- it said how many octets there are
        self._text = CommandText()
        self._mode = Mode.REST
        return self._messages.end_of_octets()

    def _skip_announced(self, announced: Announcement | None) -> None:
        """Get past the end of a line of a command that is answered."""
        if announced is None or announced.waits:
            self._mode = Mode.COMMAND
        else:
            self._skip(announced.octets)

    def _skip(self, octets: int) -> None:
        """Throw away what the client sends of such a command without waiting."""
        self._skipped += octets
        if self._skipped > self.bounds.skipped:
            self._bye("too much that cannot be used")
            self._end("unwanted-octets")
            return
        self._left = octets
        self._mode = Mode.SKIP

    def _skip_octets(self) -> Event | None:
        if self._left:
            self._left -= len(self._incoming.take(self._left))
            if self._left:
                return NEED_DATA
        self._mode = Mode.SKIP_REST
        return None

    def _skip_rest(self) -> Event | None:
        line = self._incoming.maybe_line(self.bounds.line)
        if line is None:
            return NEED_DATA
        self._skip_announced(framing.announcement(line))
        return None

    def _refuse(self, error: Malformed, announced: Announcement | None) -> Event:
        """Answer a command that cannot be done, and get past it."""
        self._forget()
        self._bad += error.kind == "BAD"
        if not self._begun:
            self._bye("this is IMAP")
            return self._end("not-imap")
        if self._bad > self.bounds.bad_commands:
            self._bye("too many bad commands")
            return self._end("bad-commands")
        self._say(Status(error.kind, error.text, error.code, self._tag))
        self._mode = Mode.COMMAND
        self._skip_announced(announced)
        return Wrong(self._name, error.text, error.saves and error.kind == "NO")

    def _response(self) -> Event:
        line = self._incoming.maybe_line(self.bounds.sasl)
        if line is None:
            return NEED_DATA
        self._mode = Mode.COMMAND
        if line == b"*":  # RFC 9051 6.2.2
            return Response(None)
        try:
            return Response(login.decoded(line))
        except Malformed as error:
            return self._refuse(error, None)

    def _done(self) -> Event:
        line = self._incoming.maybe_line(_IDLE_OCTETS)
        if line is None:
            return NEED_DATA
        if line.strip().upper() != b"DONE":
            self._say(Status("BAD", "IDLE ends with DONE", tag=self._tag))
            return self._end("idle")
        self._mode = Mode.COMMAND
        return Done()

    def _say(self, status: Status) -> None:
        self._output += encoding.encode(status, self.wire)

    def _bye(self, text: str) -> None:
        self._say(Status("BYE", text))

    def _end(self, reason: str) -> Event:
        self._ended = self._ended or Ended(reason)
        return self._ended


_STEPS: Final = {
    Mode.COMMAND: ServerConnection._command,
    Mode.LITERAL: ServerConnection._read_literal,
    Mode.REST: ServerConnection._rest,
    Mode.MESSAGES: ServerConnection._read_messages,
    Mode.OCTETS: ServerConnection._read_octets,
    Mode.SKIP: ServerConnection._skip_octets,
    Mode.SKIP_REST: ServerConnection._skip_rest,
    Mode.SASL: ServerConnection._response,
    Mode.IDLE: ServerConnection._done,
}
