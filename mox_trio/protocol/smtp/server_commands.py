"""The commands of a client: which exist, where each is allowed, and what its argument means.

A reader makes an event of an argument, or a `Reply` where nobody needs to be asked. It raises `Refusal`.
"""

import binascii
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from mox_trio.protocol.smtp import extensions, grammar
from mox_trio.protocol.smtp.envelope import Body, Envelope, Recipient
from mox_trio.protocol.smtp.extensions import Context
from mox_trio.protocol.smtp.grammar import syntax
from mox_trio.protocol.smtp.reply import Refusal, Reply
from mox_trio.protocol.smtp.server_events import (
    Auth,
    Data,
    Event,
    Hello,
    Kind,
    Mail,
    Quit,
    Rcpt,
    Reset,
    StartTls,
    State,
)

OK: Final = Reply.of(250, "2.0.0", "OK")
RESET: Final = Reply.of(250, "2.0.0", "reset")
HELP: Final = Reply.of(214, "2.0.0", "see RFC 5321")
CANNOT_VERIFY: Final = Reply.of(252, "2.5.2", "send mail to it and see")  # RFC 5321 3.5.3
SEQUENCE: Final = Reply.of(503, "5.5.1", "not at this point")
NO_RECIPIENTS: Final = Reply.of(554, "5.5.1", "no recipient was accepted")
HELLO_FIRST: Final = Reply.of(503, "5.5.1", "say hello first")
EHLO_FIRST: Final = Reply.of(503, "5.5.1", "say EHLO first")
UNKNOWN: Final = Reply.of(500, "5.5.1", "unknown command")
NOT_SMTP: Final = Reply.of(500, "5.5.2", "this is SMTP")
BASE64: Final = Reply.of(501, "5.5.2", "bad base64")


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table."""

    read: Callable[[str, Context], Event | Reply]
    states: frozenset[State]
    is_extension: bool = False
    """Known only after EHLO or LHLO."""


@dataclass(frozen=True, slots=True)
class ChunkOrder:
    """The argument of BDAT (RFC 3030 2)."""

    octets: int
    is_last: bool


def chunk(argument: str) -> ChunkOrder:
    """What BDAT announces. Refusal, after which nobody knows where the next command begins."""
    words = argument.split()
    if not 1 <= len(words) <= 2 or (len(words) == 2 and words[1].upper() != "LAST"):
        raise syntax("BDAT is a number of octets, and LAST")
    return ChunkOrder(grammar.number(words[0], 18), len(words) == 2)


def decoded(line: str) -> bytes | None:
    """The octets that a line of base64 stands for; None where it is none."""
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except (binascii.Error, ValueError):
        return None


def _hello(verb: str) -> Callable[[str, Context], Event]:
    def read(argument: str, context: Context) -> Event:
        is_lmtp = context.terms.kind is Kind.LMTP
        if is_lmtp != (verb == "LHLO"):  # RFC 2033 4.1
            raise Refusal(UNKNOWN, "wrong-hello")
        is_checked = context.terms.kind is Kind.SMTP
        name = grammar.hello(argument, is_checked=is_checked, pedantic=context.terms.pedantic)
        return Hello(verb, name, verb != "HELO")

    return read


def _starttls(argument: str, context: Context) -> Event:
    _nothing(argument)
    if context.has_tls or context.logged_in or not context.may_start_tls:
        raise Refusal(Reply.of(503, "5.5.1", "STARTTLS is not offered"), "starttls-not-offered")
    return StartTls()


def _auth(argument: str, context: Context) -> Event:
    if context.terms.kind is not Kind.SUBMISSION:
        raise Refusal(Reply.of(503, "5.5.1", "nobody logs in here"), "auth-not-offered")
    if context.logged_in:  # RFC 4954 4
        raise Refusal(Reply.of(503, "5.5.1", "you are logged in"), "auth-twice")
    mechanism, _, initial = argument.partition(" ")
    if not context.terms.pedantic:
        initial = initial.strip(" ")  # some clients write two spaces
    if not mechanism:
        raise syntax("AUTH and a mechanism")
    if not initial:
        return Auth(mechanism.upper(), None)
    octets = b"" if initial == "=" else decoded(initial)  # RFC 4954 4: "=" is an empty response
    if octets is None:
        raise Refusal(BASE64, "bad-base64")
    return Auth(mechanism.upper(), octets)


def _mail(argument: str, context: Context) -> Event:
    reverse_path, rest = grammar.path("FROM:", argument, is_sender=True, pedantic=context.terms.pedantic)
    fields = extensions.read(grammar.parameters(rest), extensions.MAIL, context)
    envelope = Envelope(reverse_path, **fields)
    if not envelope.smtputf8 and not argument.isascii():  # RFC 6531 3.5
        raise Refusal(Reply.of(550, "5.6.7", "an address like this needs SMTPUTF8"), "smtputf8-missing")
    return Mail(envelope)


def _rcpt(argument: str, context: Context) -> Event:
    path, rest = grammar.path("TO:", argument, is_sender=False, pedantic=context.terms.pedantic)
    fields = extensions.read(grammar.parameters(rest), extensions.RCPT, context)
    if context.envelope is not None and not context.envelope.smtputf8 and not argument.isascii():
        raise Refusal(Reply.of(553, "5.6.7", "an address like this needs SMTPUTF8"), "smtputf8-missing")
    if context.tries >= context.terms.recipients:  # RFC 5321 4.5.3.1.10
        raise Refusal(Reply.of(452, "4.5.3", "too many recipients"), "too-many-recipients")
    context.tries += 1
    return Rcpt(Recipient(path, **fields))


def _data(argument: str, context: Context) -> Event:
    _nothing(argument)
    envelope = context.envelope
    if envelope is None or not envelope.recipients:  # RFC 2920 3.1: a client may find out only here
        raise Refusal(NO_RECIPIENTS, "no-recipients")
    if envelope.body is Body.BINARY:  # RFC 3030 3
        raise Refusal(Reply.of(503, "5.5.1", "BODY=BINARYMIME needs BDAT"), "data-for-binarymime")
    return Data()


def _rset(argument: str, context: Context) -> Event:
    _nothing(argument)
    return Reset(RESET)


def _quit(argument: str, context: Context) -> Event:
    _nothing(argument)
    return Quit()


def _simple(reply: Reply) -> Callable[[str, Context], Reply]:
    return lambda argument, context: reply


def _nothing(argument: str) -> None:
    if argument:
        raise syntax("this command has no argument")


_ANY: Final = frozenset({State.HELLO, State.READY, State.MAIL, State.RCPT, State.CHUNKS})
_READY: Final = frozenset({State.READY})
_TRANSACTION: Final = frozenset({State.MAIL, State.RCPT})

COMMANDS: Final[dict[bytes, Command]] = {
    b"EHLO": Command(_hello("EHLO"), _ANY),
    b"HELO": Command(_hello("HELO"), _ANY),
    b"LHLO": Command(_hello("LHLO"), _ANY),
    b"STARTTLS": Command(_starttls, _READY, is_extension=True),
    b"AUTH": Command(_auth, _READY, is_extension=True),
    b"MAIL": Command(_mail, _READY),
    b"RCPT": Command(_rcpt, _TRANSACTION),
    b"DATA": Command(_data, _TRANSACTION),
    b"RSET": Command(_rset, _ANY),
    b"NOOP": Command(_simple(OK), _ANY),
    b"HELP": Command(_simple(HELP), _ANY),
    b"VRFY": Command(_simple(CANNOT_VERIFY), _ANY),
    b"EXPN": Command(_simple(CANNOT_VERIFY), _ANY),
    b"QUIT": Command(_quit, _ANY),
}
"""All but BDAT, whose octets follow it wherever it stands."""

CHUNK_STATES: Final = frozenset({State.RCPT, State.CHUNKS})


def with_recipient(envelope: Envelope, recipient: Recipient) -> Envelope:
    """The envelope with one more."""
    return replace(envelope, recipients=(*envelope.recipients, recipient))
