"""A client's side of an SMTP connection as a value: commands in, bytes out; bytes in, replies out (RFC 5321).

    connection = ClientConnection()
    connection.receive(what_came)
    while (answered := connection.next()) is not None: ...
    to_send = connection.send(client_commands.ehlo("mx.example"))

The connection knows which command may be sent when, counts what is not answered yet and says of each reply what it answers.
Commands may be sent before earlier ones are answered where the server offers PIPELINING (RFC 2920); what may not go ahead of
a reply is in the table. A command out of place is an error of the program: `OutOfPlace`. A reply that is none, or one to
nothing, raises `BadReply`; only 421, with which a server leaves, may come at any time (RFC 5321 3.8). After BadReply or 421
nothing more may be sent: close.
"""

import enum
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mox_trio.base import limits
from mox_trio.protocol.smtp.client_commands import Command, Step
from mox_trio.protocol.smtp.client_content import Content
from mox_trio.protocol.smtp.client_offers import Offers
from mox_trio.protocol.smtp.client_replies import BadReply, ReplyReader
from mox_trio.protocol.smtp.reply import Reply

__all__ = ["Answered", "BadReply", "ClientConnection", "OutOfPlace", "Phase"]


class OutOfPlace(Exception):
    """The program sends what may not be sent now."""


class Phase(enum.Enum):
    """How far the conversation is, counting what was sent and not only what was answered."""

    CONNECTED = "connected"
    """The greeting has not come."""
    GREETED = "greeted"
    """EHLO is next, also after TLS began."""
    HELLO = "hello"
    READY = "ready"
    """Between two transactions."""
    TLS = "tls"
    """STARTTLS was sent; after 220 only `tls_began` helps."""
    AUTH = "auth"
    MAIL = "mail"
    RECIPIENTS = "recipients"
    CHUNKS = "chunks"
    DATA = "data"
    CONTENT = "content"
    """After 354: `content` and `end_of_content`."""
    CLOSING = "closing"
    """QUIT was sent, or the server leaves."""


_ALLOWED: Final[Mapping[Phase, frozenset[Step]]] = MappingProxyType(
    {
        Phase.CONNECTED: frozenset(),
        Phase.GREETED: frozenset({Step.EHLO, Step.HELO, Step.QUIT}),
        Phase.HELLO: frozenset(),
        Phase.READY: frozenset({Step.EHLO, Step.STARTTLS, Step.AUTH, Step.MAIL, Step.RSET, Step.NOOP, Step.QUIT}),
        Phase.TLS: frozenset(),
        Phase.AUTH: frozenset({Step.AUTH}),
        Phase.MAIL: frozenset({Step.RCPT, Step.RSET, Step.QUIT}),
        Phase.RECIPIENTS: frozenset({Step.RCPT, Step.DATA, Step.BDAT, Step.RSET, Step.QUIT}),
        Phase.CHUNKS: frozenset({Step.BDAT, Step.RSET, Step.QUIT}),
        Phase.DATA: frozenset(),
        Phase.CONTENT: frozenset(),
        Phase.CLOSING: frozenset(),
    }
)
"""Which command may be sent. Nothing stands where only a reply leads on: EHLO, STARTTLS, AUTH and DATA end a group of commands
that are sent together (RFC 2920 3.1, RFC 3207 4).
"""

