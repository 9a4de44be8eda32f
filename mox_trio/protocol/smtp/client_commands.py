"""Commands to another server as values, and as the bytes of their lines.

Parameters of MAIL and RCPT are written only where the server's `Offers` allow them; what a message cannot do without
(SMTPUTF8, BINARYMIME, REQUIRETLS) is for the caller to check first, with `missing`. Nothing that was not parsed by us gets into
a line: paths are values, and other texts are encoded or refused with ValueError when they hold what could end a line.
"""

import base64
import enum
import re
from dataclasses import dataclass, field
from typing import Final

from mox_trio.base.address import Path
from mox_trio.protocol.smtp.client_offers import Offers
from mox_trio.protocol.smtp.envelope import Body, Envelope, Notify, Recipient


class Step(enum.Enum):
    """What a reply answers. The value is the verb."""

    GREETING = "connect"
    EHLO = "EHLO"
    HELO = "HELO"
    STARTTLS = "STARTTLS"
    AUTH = "AUTH"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    CONTENT = "content"
    """The line that ends DATA."""
    BDAT = "BDAT"
    RSET = "RSET"
    NOOP = "NOOP"
    QUIT = "QUIT"


@dataclass(frozen=True, slots=True)
class Command:
    """One command: the step, and its line without CRLF."""

    step: Step
    line: bytes = field(repr=False)
    """Never shown: AUTH holds secrets."""
    last_chunk: bool = False
    """BDAT with LAST."""


def ehlo(name: str) -> Command:
    """`name` is our host name, or an address literal (RFC 5321 4.1.1.1)."""
    return Command(Step.EHLO, b"EHLO " + _word(name))


def helo(name: str) -> Command:
    """For hosts that do not know EHLO."""
    return Command(Step.HELO, b"HELO " + _word(name))


def starttls() -> Command:
    """RFC 3207."""
    return Command(Step.STARTTLS, b"STARTTLS")


def auth(mechanism: str, initial: bytes | None) -> Command:
    """RFC 4954 4: `initial` is the initial response before base64; None for none, b"" for an empty one."""
    line = b"AUTH " + _word(mechanism)
    if initial is not None:
        line += b" " + (base64.b64encode(initial) or b"=")
    return Command(Step.AUTH, line)


def auth_response(response: bytes) -> Command:
    """The answer to a challenge, before base64."""
    return Command(Step.AUTH, base64.b64encode(response))


def auth_cancel() -> Command:
    """Ends an exchange; the server says 501 (RFC 4954 4)."""
    return Command(Step.AUTH, b"*")


def missing(envelope: Envelope, offers: Offers) -> str:
    """The extension that the server lacks and the envelope cannot do without; empty if there is none."""
    if needs_utf8(envelope) and not (offers.smtputf8 and offers.eight_bit):  # RFC 6531 3.1 item 8
        return "SMTPUTF8"
    if envelope.body is Body.BINARY and not offers.binary:
        return "BINARYMIME"
    if envelope.require_tls and not offers.require_tls:
        return "REQUIRETLS"
    return ""


def needs_utf8(envelope: Envelope) -> bool:
    """Whether the header block, the reverse-path or a recipient holds what only SMTPUTF8 can carry."""
    paths = (envelope.reverse_path, *(each.path for each in envelope.recipients))
    return envelope.smtputf8 or any(path.needs_utf8 for path in paths)


def mail(envelope: Envelope, offers: Offers) -> Command:
    """MAIL for a new transaction; `envelope.recipients` are looked at for whether SMTPUTF8 is needed."""
    utf8 = needs_utf8(envelope)
    words = [b"MAIL FROM:" + _path(envelope.reverse_path, utf8)]
    if envelope.size is not None and offers.knows_size:
        words.append(b"SIZE=%d" % envelope.size)
    if (envelope.body is Body.EIGHT_BIT and offers.eight_bit) or (envelope.body is Body.BINARY and offers.binary):
        words.append(b"BODY=" + envelope.body.value.encode())
    if utf8:
        words.append(b"SMTPUTF8")
    if envelope.require_tls and offers.require_tls:
        words.append(b"REQUIRETLS")
    if offers.dsn and envelope.ret is not None:
        words.append(b"RET=" + envelope.ret.value.encode())
    if offers.dsn and envelope.envelope_id:
        words.append(b"ENVID=" + _xtext(envelope.envelope_id))
    return Command(Step.MAIL, b" ".join(words))


def rcpt(recipient: Recipient, offers: Offers, *, utf8: bool) -> Command:
    """RCPT; `utf8` is whether MAIL said SMTPUTF8."""
    words = [b"RCPT TO:" + _path(recipient.path, utf8)]
    if offers.dsn and recipient.notify is not None:
        words.append(b"NOTIFY=" + _notify(recipient.notify))
    if offers.dsn and recipient.original:
        words.append(b"ORCPT=" + _original(recipient.original, utf8))
    return Command(Step.RCPT, b" ".join(words))


def data() -> Command:
    """The content follows the reply 354."""
    return Command(Step.DATA, b"DATA")


def bdat(size: int, *, last: bool) -> Command:
    """`size` bytes follow at once (RFC 3030 2)."""
    return Command(Step.BDAT, b"BDAT %d" % size + b" LAST" * last, last)


def rset() -> Command:
    """Ends a transaction."""
    return Command(Step.RSET, b"RSET")


def noop() -> Command:
    """Asks whether the server is there."""
    return Command(Step.NOOP, b"NOOP")


def goodbye() -> Command:
    """QUIT."""
    return Command(Step.QUIT, b"QUIT")


_WORD: Final = re.compile(r"[!-~]+")
_NOT_XCHAR: Final = re.compile(rb"[^!-*,-<>-~]")  # RFC 3461 4: all but "+", "=" and what is not printable ASCII
_NOT_QCHAR: Final = re.compile(r"[^!-*,-<>-\[\]-~]")  # RFC 6533 3: and not "\"
_NOT_QUCHAR: Final = re.compile(r"[^!-*,-<>-\[\]-~\u0080-\U0010ffff]")


def _word(text: str) -> bytes:
    if not _WORD.fullmatch(text):
        raise ValueError("a word of a command is printable ASCII without spaces")
    return text.encode("ascii")


def _path(path: Path, utf8: bool) -> bytes:
    if utf8 and path.needs_utf8:
        return str(path).encode()  # RFC 6531 3.3
    return path.ascii.encode("ascii")  # understood by everybody, also in a transaction that says SMTPUTF8


def _notify(notify: Notify) -> bytes:
    names = [each.name for each in (Notify.SUCCESS, Notify.FAILURE, Notify.DELAY) if each in notify]
    return ",".join(filter(None, names)).encode() or b"NEVER"


def _xtext(text: str) -> bytes:
    """RFC 3461 4."""
    return _NOT_XCHAR.sub(lambda match: b"+%02X" % match[0][0], text.encode())


def _original(original: str, utf8: bool) -> bytes:
    """RFC 3461 4.2; RFC 6533 3 for addresses of type utf-8."""
    kind, _, address = original.partition(";")
    if kind.lower() != "utf-8":
        return _xtext(kind) + b";" + _xtext(address)
    unsafe = _NOT_QUCHAR if utf8 else _NOT_QCHAR
    return b"utf-8;" + unsafe.sub(lambda match: rf"\x{{{ord(match[0]):02X}}}", address).encode()
