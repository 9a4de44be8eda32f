"""SPF: the OpenSPF suites through our adapter (394 of 394), and what the adapter adds to pyspf."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.base.address import Path
from mox_trio.policy import spf
from mox_trio.policy.questions import Kind, Question
from mox_trio.policy.results import Spf, SpfStatus
from tests.kit import conformance
from tests.kit.dns import Zone, decide

SUITES = conformance.DIRECTORY / "spf/test"
CLIENT = ipaddress.ip_address("192.0.2.1")


@dataclass(frozen=True)
class Case:
    suite: str
    name: str
    facts: dict[str, Any]
    zone: dict[str, Any]


def cases() -> Iterator[Case]:
    import yaml

    for suite in ("rfc7208-tests", "rfc4408-tests"):
        file = SUITES / f"{suite}.yml"
        if not file.exists():
            continue
        for scenario in yaml.load_all(file.read_text("utf-8"), Loader=yaml.CSafeLoader):
            for name, facts in scenario["tests"].items():
                yield Case(suite, name, facts, scenario["zonedata"])


def octets(written: Any) -> bytes:
    """The suites write octets as characters."""
    return "".join([written] if isinstance(written, str) else written).encode("latin-1", "replace")


def zone_of(names: dict[str, Any]) -> Zone:
    """The zone of a scenario, as the drivers of the suites read it: SPF records stand for TXT where there are none."""
    zone: dict[str, dict[str, list[Any]]] = {}
    trouble: set[str | tuple[str, str]] = set()
    for written_name, rows in names.items():
        name = written_name.lower()
        records = zone.setdefault(name, {})
        types = [next(iter(row)) for row in rows if isinstance(row, dict)]
        for row in rows:
            if row == "TIMEOUT":
                # Before it, in the rows, stands what is answered nevertheless.
                trouble |= {(name, kind.value) for kind in Kind if kind.value not in records}
                continue
            kind, value = next(iter(row.items()))
            if kind == "SPF" and "TXT" not in types:
                kind = "TXT"
            if kind == "SPF" or value == "NONE":
                continue
            records.setdefault(kind, []).append(
                octets(value) if kind == "TXT" else tuple(value) if kind == "MX" else str(value)
            )
    return Zone(zone, trouble=trouble)


@pytest.mark.skipif(not SUITES.exists(), reason=f"{SUITES} is not there")
@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.suite}-{case.name}")
def test_the_suites_agree(case: Case) -> None:
    result = decide(
        spf.check_identity(
            ipaddress.ip_address(case.facts["host"]),
            "mailfrom" if case.facts["mailfrom"] else "helo",
            case.facts["mailfrom"] or f"postmaster@{case.facts['helo']}",
            case.facts["helo"],
            receiver="receiver.example",
            now=1000.0,
        ),
        zone_of(case.zone),
    )
    expected = case.facts["result"]
    allowed = [expected] if isinstance(expected, str) else expected
    assert result.status.value in allowed
    if "explanation" in case.facts and result.status is SpfStatus.FAIL:
        wanted = case.facts["explanation"]
        assert result.explanation == ("" if wanted == "DEFAULT" else wanted)


def result(
    zone: Zone,
    client: str = "192.0.2.1",
    path: str = "<mary@x.example>",
    hello: str = "mail.x.example",
    *,
    now: float = 1000.0,
) -> Spf:
    return decide(
        spf.check(ipaddress.ip_address(client), Path.parse(path), hello, receiver="mx.y.example", now=now), zone
    )


def published(record: str | bytes, **more: dict[str, list[Any]]) -> dict[str, dict[str, list[Any]]]:
    return {"x.example": {"TXT": [record]}} | {f"{name}.x.example": records for name, records in more.items()}


class TestIdentity:
    ZONE = Zone({"x.example": {"TXT": ["v=spf1 -all"]}, "mail.x.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}})

    @pytest.mark.parametrize(
        ("path", "hello", "identity", "domain", "status"),
        [
            ("<mary@x.example>", "mail.x.example", "mailfrom", "x.example", SpfStatus.FAIL),
            ('<"a@b"@x.example>', "mail.x.example", "mailfrom", "x.example", SpfStatus.FAIL),
            ("<>", "mail.x.example", "helo", "mail.x.example", SpfStatus.PASS),
            ("<>", "[192.0.2.1]", "helo", None, SpfStatus.NONE),
            ("<>", "not a name", "helo", None, SpfStatus.NONE),
            ("<>", "caf\u00e9", "helo", "xn--caf-dma", SpfStatus.NONE),
            ("<mary@[192.0.2.1]>", "mail.x.example", "mailfrom", None, SpfStatus.NONE),
            ("<mary@nowhere.example>", "mail.x.example", "mailfrom", "nowhere.example", SpfStatus.NONE),
        ],
    )
    def test_the_domain_of_mail_from_or_else_of_helo(
        self, path: str, hello: str, identity: str, domain: str | None, status: SpfStatus
    ) -> None:
        found = result(self.ZONE, path=path, hello=hello)
        assert (found.identity, found.domain and found.domain.ascii, found.status) == (identity, domain, status)

    def test_a_mapped_address_is_an_ipv4_address(self) -> None:
        assert result(Zone(published("v=spf1 ip4:192.0.2.1 -all")), "::ffff:192.0.2.1").status is SpfStatus.PASS


class TestQuestions:
    def test_each_is_asked_once(self) -> None:
        zone = Zone(
            published(
                "v=spf1 include:a.x.example include:a.x.example mx -all", a={"TXT": ["v=spf1 a:mail.x.example ?all"]}
            )
            | {"mail.x.example": {"A": ["192.0.2.7"]}}
        )
        zone.set("x.example", "MX", [(10, "mail.x.example")])
        assert result(zone).status is SpfStatus.FAIL
        assert len(zone.asked) == len(set(zone.asked)) == 4

    def test_a_term_that_decides_ends_the_asking(self) -> None:
        zone = Zone(published("v=spf1 ip4:192.0.2.1 include:never.example -all"))
        found = result(zone)
        assert (found.status, found.mechanism) == (SpfStatus.PASS, "ip4:192.0.2.1")
        assert zone.asked == [Question("x.example", Kind.TXT)]

    @pytest.mark.parametrize(("octets", "asked"), [(63, 2), (64, 1)])
    def test_what_a_macro_makes_is_asked_for_only_where_it_is_a_name(self, octets: int, asked: int) -> None:
        zone = Zone(published("v=spf1 exists:%{l}.x.example -all"))
        assert result(zone, path=f"<{'m' * octets}@x.example>").status is SpfStatus.FAIL
        assert len(zone.asked) == asked  # RFC 1035 2.3.4: a label has 63 octets

    def test_the_hosts_of_a_domain_are_asked_for_in_one_round(self) -> None:
        hosts = {f"m{number}.x.example": {"A": ["192.0.2.9"]} for number in range(10)}
        zone = Zone(published("v=spf1 mx mx:b.x.example -all") | hosts)
        zone.set("x.example", "MX", [(number, f"m{number}.x.example") for number in range(10)])
        zone.set("b.x.example", "MX", [(number, f"m{number}.x.example") for number in range(10)])
        assert result(zone).status is SpfStatus.FAIL
        assert len(zone.asked) == 13

    def test_the_worst_record_ends(self) -> None:
        """Ten terms, ten hosts each: the most that RFC 7208 4.6.4 lets anybody ask for."""
        names = published("v=spf1 " + " ".join(f"mx:d{number}.x.example" for number in range(10)) + " -all")
        zone = Zone(names)
        for number in range(10):
            zone.set(f"d{number}.x.example", "MX", [(host, f"h{host}.d{number}.x.example") for host in range(10)])
            for host in range(10):
                zone.set(f"h{host}.d{number}.x.example", "A", ["192.0.2.9"])
        assert result(zone).status is SpfStatus.FAIL
        assert len(zone.asked) == 111

    @pytest.mark.parametrize("name", ["x.example", "a.x.example", "m.x.example"])
    def test_trouble_anywhere_is_a_temporary_error(self, name: str) -> None:
        zone = Zone(
            published("v=spf1 include:a.x.example mx -all", a={"TXT": ["v=spf1 ?all"]}, m={"A": ["192.0.2.1"]}),
            trouble={(name, "TXT"), (name, "A")},
        )
        zone.set("x.example", "MX", [(10, "m.x.example")])
        assert result(zone).status is SpfStatus.TEMPERROR

    def test_trouble_with_names_of_the_client_is_no_match(self) -> None:
        """RFC 7208 5.5."""
        zone = Zone(published("v=spf1 ptr -all"), trouble={"1.2.0.192.in-addr.arpa"})
        assert result(zone).status is SpfStatus.FAIL

    @pytest.mark.parametrize(("signed", "authentic"), [({"x.example", "m.x.example"}, True), ({"x.example"}, False)])
    def test_it_is_authentic_where_every_answer_was(self, signed: set[str], authentic: bool) -> None:
        zone = Zone(published("v=spf1 a:m.x.example -all", m={"A": ["192.0.2.1"]}), authentic=signed)
        found = result(zone)
        assert (found.status, found.authentic) == (SpfStatus.PASS, authentic)


class TestLimits:
    @pytest.mark.parametrize(
        ("record", "status"),
        [
            ("v=spf1 " + "ip4:192.0.2.200 " * 200 + "-all", SpfStatus.FAIL),
            ("v=spf1 " + "ip4:192.0.2.200 " * 300 + "-all", SpfStatus.PERMERROR),
            ("v=spf1 exists:" + "%{d}." * 120 + "x.example -all", SpfStatus.PERMERROR),
            ("v=spf1 " + " ".join(f"a:a{number}.x.example" for number in range(11)), SpfStatus.PERMERROR),
            ("v=spf1 a:n1.x.example a:n2.x.example a:n3.x.example ip4:192.0.2.1", SpfStatus.PERMERROR),
        ],
    )
    def test_records_that_ask_too_much_are_wrong(self, record: str, status: SpfStatus) -> None:
        names = published(record) | {f"a{number}.x.example": {"A": ["192.0.2.9"]} for number in range(11)}
        assert result(Zone(names)).status is status

    @settings(max_examples=100)
    @given(
        st.lists(
            st.one_of(
                st.sampled_from(
                    ["a", "mx", "ptr", "-all", "redirect=x.example", "exp=e.x.example", "include:x.example"]
                ),
                st.text("%{}slodipvhcrt0123456789.-+,/_=:~?eEaxmp", max_size=30),
            ),
            max_size=6,
        )
    )
    def test_whatever_a_record_holds_there_is_a_result(self, terms: list[str]) -> None:
        zone = Zone(published("v=spf1 " + " ".join(terms), e={"TXT": ["%{c} %{r} %{t} " + " ".join(terms)]}))
        assert isinstance(result(zone).status, SpfStatus)


class TestExplanation:
    NAMES = published("v=spf1 exp=e.x.example -all", e={"TXT": ["%{c} is bad; ask %{r} at %{t} about %{s}"]})

    def test_it_is_expanded_for_the_receiver_and_the_time_given(self) -> None:
        assert result(Zone(self.NAMES), now=77.9).explanation == (
            "192.0.2.1 is bad; ask mx.y.example at 77 about mary@x.example"
        )

    def test_it_is_only_asked_for_where_the_check_failed(self) -> None:
        zone = Zone(published("v=spf1 exp=e.x.example ip4:192.0.2.1 -all"))
        assert result(zone).explanation == ""
        assert zone.asked == [Question("x.example", Kind.TXT)]

    @pytest.mark.parametrize(
        ("text", "explanation"),
        [
            (b"caf\xc3\xa9", ""),
            (b"two\r\nlines\x00\x7f", "twolines"),
            (b"%{bad", "%{bad"),
            (b"%(bad)", ""),
            (b"a" * 4000, "a" * 800),
            (b"a" * 5000, ""),
        ],
    )
    def test_it_is_made_fit_for_a_log(self, text: bytes, explanation: str) -> None:
        names = published("v=spf1 exp=e.x.example -all", e={"TXT": [text]})
        assert result(Zone(names)).explanation == explanation

    def test_trouble_with_it_changes_nothing(self) -> None:
        found = result(Zone(self.NAMES, trouble={"e.x.example"}))
        assert (found.status, found.explanation) == (SpfStatus.FAIL, "")
