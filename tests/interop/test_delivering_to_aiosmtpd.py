"""Deliveries to aiosmtpd, which neither pipelines nor takes chunks, and wants a login where it is told to."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from mox_trio.base.metrics import Metrics
from mox_trio.config.models.secret import SecretRef
from mox_trio.config.models.static import Tls
from mox_trio.config.models.transports import Mechanism, RelayLogin, SubmissionRelay
from mox_trio.outgoing.delivering import Delivering
from mox_trio.outgoing.job import Outcome
from mox_trio.outgoing.way import Settings
from mox_trio.protocol.smtp.envelope import Body
from tests.kit import shared_server, wires
from tests.kit.deliveries import job
from tests.kit.dns import Zone
from tests.kit.mail_hosts import Message

CERTIFICATE = wires.certificate("relay.example")
ZONE = Zone({"y.example": {"MX": [(1, "relay.example")]}, "relay.example": {"A": ["127.0.0.1"]}})


@dataclass
class Taken:
    """A handler of aiosmtpd that keeps what comes."""

    envelopes: list[Envelope] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("no"):
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return "250 2.0.0 taken"


@contextmanager
def listening(**options: Any) -> Iterator[tuple[Taken, int]]:
    (port,) = shared_server.free_ports(1)
    taken = Taken()
    controller = Controller(taken, hostname="127.0.0.1", port=port, enable_SMTPUTF8=True, **options)
    controller.start()
    try:
        yield taken, port
    finally:
        controller.stop()


def delivering(port: int, tls: Tls | None = None) -> Delivering:
    networks = (ip_network("127.0.0.0/8"),)
    return Delivering(
        ZONE, Settings("us.example", port, private_networks=networks, may_loop=True, tls=tls or Tls()), Metrics()
    )


async def test_messages_arrive_one_command_at_a_time() -> None:
    with listening() as (taken, port):
        sent = replace(
            job("you@y.example", "nobody@y.example", message=Message([b"a\n.b\r\n", "ü".encode()])), body=Body.EIGHT_BIT
        )
        results = await delivering(port).deliver(sent)
    assert [each.outcome for each in results] == [Outcome.RELAYED, Outcome.PERMANENT]
    (envelope,) = taken.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("me@us.example", ["you@y.example"])
    assert envelope.original_content == "a\r\n.b\r\nü\r\n".encode()


async def test_a_login_is_made_under_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.load_into(context)
    path, _ = CERTIFICATE.write(tmp_path)
    seen: list[object] = []

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        seen.append((mechanism, data))
        return AuthResult(success=data == LoginPassword(b"mary", b"s3cret"), handled=False)

    monkeypatch.setenv("RELAY_PASSWORD", "s3cret")
    monkeypatch.setenv("WRONG_PASSWORD", "another")
    tls = Tls(ca_files=(path,), system_cas=False)
    with listening(
        tls_context=context, require_starttls=True, authenticator=check, auth_required=True, auth_require_tls=True
    ) as (taken, port):
        mechanisms: tuple[Mechanism, ...] = ("PLAIN", "LOGIN")
        for mechanism in mechanisms:
            for variable, outcome in (("RELAY_PASSWORD", Outcome.RELAYED), ("WRONG_PASSWORD", Outcome.TEMPORARY)):
                secret = SecretRef(environment=variable)
                login = RelayLogin(username="mary", password=secret, mechanisms=(mechanism,))
                by = SubmissionRelay(host="relay.example", port=port, login=login)
                (result,) = await delivering(1, tls).deliver(replace(job(), transport=by))
                assert (result.outcome, result.secure) == (outcome, "TLSv1.3" if outcome is Outcome.RELAYED else "")
    assert len(taken.envelopes) == 2
    assert len(seen) == 4
