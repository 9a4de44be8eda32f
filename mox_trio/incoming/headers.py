"""The fields that are put before a message, in their order:

    X-MoxTrio-Reason         why it was taken (`policy.verdict`)
    Delivered-To             the address it was delivered for (RFC 9228)
    Return-Path              MAIL FROM (RFC 5321 4.4)
    Authentication-Results   what the checks found (RFC 8601)
    Received-SPF             the same of SPF (RFC 7208 9.1)
    Received                 where it came from (RFC 5321 4.4), with the recipient only where there is one

Mail of a trusted site gets neither Authentication-Results nor Received-SPF: nothing was checked. Values of others are
quoted, cut and on one line; nothing here raises for them. What is the same for all recipients is rendered once.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from mox_trio.base import text
from mox_trio.base.address import Address, Literal, Path
from mox_trio.base.domain import Domain
from mox_trio.incoming.evidence import Evidence
from mox_trio.incoming.judge import Subject
from mox_trio.incoming.settings import Settings
from mox_trio.policy.results import ArcStatus, DkimSignature, DmarcPolicy, DmarcStatus, IprevStatus, SpfStatus
from mox_trio.policy.verdict import Verdict
from mox_trio.protocol import auth_results
from mox_trio.protocol.auth_results import Result
from mox_trio.protocol.mime import dates, header_writer
from mox_trio.protocol.smtp.envelope import Client, Envelope, IpAddress

REASON: Final = "X-MoxTrio-Reason"

_HELLO: Final = re.compile(r"[A-Za-z0-9._\[\]:-]{1,255}")
_DOT_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_NEEDS_BACKSLASH: Final = re.compile(r'(["\\])')
_SAID: Final = {
    SpfStatus.PASS: "designates",
    SpfStatus.FAIL: "does not designate",
    SpfStatus.SOFTFAIL: "does not quite designate",
}


@dataclass(frozen=True)
class Fields:
    """The fields of one message; made when it is judged."""

    settings: Settings
    subject: Subject
    now: int
    """Milliseconds since 1970 UTC."""
    _shared: dict[str, bytes] = field(default_factory=dict)
    """By the reason why DMARC was not enforced."""

    def prefix(self, delivered_to: str, verdict: Verdict) -> bytes:
        """All fields for one recipient, each with its CRLF."""
        why = f"{verdict.reason}; {text.without_controls(verdict.detail)}" if verdict.detail else verdict.reason
        own = header_writer.lines(REASON, [why]) + header_writer.lines("Delivered-To", [delivered_to])
        shared = self._shared.get(verdict.override)
        if shared is None:
            shared = self._shared[verdict.override] = self._for_all(verdict.override)
        return own + shared

    def for_notices(self) -> bytes:
        """What a notice shows before the header of the message."""
        return _received(self)

    def _for_all(self, override: str) -> bytes:
        evidence = self.subject.evidence
        fields: list[bytes] = [header_writer.lines("Return-Path", [str(self.subject.envelope.reverse_path)])]
        if evidence is not None:
            subject = self.subject
            checked = _Checked(
                self.settings.hostname,
                evidence,
                subject.content.author,
                subject.remote,
                subject.envelope.reverse_path,
                subject.client.hello[:255],
                override,
            )
            # What was found of a sender without signatures is found again and again.
            fields.append(_of_checks(checked) if evidence.dkim else _of_checks_remembered(checked))
        fields.append(_received(self))
        return b"".join(fields)


class _Checked(NamedTuple):
    """All that the fields about the checks say."""

    hostname: Domain
    evidence: Evidence
    author: Address | None
    remote: str
    reverse_path: Path
    hello: str
    override: str


def _of_checks(checked: _Checked) -> bytes:
    return auth_results.written(checked.hostname, _results(checked)) + _received_spf(checked)


_of_checks_remembered: Final = lru_cache(maxsize=512)(_of_checks)


def _received(fields: Fields) -> bytes:
    client, envelope, settings = fields.subject.client, fields.subject.envelope, fields.settings
    hello = client.hello if _HELLO.fullmatch(client.hello) else "unknown"
    evidence = fields.subject.evidence
    names = evidence.names if evidence is not None else ()
    # RFC 5321 4.4: the name that leads back to the address, where there is one, stands before the address.
    info = " ".join((*names[:1], _literal(client.address)))
    local = f" ({_literal(client.local_address)})" if client.local_address is not None else ""
    words = [f"from {hello} ({info})"]
    arrival = f"by {settings.hostname.ascii}{local} via tcp with {_protocol(client, envelope, lmtp=settings.lmtp)}"
    if client.session:
        arrival += f" id {client.session}"
    if client.tls is not None:
        arrival += f" ({client.tls.version} {client.tls.cipher})"
    if envelope.require_tls:
        arrival += " (requiretls)"
    words.append(arrival)
    recipient = f"for {envelope.recipients[0].path}" if len(envelope.recipients) == 1 else ""
    words.append(f"{recipient}; {dates.format_rfc5322(fields.now)}".lstrip())
    return header_writer.lines("Received", words)


@lru_cache(maxsize=1024)
def _literal(address: IpAddress) -> str:
    return str(Literal(address))


def _protocol(client: Client, envelope: Envelope, *, lmtp: bool) -> str:
    """RFC 3848, RFC 6531 4.3."""
    secure = "S" if client.tls is not None else ""
    if lmtp:
        return f"UTF8LMTP{secure}" if envelope.smtputf8 else f"LMTP{secure}"
    if envelope.smtputf8:
        return f"UTF8SMTP{secure}"
    return f"ESMTP{secure}" if client.extended or secure else "SMTP"


def _received_spf(checked: _Checked) -> bytes:
    spf, host = checked.evidence.spf, checked.hostname.ascii
    domain = spf.domain.ascii if spf.domain is not None else "the sender"
    said = _SAID.get(spf.status, "says nothing certain about")
    pairs = [
        ("client-ip", checked.remote),
        ("envelope-from", str(checked.reverse_path)[1:-1]),
        ("helo", checked.hello),
        *([("problem", spf.detail)] if spf.detail and spf.status in (SpfStatus.TEMPERROR, SpfStatus.PERMERROR) else []),
        *([("mechanism", spf.mechanism)] if spf.mechanism else []),
        ("receiver", host),
        ("identity", spf.identity),
    ]
    keys = " ".join(f"{name}={_keyed(value)};" for name, value in pairs).removesuffix(";")
    return header_writer.lines(
        "Received-SPF", [f"{spf.status.value} ({host}: {domain} {said} {checked.remote} as permitted sender) {keys}"]
    )


def _keyed(value: str) -> str:
    """RFC 7208 9.1: a dot-atom or a quoted string."""
    if _DOT_ATOM.fullmatch(value):
        return value
    return '"' + _NEEDS_BACKSLASH.sub(r"\\\1", text.without_controls(value)) + '"'


def _results(checked: _Checked) -> list[Result]:
    evidence = checked.evidence
    results = [
        Result(
            "iprev",
            evidence.iprev.status.value,
            (("policy.iprev", checked.remote),),
            comment=_dnssec(evidence.iprev.authentic),
            reason="" if evidence.iprev.status is IprevStatus.PASS else evidence.iprev.detail,
        ),
        *(_dkim(each) for each in evidence.dkim),
    ]
    if not evidence.dkim:
        results.append(Result("dkim", "none"))
    spf = evidence.spf
    identity = "smtp.mailfrom" if spf.identity == "mailfrom" else "smtp.helo"
    properties = ((identity, spf.domain.ascii),) if spf.domain is not None else ()
    results.append(Result("spf", spf.status.value, properties, _dnssec(spf.authentic)))
    if evidence.arc.status is not ArcStatus.NONE:  # RFC 8617 10.1
        oldest = (("header.oldest-pass", str(evidence.arc.oldest_pass)),)
        shown = _dnssec(evidence.arc.authentic)
        results.append(Result("arc", evidence.arc.status.value, oldest, shown, evidence.arc.detail))
    results.append(_dmarc(evidence, checked.author, checked.override))
    return results


def _dkim(signature: DkimSignature) -> Result:
    bits = f"{signature.key_bits} bit, " if signature.key_bits else ""
    properties = (
        ("header.d", signature.domain.ascii if signature.domain else ""),
        ("header.s", signature.selector.ascii if signature.selector else ""),
        ("header.a", signature.algorithm),
        ("header.b", signature.signature_b64_prefix),  # RFC 6008
        ("header.i", signature.identity),
    )
    return Result(
        "dkim",
        signature.status.value,
        tuple(each for each in properties if each[1]),
        comment=f"{bits}{'test mode, ' if signature.testing else ''}{_dnssec(signature.authentic)}",
        reason=signature.detail,
    )


def _dmarc(evidence: Evidence, author: Address | None, override: str) -> Result:
    dmarc = evidence.dmarc
    comment = [f"p={dmarc.policy.value}"] if dmarc.domain is not None else []
    if dmarc.status is DmarcStatus.FAIL and not dmarc.applied and dmarc.policy is not DmarcPolicy.NONE:
        comment.append("sampled out")  # RFC 7489 6.6.4
    if override:
        comment.append(f"override {override}")
    properties = (("header.from", author.domain.ascii),) if author is not None else ()
    comment.append(_dnssec(dmarc.authentic))
    return Result("dmarc", dmarc.status.value, properties, ", ".join(comment), dmarc.detail)


def _dnssec(authentic: bool) -> str:
    return "with dnssec" if authentic else "without dnssec"
