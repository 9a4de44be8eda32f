"""Extensions of SMTP on the server's side: what EHLO announces, and what the parameters of MAIL and RCPT mean.

One row an extension's parameter; a parameter that is not offered here and now is refused as unknown (RFC 5321 4.1.1.11).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from mox_trio.protocol.smtp import grammar
from mox_trio.protocol.smtp.envelope import Body, Envelope, Return
from mox_trio.protocol.smtp.grammar import Parameters, argument
from mox_trio.protocol.smtp.reply import Refusal, Reply
from mox_trio.protocol.smtp.server_events import Kind

HOLD_SECONDS: Final = 60 * 24 * 60 * 60
"""Longest time that FUTURERELEASE may ask for."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a listener offers, and how strict it is."""

    kind: Kind
    hostname: str
    message_bytes: int = 100 * 1024 * 1024
    recipients: int = 1000
    """Of one transaction; also RCPT commands of one, refused ones too."""
    requiretls: bool = False
    deliver_by: bool = False
    priority: bool = False
    pedantic: bool = False
    errors: int = 20
    """Commands that may be refused before the session is ended."""
    idle_commands: int = 1000
    """Commands that change nothing which may come between two messages."""


@dataclass(slots=True)
class Context:
    """What is so in a session at the moment."""

    terms: Terms
    now: Callable[[], int]
    """Milliseconds since 1970 UTC."""
    may_start_tls: bool = False
    has_tls: bool = False
    mechanisms: tuple[str, ...] = ()
    """Of AUTH; given by the driver, because they depend on the certificate."""
    logged_in: bool = False
    extended: bool = False
    hello: str = ""
    envelope: Envelope | None = None
    tries: int = 0
    """RCPT commands of the transaction."""


