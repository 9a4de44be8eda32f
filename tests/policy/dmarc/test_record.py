"""Records of DMARC."""

import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.base import limits
from mox_trio.policy.dmarc import record
from mox_trio.policy.dmarc.record import BadRecord, Record, ReportTo
from mox_trio.policy.results import DmarcPolicy
from tests.kit import conformance

REPORTS = conformance.DIRECTORY / "parsedmarc/samples/aggregate"
REJECT, QUARANTINE, NONE = DmarcPolicy.REJECT, DmarcPolicy.QUARANTINE, DmarcPolicy.NONE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=DMARC1; p=none", Record(NONE)),
        ("v=DMARC1;p=reject;", Record(REJECT)),
        ("v = DMARC1 ; P = Reject ; SP=quarantine", Record(REJECT, QUARANTINE)),
        ("v=DMARC1; adkim=s; aspf=S; p=quarantine; pct=25", Record(QUARANTINE, None, None, True, True, 25)),
        ("v=DMARC1; p=none; pct=101; ri=x; adkim=q; unknown=1", Record(NONE)),
        ("v=DMARC1; p=none; fo=1:d:z; ri=3600", Record(NONE, failure_options=("1", "d"), interval=3600)),
        ("v=DMARC1; p=reject; np=none; psd=y; t=y", Record(REJECT, None, NONE, public_suffix="y", testing=True)),
        (
            "v=DMARC1; p=none; rua=mailto:a%2Cb@x.example!10m, https://x.example/ ,mailto:c@x.example; ruf=mailto:d@x.example",
            Record(
                NONE,
                aggregate=(ReportTo("a,b@x.example", 10 * 2**20), ReportTo("c@x.example")),
                failure=(ReportTo("d@x.example"),),
            ),
        ),
        ("v=DMARC1; p=what; rua=mailto:a@x.example", Record(NONE, aggregate=(ReportTo("a@x.example"),))),
        ("v=DMARC1; p=reject; sp=what; rua=mailto:a@x.example", Record(NONE, aggregate=(ReportTo("a@x.example"),))),
        ("v=DMARC1; rua=mailto:a@x.example", Record(NONE, aggregate=(ReportTo("a@x.example"),))),
    ],
)
def test_a_record_is_read(text: str, expected: Record) -> None:
    assert record.is_record(text)
    assert record.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("v=DMARC1", "there is no policy"),
        ("v=DMARC1; p=", "there is no policy"),
        ("v=DMARC1; p=reject; sp=what", "there is no policy"),
        ("v=DMARC1; p=reject; p=none", "the tag p is there twice"),
        ("v=DMARC1; p=reject; nonsense", "a tag cannot be read"),
        ("v=DMARC1; p=reject; ü=1", "a tag cannot be read"),
        ("v=DMARC1; p=reject; z=" + "a" * limits.DMARC_RECORD_OCTETS, "the record is too long"),
    ],
)
def test_a_record_that_cannot_be_used_says_why(text: str, detail: str) -> None:
    assert record.is_record(text)
    with pytest.raises(BadRecord, match=detail):
        record.parse(text)


@pytest.mark.parametrize(
    "text", ["", "v=spf1 -all", "v=DMARC2; p=none", "p=none; v=DMARC1", "v=dmarc1; p=none", "v=DMARC12"]
)
def test_other_records_are_none_of_dmarc(text: str) -> None:
    assert not record.is_record(text)


def test_policies_for_subdomains_follow_the_next_wider_one() -> None:
    assert Record(REJECT).for_nonexistent is REJECT
    assert Record(REJECT, QUARANTINE).for_nonexistent is QUARANTINE
    assert Record(REJECT, QUARANTINE, NONE).for_nonexistent is NONE
    assert Record(REJECT, QUARANTINE, NONE).for_subdomains is QUARANTINE


@settings(max_examples=100)
@given(st.text(alphabet="v=DMARC1;psndrukmailto:!,@x% \t0123", max_size=80))
def test_whatever_a_record_holds_it_has_a_policy_or_is_refused(rest: str) -> None:
    with suppress(BadRecord):
        assert record.parse("v=DMARC1;" + rest).policy in DmarcPolicy


@pytest.mark.skipif(not REPORTS.exists(), reason=f"{REPORTS} is not there")
def test_policies_that_reports_say_were_published_can_be_read() -> None:
    """Aggregate reports repeat what they found: p, sp, adkim, aspf and pct."""
    read = 0
    for file in sorted(REPORTS.glob("*.xml")):
        published = re.search(
            r"<policy_published>(.*?)</policy_published>", file.read_text("utf-8", "replace"), re.DOTALL
        )
        if published is None:
            continue
        tags = dict(re.findall(r"<(p|sp|adkim|aspf|pct|np)>\s*([^<\s]+)\s*</", published[1]))
        if "p" not in tags:
            continue
        parsed = record.parse("v=DMARC1;" + ";".join(f"{name}={value}" for name, value in tags.items()))
        assert parsed.policy.value == tags["p"].lower(), file.name
        assert parsed.for_subdomains.value == str(tags.get("sp", tags["p"])).lower(), file.name
        assert parsed.percent == int(tags.get("pct", 100)), file.name
        assert parsed.dkim_strict is (tags.get("adkim") == "s"), file.name
        read += 1
    assert read >= 8
