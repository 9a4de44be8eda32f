"""The server's side of SMTP, submission and LMTP (RFC 5321, 6409, 2033): a client's bytes in, events out; answers in, bytes
out.

The driver gives bytes to `receive`, asks `next_event` until it is NEED_DATA, settles each event with `answer` (or
`challenge`, `answer_each`), and sends `take_output`: replies to commands that were sent together leave together
(RFC 2920). Which command is allowed where is the table in `server_commands`.

Refused without asking anybody: unknown and misplaced commands, bad syntax, parameters that were not offered, content that
is too large or that another server might take for two messages; all of it is read to its end first. Ended: lines that
are too long or do not end with CRLF, bytes behind STARTTLS, a first command that is none, more refused commands than the
terms allow, a BDAT whose length cannot be read, content by DATA whose end is not beyond doubt.
"""

import binascii
from collections.abc import Callable, Sequence
from typing import Final

from mox_trio.base import limits
from mox_trio.protocol.smtp import extensions, server_commands, wrapping
from mox_trio.protocol.smtp.data import AMBIGUOUS, Fault
from mox_trio.protocol.smtp.envelope import Body, Envelope
from mox_trio.protocol.smtp.extensions import Context, Terms
from mox_trio.protocol.smtp.lines import LineError, Lines
from mox_trio.protocol.smtp.reply import Refusal, Reply
from mox_trio.protocol.smtp.server_content import Content
from mox_trio.protocol.smtp.server_events import (
    NEED_DATA,
    Auth,
    AuthResponse,
    ChunkEnd,
    ContentEnd,
    Data,
    Ended,
    Event,
    Handled,
    Hello,
    Kind,
    Mail,
    Quit,
    Rcpt,
    Reset,
    StartTls,
    State,
)

START_CONTENT: Final = Reply.of(354, "", "go on; end with a dot on a line of its own")
START_TLS: Final = Reply.of(220, "2.0.0", "go on")
BYE: Final = Reply.of(221, "2.0.0", "bye")
_TOO_MANY_ERRORS: Final = Reply.of(421, "4.7.0", "too many errors")
_INJECTED: Final = Reply.of(503, "5.5.1", "nothing may follow STARTTLS")
_FAULTS: Final = {
    Fault.BARE_CR: Reply.of(554, "5.6.0", "the message holds a CR without LF"),
    Fault.NUL: Reply.of(554, "5.6.0", "the message holds a NUL"),
    Fault.SMUGGLING: Reply.of(554, "5.5.2", "the message holds a line end that another server might take for its end"),
}


