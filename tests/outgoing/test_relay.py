"""Mail that leaves by a relay: its TLS, its login, and what is final about it."""

import logging
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from pydantic import TypeAdapter

from mox_trio.config.models.secret import SecretRef
from mox_trio.config.models.static import Tls
from mox_trio.config.models.transports import RelayLogin, SmtpRelay, SubmissionRelay, SubmissionsRelay, Transport
from mox_trio.outgoing.job import Job, Outcome
from tests.kit import wires
from tests.kit.deliveries import World, job, world
from tests.kit.mail_hosts import Host

CERTIFICATE = wires.certificate("relay.example")
SCRAMS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "CRAM-MD5")


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> RelayLogin:
    monkeypatch.setenv("RELAY_PASSWORD", "secret")
    return RelayLogin(username="mary", password=SecretRef(environment="RELAY_PASSWORD"))


@pytest.fixture
def here(nursery: trio.Nursery, tmp_path: Path) -> World:
    """A server that believes the relay's certificate."""
    path, _ = CERTIFICATE.write(tmp_path)
    return world(nursery, tls=Tls(ca_files=(path,), system_cas=False), private_networks=())


def relayed(transport: SmtpRelay | SubmissionRelay | SubmissionsRelay, *addresses: str) -> Job:
    return replace(job(*addresses), transport=transport)


def relay_host(here: World, *extensions: str, port: int = 587, **how: object) -> Host:
    offered = ("PIPELINING", "DSN", *extensions)
    return here.network.host("192.0.2.99", Host(offered, certificate=CERTIFICATE, **how), port=port)  # type: ignore[arg-type]


async def test_mail_for_any_domain_goes_to_the_relay(here: World) -> None:
    host = relay_host(here)
    (result,) = await here.deliver(relayed(SubmissionRelay(host="relay.example"), "you@nowhere.example"))
    assert (result.outcome, result.remote_host, result.secure) == (Outcome.DELIVERED, "relay.example", "TLSv1.3")
    assert host.messages[0].recipients == ("<you@nowhere.example>",)
    assert host.tls_names == ["relay.example"]


async def test_tls_from_the_first_byte(here: World) -> None:
    host = relay_host(here, port=465, implicit_tls=True)
    (result,) = await here.deliver(relayed(SubmissionsRelay(host="relay.example")))
    assert (result.outcome, result.secure) == (Outcome.DELIVERED, "TLSv1.3")
    assert "STARTTLS" not in host.lines


async def test_a_relay_named_by_its_address_is_dialled_there(here: World) -> None:
    host = relay_host(here, port=25)
    transport = SmtpRelay(host="[192.0.2.99]", starttls=False)
    (result,) = await here.deliver(relayed(transport))
    assert (result.outcome, result.remote_host, result.secure) == (Outcome.DELIVERED, "192.0.2.99", "")
    assert len(host.messages) == 1
    assert here.zone.asked == []


async def test_a_certificate_for_another_name_is_refused(here: World, nursery: trio.Nursery) -> None:
    here.zone.set("other.example", "A", ["192.0.2.99"])
    host = relay_host(here)
    (result,) = await here.deliver(relayed(SubmissionRelay(host="other.example")))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.7.5")
    assert "certificate" in result.detail
    assert (host.messages, host.connections) == ([], 1)


async def test_a_certificate_of_nobody_is_refused_unless_told_otherwise(nursery: trio.Nursery) -> None:
    here = world(nursery, tls=Tls(system_cas=False))
    relay_host(here)
    (result,) = await here.deliver(relayed(SubmissionRelay(host="relay.example")))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.7.5")
    (result,) = await here.deliver(relayed(SubmissionRelay(host="relay.example", verify_tls=False)))
    assert (result.outcome, result.secure) == (Outcome.DELIVERED, "TLSv1.3")


async def test_tls_that_is_not_offered_is_asked_for_and_nothing_is_sent_in_the_clear(here: World) -> None:
    host = here.network.host("192.0.2.99", Host(), port=587)
    (result,) = await here.deliver(relayed(SubmissionRelay(host="relay.example")))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.7.4")
    assert "STARTTLS" in host.lines
    assert not any(line.startswith("MAIL") for line in host.lines)


async def test_authorities_that_cannot_be_read_are_for_the_administrator(nursery: trio.Nursery, tmp_path: Path) -> None:
    here = world(nursery, tls=Tls(ca_files=(tmp_path / "nothing",)))
    relay_host(here)
    (result,) = await here.deliver(relayed(SubmissionRelay(host="relay.example")))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.7.5")


async def test_a_relay_that_dns_does_not_know_is_temporary(here: World) -> None:
    (result,) = await here.deliver(relayed(SubmissionRelay(host="gone.example")))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.4.4")


@pytest.mark.parametrize(
    ("host", "status"), [("Relay.Example.", "2.0.0"), ("relay.bücher.example", "2.0.0"), ("relay example", "4.4.4")]
)
async def test_a_relay_may_be_written_in_any_way_that_names_it(here: World, host: str, status: str) -> None:
    here.zone.set("relay.xn--bcher-kva.example", "A", ["192.0.2.99"])
    relay_host(here)
    (result,) = await here.deliver(relayed(SubmissionRelay(host=host, verify_tls=False)))
    assert result.status == status


@pytest.mark.parametrize("greeting", ["554 5.7.1 go away", "421 busy", "554 no"])
async def test_a_relay_that_does_not_want_us_is_temporary(here: World, greeting: str) -> None:
    relay_host(here, answers={"connect": [greeting]})
    (result,) = await here.deliver(relayed(SubmissionRelay(host="relay.example")))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.7.0")


