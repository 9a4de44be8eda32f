"""TLS of deliveries: where it is offered, when it fails, and that nobody in between gets a word in."""

import pytest
import trio
import trio.testing

from mox_trio.outgoing.job import Outcome
from tests.kit import wires
from tests.kit.deliveries import job, world
from tests.kit.mail_hosts import Host

CERTIFICATE = wires.certificate("some.other.name.example")
Clock = trio.testing.MockClock


async def test_tls_is_used_where_it_is_offered_with_any_certificate(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(certificate=CERTIFICATE))
    (result,) = await here.deliver(job())
    assert (result.outcome, result.secure) == (Outcome.DELIVERED, "TLSv1.3")
    assert host.tls_names == ["mail.y.example"]
    assert host.lines[:4] == [
        "EHLO us.example",
        "STARTTLS",
        "EHLO us.example",
        "MAIL FROM:<me@us.example> SIZE=22 BODY=8BITMIME",
    ]
    assert here.count("queue_plaintext_fallback_total") == ["moxtrio_queue_plaintext_fallback_total 0.0"]


async def test_a_failed_handshake_is_followed_by_a_connection_in_the_clear(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(certificate=CERTIFICATE, handshake_fails=True))
    (result,) = await here.deliver(job())
    assert (result.outcome, result.secure) == (Outcome.DELIVERED, "")
    assert host.connections == 2
    assert here.count("queue_plaintext_fallback_total") == ["moxtrio_queue_plaintext_fallback_total 1.0"]


async def test_a_refused_starttls_goes_on_in_the_clear(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(certificate=CERTIFICATE, answers={"STARTTLS": ["454 4.7.0 not now"]}))
    (result,) = await here.deliver(job())
    assert (result.outcome, result.secure, host.connections) == (Outcome.DELIVERED, "", 1)


async def test_what_follows_the_reply_to_starttls_ends_the_connection(nursery: trio.Nursery) -> None:
    here = world(nursery)
    injected = "220 go\r\n250-mail.example\r\n250 PIPELINING"
    host = here.network.host("192.0.2.1", Host(certificate=CERTIFICATE, answers={"STARTTLS": [injected]}))
    (result,) = await here.deliver(job())
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.5.0")
    assert host.messages == []


async def test_an_address_is_no_name_to_ask_for(nursery: trio.Nursery) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.77", Host(certificate=CERTIFICATE))
    (result,) = await here.deliver(job("you@[192.0.2.77]"))
    assert (result.outcome, result.secure) == (Outcome.DELIVERED, "TLSv1.3")
    assert host.tls_names == [""]


@pytest.mark.parametrize("step", ["EHLO", "STARTTLS"])
async def test_silence_before_tls_is_trouble_and_no_reason_for_the_clear(
    nursery: trio.Nursery, autojump_clock: Clock, step: str
) -> None:
    here = world(nursery)
    host = here.network.host("192.0.2.1", Host(certificate=CERTIFICATE, answers={step: [None]}))
    (result,) = await here.deliver(job())
    assert (result.outcome, host.connections) == (Outcome.TEMPORARY, 1)