class ServerConnection:
    """One session. Misuse by the driver raises RuntimeError; nothing that a client sends raises."""

    def __init__(self, terms: Terms, now: Callable[[], int]) -> None:
        """`now` gives milliseconds since 1970 UTC."""
        self.context = Context(terms, now)
        self.state = State.HELLO
        self._lines = Lines()
        self._output = bytearray()
        self._pending: Event | None = None
        """The event that waits for its answer."""
        self._is_eof = False
        self._content = Content(self._lines)
        self._refused = 0
        self._idle = 0
        self._begun = False
        """Whether a command was known."""

    @property
    def envelope(self) -> Envelope:
        """The transaction with the recipients that were accepted. RuntimeError outside one."""
        if self.context.envelope is None:
            raise RuntimeError("there is no transaction")
        return self.context.envelope

    @property
    def in_transaction(self) -> bool:
        """Whether a MAIL was accepted and nothing has ended it."""
        return self.context.envelope is not None

    def greet(self, reply: Reply) -> None:
        """The first thing a server says; a negative reply (554, 421) leaves nothing to talk about."""
        self._say(reply)
        if not reply.is_positive:
            self.state = State.CLOSED

    def receive(self, data: bytes) -> None:
        """What came from the client; b"" is the end."""
        if data:
            self._lines.feed(data)
        else:
            self._is_eof = True

    def take_output(self) -> bytes:
        """What is to be sent, once."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def next_event(self) -> Event:
        """The next thing that happened."""
        if self._pending is not None:
            raise RuntimeError(f"{type(self._pending).__name__} was not answered")
        event = self._next()
        if type(event) in _ANSWERED_BY_DRIVER:
            self._pending = event
        elif event is NEED_DATA and self._is_eof:
            return self._end("eof")
        return event

    def answer(self, reply: Reply) -> None:
        """Settle the last event."""
        event, self._pending = self._pending, None
        if event is None:
            raise RuntimeError("nothing was asked")
        _ANSWERS[type(event)](self, event, reply)
        if reply.code == 421:  # RFC 5321 3.8: said by who closes
            self.state = State.CLOSED

    def answer_each(self, replies: Sequence[Reply]) -> None:
        """Settle ContentEnd on LMTP: a reply for each recipient, in their order (RFC 2033 4.2)."""
        if not isinstance(self._pending, ContentEnd) or len(replies) != len(self.envelope.recipients):
            raise RuntimeError("one reply for each recipient")
        self._pending = None
        for reply in replies:
            self._say(reply)
        self._end_transaction(any(reply.is_positive for reply in replies))

    def challenge(self, data: bytes) -> None:
        """Settle Auth or AuthResponse with a challenge (RFC 4954 4)."""
        if not isinstance(self._pending, Auth | AuthResponse):
            raise RuntimeError("nobody is logging in")
        self._pending = None
        self._output += b"334 %b\r\n" % binascii.b2a_base64(data, newline=False)
        self.state = State.AUTH

    def tls_started(self) -> None:
        """The handshake that 220 announced is done: everything begins again (RFC 3207 4.2)."""
        self.context.has_tls = True
        self.context.extended = False
        self.context.hello = ""
        self._reset()
        self.state = State.HELLO

    def close(self, reply: Reply) -> None:
        """Say goodbye from our side: 421."""
        self._pending = None
        self._say(reply)
        self.state = State.CLOSED

    def _next(self) -> Event:
        if self.state is State.CLOSED:
            return self._end("closed")
        if self._content.in_chunk:
            return self._chunk()
        if self.state is State.DATA:
            return self._data()
        if self.state is State.TLS:
            return NEED_DATA
        lines = self._lines
        if not len(lines):
            return NEED_DATA
        most = limits.SMTP_COMMAND_OCTETS
        if len(lines) >= most and (self.state is State.AUTH or lines.starts_with(b"AUTH ")):
            most = limits.SASL_LINE_OCTETS
        try:
            line = lines.maybe_line(most)
        except LineError as error:
            self._say(Reply.of(500, "5.5.2", str(error)))
            return self._end(error.reason)
        if line is None:
            return NEED_DATA
        return self._response(line) if self.state is State.AUTH else self._command(line)

    def _command(self, line: bytes) -> Event:
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        try:
            text = rest.decode()
        except UnicodeDecodeError:
            return self._refuse("", Reply.of(501, "5.5.2", "text is UTF-8"))
        terms = self.context.terms
        if not (terms.pedantic or terms.kind is Kind.SUBMISSION):
            text = text.rstrip(" \t")
        if verb == b"BDAT":
            return self._order(text)
        command = server_commands.COMMANDS.get(verb)
        if command is None:
            if not self._begun:
                self._say(server_commands.NOT_SMTP)
                return self._end("not-smtp")
            return self._refuse("", server_commands.UNKNOWN)
        self._begun = True
        name = verb.decode("ascii")
        misplaced = self._misplaced(command)
        if misplaced is not None:
            return self._refuse(name, misplaced)
        try:
            event = command.read(text, self.context)
        except Refusal as refusal:
            return self._refuse(name, refusal.reply)
        return self._begin(name, event)

    def _misplaced(self, command: server_commands.Command) -> Reply | None:
        if self.state not in command.states:
            return server_commands.HELLO_FIRST if self.state is State.HELLO else server_commands.SEQUENCE
        return server_commands.EHLO_FIRST if command.is_extension and not self.context.extended else None

    def _begin(self, name: str, event: Event | Reply) -> Event:
        """Settle what needs nobody else."""
        if isinstance(event, Reply | Reset):
            reply = event.reply if isinstance(event, Reset) else event
            self._idle += 1
            if self._idle > self.context.terms.idle_commands:
                return self._give_up()
            self._say(reply)
            if isinstance(event, Reset):
                self._reset()
                return event
            return Handled(name, reply)
        if isinstance(event, Quit):
            self._say(BYE)
            self.state = State.CLOSED
        elif isinstance(event, StartTls) and len(self._lines):  # RFC 3207 6: nothing sent before TLS is believed after
            self._say(_INJECTED)
            return self._end("bytes-after-starttls")
        return event

    def _response(self, line: bytes) -> Event:
        if line == b"*":  # RFC 4954 4
            return AuthResponse(None)
        data = server_commands.decoded(line.decode("latin-1"))
        if data is None:
            self.state = State.READY
            return self._refuse("AUTH", server_commands.BASE64)
        return AuthResponse(data)

    def _order(self, argument: str) -> Event:
        """BDAT: its octets follow, whether anybody wants them or not."""
        self._begun = True
        try:
            order = server_commands.chunk(argument)
        except Refusal as refusal:
            self._say(refusal.reply)
            return self._end("bdat-syntax")
        unwanted: Reply | None = None
        if self.state in server_commands.CHUNK_STATES and self.context.extended:
            if self.state is State.RCPT:
                limit = self.context.terms.message_bytes
                self._content.begin_chunks(limit, binary=self.envelope.body is Body.BINARY)
                self.state = State.CHUNKS
        else:
            is_empty = self.state is State.MAIL and self.context.extended
            unwanted = server_commands.NO_RECIPIENTS if is_empty else server_commands.SEQUENCE
        self._content.begin_chunk(order, unwanted)
        return self._chunk()

    def _chunk(self) -> Event:
        content = self._content
        found = content.read_chunk()
        if isinstance(found, Reply):
            return self._refuse("BDAT", found)
        if found is not None:
            return found
        if content.fault is not None:
            return self._refuse_content("BDAT", content.fault, is_last=content.order.is_last)
        return ContentEnd(content.octets) if content.order.is_last else ChunkEnd(content.order.octets)

    def _data(self) -> Event:
        found = self._content.read_data()
        if found is not None:
            return found
        if self._content.fault is not None:
            return self._refuse_content("DATA", self._content.fault, is_last=True)
        return ContentEnd(self._content.octets)

    def _refuse_content(self, verb: str, fault: Fault, *, is_last: bool) -> Event:
        terms = self.context.terms
        reply = extensions.too_large(terms).reply if fault is Fault.TOO_LARGE else _FAULTS[fault]
        again = len(self.envelope.recipients) - 1 if is_last and terms.kind is Kind.LMTP else 0
        self._end_transaction(False)
        for _ in range(again):
            self._say(reply)
        if verb == "DATA" and fault in AMBIGUOUS:
            self._say(reply)
            return self._end("smuggling")
        return self._refuse(verb, reply)

    def _refuse(self, verb: str, reply: Reply) -> Event:
        self._refused += 1
        if self._refused > self.context.terms.errors:
            return self._give_up()
        self._say(reply)
        return Handled(verb, reply)

    def _give_up(self) -> Event:
        self._say(_TOO_MANY_ERRORS)
        return self._end("errors")

    def _end(self, reason: str) -> Event:
        self.state = State.CLOSED
        return Ended(reason)

    def _say(self, reply: Reply) -> None:
        utf8 = self.context.envelope is not None and self.context.envelope.smtputf8
        self._output += wrapping.encode(reply, utf8=utf8)

    def _reset(self) -> None:
        self.context.envelope = None
        self.context.tries = 0
        self._content.forget()
        self.state = State.READY if self.context.hello else State.HELLO

    def _end_transaction(self, accepted: bool) -> None:
        if accepted:
            self._idle = 0
        self._reset()

    def _answer_hello(self, event: Hello, reply: Reply) -> None:
        if not reply.is_positive:
            self._say(reply)
            return
        self.context.hello, self.context.extended = event.name, event.extended
        self._reset()
        lines = extensions.announced(self.context) if event.extended else []
        self._say(Reply(250, "", (self.context.terms.hostname, *lines)))

    def _answer_starttls(self, event: StartTls, reply: Reply) -> None:
        self._say(reply)
        if reply.is_positive:
            self.state = State.TLS

    def _answer_auth(self, event: Auth | AuthResponse, reply: Reply) -> None:
        self._say(reply)
        self.state = State.READY
        self.context.logged_in = reply.code == 235

    def _answer_mail(self, event: Mail, reply: Reply) -> None:
        if reply.is_positive:
            self.context.envelope = event.envelope
            self.state = State.MAIL
        self._say(reply)

    def _answer_rcpt(self, event: Rcpt, reply: Reply) -> None:
        self._say(reply)
        if reply.is_positive:
            self.context.envelope = server_commands.with_recipient(self.envelope, event.recipient)
            self.state = State.RCPT

    def _answer_data(self, event: Data, reply: Reply) -> None:
        self._say(reply)
        if reply.code == 354:
            self._content.begin_data(self.context.terms.message_bytes)
            self.state = State.DATA
        else:
            self._reset()

    def _answer_chunk(self, event: ChunkEnd, reply: Reply) -> None:
        self._say(reply)
        if not reply.is_positive:
            self._reset()

    def _answer_content(self, event: ContentEnd, reply: Reply) -> None:
        copies = len(self.envelope.recipients) if self.context.terms.kind is Kind.LMTP else 1
        for _ in range(copies):
            self._say(reply)
        self._end_transaction(reply.is_positive)


_ANSWERS: Final[dict[type, Callable[..., None]]] = {
    Hello: ServerConnection._answer_hello,
    StartTls: ServerConnection._answer_starttls,
    Auth: ServerConnection._answer_auth,
    AuthResponse: ServerConnection._answer_auth,
    Mail: ServerConnection._answer_mail,
    Rcpt: ServerConnection._answer_rcpt,
    Data: ServerConnection._answer_data,
    ChunkEnd: ServerConnection._answer_chunk,
    ContentEnd: ServerConnection._answer_content,
}
_ANSWERED_BY_DRIVER: Final = frozenset(_ANSWERS)
