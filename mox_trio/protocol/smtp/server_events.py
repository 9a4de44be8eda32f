"""What a server connection finds in the bytes of a client, one event after the other.

Events marked *answered* are settled by the connection itself; every other one waits for `ServerConnection.answer`.
"""

import enum
from typing import NamedTuple

from mox_trio.protocol.smtp.envelope import Envelope, Recipient
from mox_trio.protocol.smtp.reply import Reply


class Kind(enum.Enum):
    """What a listener speaks; the value is the name in logs and metrics."""

    SMTP = "smtp"
    """Mail from other servers."""
    SUBMISSION = "submission"
    """Mail of users (RFC 6409)."""
    LMTP = "lmtp"
    """Mail from a server of the same site (RFC 2033)."""


class State(enum.Enum):
    """Where a session is."""

    HELLO = "hello"
    """No EHLO, HELO or LHLO yet."""
    READY = "ready"
    MAIL = "mail"
    """In a transaction without recipients."""
    RCPT = "rcpt"
    """In a transaction with a recipient at least."""
    DATA = "data"
    """Reading what follows 354."""
    CHUNKS = "chunks"
    """Between the first BDAT and the last."""
    AUTH = "auth"
    """The next line is an answer to a challenge."""
    TLS = "tls"
    """220 was the answer to STARTTLS: what follows is a handshake."""
    CLOSED = "closed"
    """Nothing more is read."""


class NeedData(NamedTuple):
    """Nothing to do before more bytes come: time to send the output."""


NEED_DATA = NeedData()


class Hello(NamedTuple):
    """EHLO, HELO or LHLO. A positive answer needs no text: the connection writes the extensions."""

    verb: str
    name: str
    extended: bool


class StartTls(NamedTuple):
    """STARTTLS; after 220 the driver shakes hands and calls `tls_started`."""


class Auth(NamedTuple):
    """AUTH (RFC 4954). The answer is 235, a refusal, or a challenge by `ServerConnection.challenge`."""

    mechanism: str
    initial: bytes | None
    """Decoded; None where the client sent none."""


class AuthResponse(NamedTuple):
    """The answer to a challenge, decoded; None where the client gave up with `*`."""

    data: bytes | None


class Mail(NamedTuple):
    """MAIL; a positive answer begins the transaction."""

    envelope: Envelope


class Rcpt(NamedTuple):
    """RCPT; a positive answer adds the recipient to the connection's envelope."""

    recipient: Recipient


class Data(NamedTuple):
    """DATA; 354 lets the content come."""


class Block(NamedTuple):
    """The next bytes of the content as it is kept: dots removed, every line end CRLF. *Answered.*"""

    data: bytes


class ChunkEnd(NamedTuple):
    """A BDAT that is not the last has come whole, with this many octets."""

    octets: int


class ContentEnd(NamedTuple):
    """The content is whole and sound. The answer ends the transaction; LMTP answers with `answer_each`."""

    octets: int


class Reset(NamedTuple):
    """RSET: the transaction is gone. *Answered.*"""

    reply: Reply


class Handled(NamedTuple):
    """Something that needs nobody else, or was refused before anybody was asked. *Answered.*

    A refusal of content (`verb` DATA or BDAT) ends the transaction.
    """

    verb: str
    """As in the table of commands; empty where the line holds no command that is known."""
    reply: Reply


class Quit(NamedTuple):
    """QUIT: send the output and close. *Answered.*"""


class Ended(NamedTuple):
    """Send the output and close. *Answered.*"""

    reason: str
    """A word for the log: eof, line-too-long, errors, ..."""


Event = (
    NeedData
    | Hello
    | StartTls
    | Auth
    | AuthResponse
    | Mail
    | Rcpt
    | Data
    | Block
    | ChunkEnd
    | ContentEnd
    | Reset
    | Handled
    | Quit
    | Ended
)