def announced(context: Context) -> list[str]:
    """The lines of EHLO after the first."""
    terms = context.terms
    is_submission = terms.kind is Kind.SUBMISSION
    lines = ["PIPELINING", f"SIZE {terms.message_bytes}"]
    if context.may_start_tls and not context.has_tls:
        lines.append("STARTTLS")
    if terms.requiretls and context.has_tls:  # RFC 8689 2: only under TLS
        lines.append("REQUIRETLS")
    if is_submission and not context.logged_in and context.mechanisms:
        lines.append(f"AUTH {' '.join(context.mechanisms)}")
    if is_submission:
        until = datetime.fromtimestamp(context.now() // 1000 + HOLD_SECONDS, UTC)
        lines.append(f"FUTURERELEASE {HOLD_SECONDS} {until:%Y-%m-%dT%H:%M:%SZ}")  # RFC 4865 4
    if is_submission and terms.deliver_by:
        lines.append("DELIVERBY")
    if is_submission and terms.priority:
        lines.append("MT-PRIORITY")
    limits = f"LIMITS RCPTMAX={terms.recipients}"  # RFC 9422
    return [*lines, "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME", "DSN", limits]


@dataclass(slots=True)
class Draft:
    """Fields of an Envelope or a Recipient in the making."""

    context: Context
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parameter:
    """When it is known, and what it says."""

    is_offered: Callable[[Context], bool]
    read: Callable[[str | None, Draft], None]


def read(given: Parameters, table: dict[str, Parameter], context: Context) -> dict[str, Any]:
    """The fields that parameters stand for. Refusal."""
    if not given:
        return {}
    draft = Draft(context)
    for keyword, value in given.items():
        known = table.get(keyword)
        if known is None or not context.extended or not known.is_offered(context):
            raise Refusal(Reply.of(555, "5.3.3", f"parameter {keyword[:40]} is not known"), "unknown-parameter")
        known.read(value, draft)
    return draft.fields


def _size(value: str | None, draft: Draft) -> None:
    size = grammar.number(value, 20)
    if size > draft.context.terms.message_bytes:  # RFC 1870 6.1
        raise too_large(draft.context.terms)
    draft.fields["size"] = size


def too_large(terms: Terms) -> Refusal:
    """The message is, or will be, larger than the listener takes."""
    text = f"the message is larger than {terms.message_bytes} bytes"
    return Refusal(Reply.of(552, "5.3.4", text), "too-large")


def _body(value: str | None, draft: Draft) -> None:
    try:
        draft.fields["body"] = Body((value or "").upper())
    except ValueError:
        raise argument("BODY is 7BIT, 8BITMIME or BINARYMIME") from None


def _smtputf8(value: str | None, draft: Draft) -> None:
    _without_value("SMTPUTF8", value)
    draft.fields["smtputf8"] = True


def _ret(value: str | None, draft: Draft) -> None:
    try:
        draft.fields["ret"] = Return((value or "").upper())
    except ValueError:
        raise argument("RET is FULL or HDRS") from None


def _envelope_id(value: str | None, draft: Draft) -> None:
    draft.fields["envelope_id"] = grammar.xtext(value, grammar.ENVID_CHARACTERS)


def _auth(value: str | None, draft: Draft) -> None:
    """RFC 4954 5: an assertion by another server, which nobody here believes; only its form is looked at."""
    if value != "<>":
        grammar.xtext(value, 500)


def _hold_for(value: str | None, draft: Draft) -> None:
    seconds = grammar.number(value, 9)
    _hold(draft, "hold_for", seconds, seconds * 1000)


def _hold_until(value: str | None, draft: Draft) -> None:
    until = grammar.instant(value)
    _hold(draft, "hold_until", until, until - draft.context.now())


def _hold(draft: Draft, name: str, value: int, milliseconds: int) -> None:
    if draft.fields.keys() & {"hold_for", "hold_until"}:  # RFC 4865 4.1
        raise argument("either HOLDFOR or HOLDUNTIL")
    if not 0 < milliseconds <= HOLD_SECONDS * 1000:
        text = f"mail is held for at most {HOLD_SECONDS} seconds from now"
        raise Refusal(Reply.of(554, "5.5.4", text), "future-release")
    draft.fields[name] = value


def _require_tls(value: str | None, draft: Draft) -> None:
    _without_value("REQUIRETLS", value)
    if not draft.context.has_tls:  # RFC 8689 4.2.1
        raise Refusal(Reply.of(523, "5.7.10", "REQUIRETLS needs TLS"), "requiretls-without-tls")
    draft.fields["require_tls"] = True


_BY: Final = re.compile(r"(-?\d{1,9});([NR])T?", re.IGNORECASE)


def _deliver_by(value: str | None, draft: Draft) -> None:
    found = _BY.fullmatch(value or "")
    returns = found is not None and found[2].upper() == "R"
    if found is None or (returns and int(found[1]) <= 0):  # RFC 2852 4
        raise argument("BY is seconds, a semicolon and N or R")
    draft.fields |= {"deliver_by": int(found[1]), "deliver_by_return": returns}


_PRIORITY: Final = re.compile(r"-?[1-9]|0")


def _priority(value: str | None, draft: Draft) -> None:
    if _PRIORITY.fullmatch(value or "") is None:  # RFC 6710 7
        raise argument("MT-PRIORITY is -9 to 9")
    draft.fields["priority"] = int(value or "0")


def _notify(value: str | None, draft: Draft) -> None:
    draft.fields["notify"] = grammar.notify(value)


def _original(value: str | None, draft: Draft) -> None:
    draft.fields["original"] = grammar.original(value)


def _without_value(keyword: str, value: str | None) -> None:
    if value is not None:
        raise argument(f"{keyword} has no value")


def _always(context: Context) -> bool:
    return True


def _on_submission(context: Context) -> bool:
    return context.terms.kind is Kind.SUBMISSION


MAIL: Final[dict[str, Parameter]] = {
    "SIZE": Parameter(_always, _size),  # RFC 1870
    "BODY": Parameter(_always, _body),  # RFC 6152, RFC 3030
    "SMTPUTF8": Parameter(_always, _smtputf8),  # RFC 6531
    "RET": Parameter(_always, _ret),  # RFC 3461
    "ENVID": Parameter(_always, _envelope_id),
    "AUTH": Parameter(_on_submission, _auth),  # RFC 4954
    "HOLDFOR": Parameter(_on_submission, _hold_for),  # RFC 4865
    "HOLDUNTIL": Parameter(_on_submission, _hold_until),
    "REQUIRETLS": Parameter(lambda context: context.terms.requiretls, _require_tls),  # RFC 8689
    "BY": Parameter(lambda context: _on_submission(context) and context.terms.deliver_by, _deliver_by),  # RFC 2852
    "MT-PRIORITY": Parameter(lambda context: _on_submission(context) and context.terms.priority, _priority),  # RFC 6710
}

RCPT: Final[dict[str, Parameter]] = {
    "NOTIFY": Parameter(_always, _notify),  # RFC 3461
    "ORCPT": Parameter(_always, _original),
}
