"""What the checks found about a message, as its row keeps it (`storage_backends.index.tables.emails.Evidence`)."""

import ipaddress
from functools import lru_cache

from mox_trio.base.address import Path
from mox_trio.incoming.judge import Subject
from mox_trio.policy.results import Alignment, Dmarc, DmarcStatus
from mox_trio.policy.verdict import Verdict
from mox_trio.protocol.smtp.envelope import IpAddress
from storage_backends.index.tables.emails import Evidence


def evidence(subject: Subject, recipient: Path, verdict: Verdict) -> Evidence:
    """The columns for one recipient. Of forwarded mail nothing is kept that would be held against who forwards it, but in
    the columns `orig_...`.
    """
    client, envelope, found = subject.client, subject.envelope, subject.evidence
    path = envelope.reverse_path
    author = subject.content.author
    masked = ("", "", "") if verdict.is_forward else _masked(client.address)
    dkim = " ".join(dict.fromkeys(each.ascii for each in subject.facts.dkim))
    spf = found.spf if found is not None else None
    of_hello = spf is not None and spf.identity == "helo"
    org = found.dmarc.org_domain if found is not None else None
    return Evidence(
        remote_ip=subject.remote,
        remote_ip_masked1=masked[0],
        remote_ip_masked2=masked[1],
        remote_ip_masked3=masked[2],
        ehlo_domain="" if verdict.is_forward else client.hello[:255],
        mail_from=subject.facts.mail_from,
        mail_from_localpart=path.localpart,
        mail_from_domain="" if verdict.is_forward or path.host is None else _host(path),
        rcpt_to_localpart=recipient.localpart,
        rcpt_to_domain=_host(recipient),
        msg_from_domain=author.domain.ascii if author is not None else "",
        msg_from_org_domain=org.ascii if org is not None else "",
        ehlo_validation=spf.status.value if spf is not None and of_hello else "unknown",
        mail_from_validation=spf.status.value if spf is not None and not of_hello else "unknown",
        msg_from_validation=_validation(found.dmarc) if found is not None else "unknown",
        dkim_domains="" if verdict.is_forward else dkim,
        orig_ehlo_domain=client.hello[:255] if verdict.is_forward else "",
        orig_dkim_domains=dkim if verdict.is_forward else "",
        tls_version=client.tls.version if client.tls is not None else "",
        tls_cipher=client.tls.cipher if client.tls is not None else "",
        require_tls=int(envelope.require_tls),
        is_dsn=int(path.is_null and subject.content.is_notice),
        is_reject=int(verdict.is_reject),
        is_forward=int(verdict.is_forward),
        is_mailing_list=int(verdict.is_mailing_list),
        reason=verdict.reason,
    )


def _host(path: Path) -> str:
    return "" if path.host is None else getattr(path.host, "ascii", str(path.host))


def _validation(dmarc: Dmarc) -> str:
    """How sure it is that From is true, in the words of the column."""
    if dmarc.aligned is Alignment.STRICT:
        return "strict"
    if dmarc.status is DmarcStatus.PASS:
        return "dmarc"
    return "relaxed" if dmarc.aligned is Alignment.RELAXED else "none"


@lru_cache(maxsize=4096)
def _masked(address: IpAddress) -> tuple[str, str, str]:
    """The address, its neighbourhood and its region: IPv4 /32, /26, /21; IPv6 /64, /48, /32."""
    lengths = (32, 26, 21) if address.version == 4 else (64, 48, 32)
    first, second, third = (
        str(ipaddress.ip_network((address, length), strict=False).network_address) for length in lengths
    )
    return first, second, third