_NEXT: Final[Mapping[Step, Phase]] = MappingProxyType(
    {
        Step.EHLO: Phase.HELLO,
        Step.HELO: Phase.HELLO,
        Step.STARTTLS: Phase.TLS,
        Step.AUTH: Phase.AUTH,
        Step.MAIL: Phase.MAIL,
        Step.RCPT: Phase.RECIPIENTS,
        Step.DATA: Phase.DATA,
        Step.BDAT: Phase.CHUNKS,
        Step.RSET: Phase.READY,
        Step.QUIT: Phase.CLOSING,
    }
)


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply, and what it answers: None for a 421 that came by itself."""

    step: Step | None
    reply: Reply


class ClientConnection:
    """One connection, from the greeting on."""

    def __init__(
        self, *, line_octets: int = limits.SMTP_REPLY_LINE_OCTETS, reply_lines: int = limits.SMTP_REPLY_LINES
    ) -> None:
        """The limits are those of replies."""
        self._reader = ReplyReader(line_octets=line_octets, lines=reply_lines)
        self._awaited = deque([Step.GREETING])
        self._content: Content | None = None
        self.phase = Phase.CONNECTED
        self.offers = Offers()
        """What the last EHLO said; nothing before it, after HELO and after TLS began (RFC 3207 4.2)."""

    @property
    def awaits(self) -> int:
        """Replies that have not come."""
        return len(self._awaited)

    @property
    def awaited_step(self) -> Step:
        """What the next reply answers; NOOP where none is awaited."""
        return self._awaited[0] if self._awaited else Step.NOOP

    @property
    def may_send(self) -> frozenset[Step]:
        """What may be sent now."""
        if self._awaited and not self.offers.pipelining:
            return frozenset()
        return _ALLOWED[self.phase]

    def send(self, command: Command) -> bytes:
        """The bytes of a command. The content of BDAT follows them at once, from the caller."""
        if self._awaited and not self.offers.pipelining:
            raise OutOfPlace(f"{command.step.value} before {self._awaited[0].value} was answered")
        if command.step not in _ALLOWED[self.phase]:
            raise OutOfPlace(f"{command.step.value} in phase {self.phase.value}")
        if command.step is not Step.NOOP:
            self.phase = Phase.READY if command.last_chunk else _NEXT[command.step]
        self._awaited.append(command.step)
        return command.line + b"\r\n"

    def content(self, block: bytes) -> bytes:
        """What is sent of the content of DATA for a block of the message."""
        if self.phase is not Phase.CONTENT or self._content is None:
            raise OutOfPlace(f"content in phase {self.phase.value}")
        return self._content.feed(block)

    def end_of_content(self) -> bytes:
        """What ends DATA. Once it is sent the server may have the message."""
        if self.phase is not Phase.CONTENT or self._content is None:
            raise OutOfPlace(f"end of content in phase {self.phase.value}")
        last, self._content = self._content.finish(), None
        self.phase = Phase.READY
        self._awaited.append(Step.CONTENT)
        return last

    def tls_began(self) -> None:
        """After the reply 220 to STARTTLS and the handshake: everything starts again."""
        if self.phase is not Phase.TLS or self._awaited:
            raise OutOfPlace(f"TLS in phase {self.phase.value}")
        self.offers = Offers()
        self.phase = Phase.GREETED

    def receive(self, data: bytes) -> None:
        """Bytes from the server."""
        self._reader.feed(data)

    def next(self) -> Answered | None:
        """The next reply, or None when it is not whole yet. Raises BadReply."""
        reply = self._reader.next()
        if reply is None:
            return None
        if not self._awaited:
            return self._unasked(reply)
        step = self._awaited.popleft()
        if reply.code == 421:
            self.phase = Phase.CLOSING
        else:
            self._after(step, reply)
        return Answered(step, reply)

    def _unasked(self, reply: Reply) -> Answered:
        in_content, self.phase = self.phase is Phase.CONTENT, Phase.CLOSING
        if in_content and not reply.is_positive:
            return Answered(Step.CONTENT, reply)  # the server does not want to hear the end of it
        if reply.code != 421:
            raise BadReply("a reply came that answers nothing")
        return Answered(None, reply)

    def _after(self, step: Step, reply: Reply) -> None:
        """What the reply changes about what may be sent."""
        if 300 <= reply.code < 400 and step not in (Step.DATA, Step.AUTH):
            raise BadReply(f"{step.value} is answered with a reply that asks for more")
        if step is Step.GREETING:
            self.phase = Phase.GREETED if reply.is_positive else Phase.CLOSING
        elif step in (Step.EHLO, Step.HELO):
            self.phase = Phase.READY if reply.is_positive else Phase.GREETED
            self.offers = Offers.of(reply) if reply.is_positive and step is Step.EHLO else Offers()
        elif step is Step.STARTTLS:
            self._after_starttls(reply)
        elif step is Step.AUTH:
            self.phase = Phase.AUTH if reply.code == 334 else Phase.READY
        elif step is Step.DATA:
            if reply.code == 354:
                self.phase, self._content = Phase.CONTENT, Content(dots=True)
            elif reply.is_positive:
                raise BadReply("DATA is answered neither with 354 nor with a refusal")
            else:
                self.phase = Phase.RECIPIENTS  # RFC 5321 4.1.1.5: RSET ends what is left of the transaction

    def _after_starttls(self, reply: Reply) -> None:
        if reply.code != 220:
            self.phase = Phase.READY
        elif not self._reader.is_empty:
            # What came in the clear behind the 220 would be taken for something said under TLS.
            self.phase = Phase.CLOSING
            raise BadReply("something follows the reply to STARTTLS")