async def test_what_a_relay_says_of_a_recipient_is_final(here: World) -> None:
    relay_host(here, answers={"RCPT": ["550 5.1.1 nobody", "usual"]})
    results = await here.deliver(relayed(SubmissionRelay(host="relay.example"), "a@y.example", "b@y.example"))
    assert [each.outcome for each in results] == [Outcome.PERMANENT, Outcome.DELIVERED]


async def test_a_message_that_requires_tls_goes_to_a_verified_relay_that_knows_what_that_is(here: World) -> None:
    sent = replace(relayed(SubmissionRelay(host="relay.example")), require_tls=True)
    relay_host(here)
    assert await here.outcomes(sent) == [(Outcome.PERMANENT, "5.7.30")]
    host = relay_host(here, "REQUIRETLS")
    assert await here.outcomes(sent) == [(Outcome.DELIVERED, "2.0.0")]
    assert host.messages[0].sender == "<me@us.example> REQUIRETLS"
    unverified = replace(sent, transport=SubmissionRelay(host="relay.example", verify_tls=False))
    assert await here.outcomes(unverified) == [(Outcome.PERMANENT, "5.7.30")]
    assert len(host.messages) == 1


@pytest.mark.parametrize(
    ("offered", "used"),
    [
        ("PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"),  # TLS 1.3 cannot bind
        ("SCRAM-SHA-1 PLAIN", "SCRAM-SHA-1"),
        ("PLAIN CRAM-MD5", "CRAM-MD5"),
    ],
)
async def test_the_strongest_login_that_works_is_used(here: World, login: RelayLogin, offered: str, used: str) -> None:
    host = relay_host(here, f"AUTH {offered}")
    assert await here.outcomes(relayed(SubmissionRelay(host="relay.example", login=login))) == [
        (Outcome.DELIVERED, "2.0.0")
    ]
    assert host.logins == [used]


@pytest.mark.parametrize(("broken", "used"), [(False, "SCRAM-SHA-256-PLUS"), (True, "SCRAM-SHA-256")])
async def test_below_tls_1_3_the_channel_is_bound_or_tried_without(
    here: World, login: RelayLogin, monkeypatch: pytest.MonkeyPatch, broken: bool, used: str
) -> None:
    class Old(wires.Fixed):
        def __init__(self, made: wires.Made) -> None:
            super().__init__(made)
            self._chosen.context.maximum_version = ssl.TLSVersion.TLSv1_2

    monkeypatch.setattr(wires, "Fixed", Old)
    host = relay_host(here, "AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS", broken_bindings=broken)
    (result,) = await here.deliver(relayed(SubmissionRelay(host="relay.example", login=login)))
    assert (result.outcome, result.secure) == (Outcome.DELIVERED, "TLSv1.2")
    assert host.logins == [used]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_passwords_are_sent_only_where_listed(here: World, login: RelayLogin, mechanism: str) -> None:
    host = relay_host(here, f"AUTH {mechanism}")
    (result,) = await here.deliver(relayed(SubmissionRelay(host="relay.example", login=login)))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.7.0")
    assert not any(line.startswith("AUTH") for line in host.lines)
    listed = login.model_copy(update={"mechanisms": (*SCRAMS, mechanism)})
    (result,) = await here.deliver(relayed(SubmissionRelay(host="relay.example", login=listed)))
    assert result.outcome is Outcome.DELIVERED
    assert host.logins == [mechanism]


async def test_a_wrong_password_is_temporary_and_in_the_log_without_the_password(
    here: World, login: RelayLogin, caplog: pytest.LogCaptureFixture
) -> None:
    host = relay_host(here, "AUTH SCRAM-SHA-256 CRAM-MD5", password="another")
    with caplog.at_level(logging.DEBUG):
        (result,) = await here.deliver(relayed(SubmissionRelay(host="relay.example", login=login)))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.7.0")
    assert sum(line.startswith("AUTH") for line in host.lines) == 1
    assert "login at relay failed" in caplog.messages
    assert "secret" not in str([vars(each) for each in caplog.records]) + result.detail


async def test_a_password_that_is_not_there_is_temporary(here: World) -> None:
    login = RelayLogin(username="mary", password=SecretRef(environment="NO_SUCH_PASSWORD"))
    host = relay_host(here, "AUTH SCRAM-SHA-256")
    (result,) = await here.deliver(relayed(SubmissionRelay(host="relay.example", login=login)))
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.7.0")
    assert host.logins == []


async def test_a_relay_that_says_yes_without_proving_anything_is_not_believed(here: World, login: RelayLogin) -> None:
    host = relay_host(here, "AUTH SCRAM-SHA-256")
    host.answers["AUTH"] = ["235 2.7.0 welcome, whoever you are"]
    host.password = "not the password, so that it has no signature"
    (result,) = await here.deliver(relayed(SubmissionRelay(host="relay.example", login=login)))
    assert (result.outcome, host.messages) == (Outcome.TEMPORARY, [])


def test_every_transport_can_be_a_key() -> None:
    kinds = [{"kind": "smtp", "host": "a"}, {"kind": "direct"}, {"kind": "fail"}, {"kind": "submissions", "host": "b"}]
    adapter: TypeAdapter[object] = TypeAdapter(Transport)
    assert len({adapter.validate_python(each) for each in kinds}) == 4
