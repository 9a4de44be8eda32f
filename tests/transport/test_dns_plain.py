"""Plain answers of DNS, read without dnspython: the same result, or none."""

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.base import limits
from mox_trio.policy.questions import Answer, Kind, Mx, Record, Status
from mox_trio.transport import dns_plain


def made(
    kind: Kind, records: list[str], name: str = "host.example.", flags: int = 0, ttl: int = 300
) -> tuple[bytes, int]:
    """A message with these records, and where its answers begin."""
    query = dns.message.make_query(name, kind.value)
    response = dns.message.make_response(query)
    response.flags |= flags
    if records:
        response.answer.append(dns.rrset.from_text(name, ttl, "IN", kind.value, *records))
    return response.to_wire(), len(query.to_wire())


@pytest.mark.parametrize(
    ("kind", "records", "expected"),
    [
        (Kind.A, ["192.0.2.1", "192.0.2.2"], ("192.0.2.1", "192.0.2.2")),
        (Kind.AAAA, ["2001:db8:0:0::1"], ("2001:db8::1",)),
        (
            Kind.MX,
            ["10 MX.host.example.", "20 mail.other.example."],
            (Mx(10, "mx.host.example"), Mx(20, "mail.other.example")),
        ),
        (Kind.MX, ["0 ."], (Mx(0, ""),)),
        (Kind.PTR, ["host.example."], ("host.example",)),
        (Kind.TXT, ['"v=spf1 " "-all"', '""'], (b"v=spf1 -all", b"")),
    ],
)
def test_plain_answers_are_read(kind: Kind, records: list[str], expected: tuple[Record, ...]) -> None:
    found = dns_plain.maybe_answer(kind, *made(kind, records))  # dnspython writes them in any order
    assert found is not None
    assert sorted(map(repr, found.records)) == sorted(map(repr, expected))
    assert found == Answer(Status.FOUND, found.records, ttl=300)


def test_the_bit_for_signed_answers_is_read() -> None:
    found = dns_plain.maybe_answer(Kind.A, *made(Kind.A, ["192.0.2.1"], flags=dns.flags.AD))
    assert found is not None
    assert found.authentic


@pytest.mark.parametrize(
    ("wire", "start"),
    [
        made(Kind.A, ["192.0.2.1"], flags=dns.flags.TC),
        made(Kind.A, [], flags=dns.flags.TC),
        made(Kind.AAAA, ["2001:db8::1"]),
        made(Kind.A, [f"10.0.{each}.1" for each in range(limits.DNS_ANSWER_RECORDS + 1)]),
    ],
    ids=["truncated", "nothing, truncated", "another type", "too many"],
)
def test_what_is_not_plain_is_left_to_others(wire: bytes, start: int) -> None:
    assert dns_plain.maybe_answer(Kind.A, wire, start) is None


def nothing(code: dns.rcode.Rcode, *authority: str, name: str = "a.host.example.") -> tuple[bytes, int]:
    """A message that there are no such records, and where its answers would begin."""
    query = dns.message.make_query(name, "MX")
    response = dns.message.make_response(query)
    response.set_rcode(code)
    for each in authority:
        owner, ttl, kind, data = each.split(maxsplit=3)
        response.authority.append(dns.rrset.from_text(owner, int(ttl), "IN", kind, data))
    return response.to_wire(), len(query.to_wire())


NUMBERS = "1 3600 900 604800"


@pytest.mark.parametrize(
    ("code", "status"), [(dns.rcode.NOERROR, Status.NO_DATA), (dns.rcode.NXDOMAIN, Status.NO_NAME)]
)
@pytest.mark.parametrize(
    ("authority", "ttl"),
    [
        ((), 0),
        ((f"host.example. 300 SOA ns.host.example. mail.host.example. {NUMBERS} 60",), 60),
        ((f"example. 30 SOA ns.host.example. mail.host.example. {NUMBERS} 60",), 30),
        ((f". 30 SOA a.root-servers.example. nstld.example. {NUMBERS} 60",), 30),
    ],
)
def test_that_there_is_nothing_is_read_with_its_time(
    code: dns.rcode.Rcode, status: Status, authority: tuple[str, ...], ttl: int
) -> None:
    wire, start = nothing(code, *authority)
    assert dns_plain.maybe_answer(Kind.MX, wire, start) == Answer(status, ttl=ttl)
    for stop in range(start, len(wire)):
        assert dns_plain.maybe_answer(Kind.MX, wire[:stop], start) is None


@pytest.mark.parametrize(
    ("code", "authority"),
    [
        (dns.rcode.SERVFAIL, ()),
        (dns.rcode.NOERROR, ("host.example. 300 NS ns.host.example.",)),
        (dns.rcode.NXDOMAIN, (f"other.test. 300 SOA ns.other.test. mail.other.test. {NUMBERS} 60",)),
        (
            dns.rcode.NXDOMAIN,
            (f"host.example. 300 SOA ns. mail. {NUMBERS} 60", "host.example. 300 NS ns.host.example."),
        ),
    ],
    ids=["trouble", "a referral", "the zone of others", "more than an SOA"],
)
def test_nothing_that_is_less_plain_is_left_to_others(code: dns.rcode.Rcode, authority: tuple[str, ...]) -> None:
    assert dns_plain.maybe_answer(Kind.MX, *nothing(code, *authority)) is None


def test_a_name_with_unusual_octets_is_left_to_others() -> None:
    assert dns_plain.maybe_answer(Kind.PTR, *made(Kind.PTR, [r"a\.b.example."])) is None


def test_a_pointer_that_leads_to_itself_or_forward_is_not_followed() -> None:
    wire, start = made(Kind.PTR, ["other.test."])
    at = start + 12
    for target in (at, at + 2, len(wire), 0x3FFF):
        looped = wire[: at - 2] + b"\0\2" + (0xC000 | target).to_bytes(2, "big")
        assert dns_plain.maybe_answer(Kind.PTR, looped, start) is None


@pytest.mark.parametrize("kind", [Kind.A, Kind.AAAA, Kind.MX, Kind.TXT, Kind.PTR])
def test_a_message_that_was_cut_is_no_answer(kind: Kind) -> None:
    record = {
        Kind.A: "192.0.2.1",
        Kind.AAAA: "2001:db8::1",
        Kind.MX: "10 a.test.",
        Kind.TXT: '"text"',
        Kind.PTR: "a.test.",
    }
    wire, start = made(kind, [record[kind]])
    assert dns_plain.maybe_answer(kind, wire, start) is not None
    assert [dns_plain.maybe_answer(kind, wire[:stop], start) for stop in range(len(wire))] == [None] * len(wire)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from([Kind.A, Kind.AAAA, Kind.MX, Kind.TXT, Kind.PTR]))
def test_octets_that_were_changed_raise_nothing(data: st.DataObject, kind: Kind) -> None:
    wire, start = made(Kind.MX, ["10 mx.host.example.", "20 mail.other.example."])
    changed = bytearray(wire)
    for _ in range(data.draw(st.integers(1, 5))):
        changed[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    found = dns_plain.maybe_answer(kind, bytes(changed), start)
    assert found is None or found.records or found.status is not Status.FOUND
