"""DMARC: which record counts, what is near enough to From, and what is applied."""

from typing import Final

import pytest

from mox_trio.base.domain import Domain
from mox_trio.policy.dmarc import evaluate
from mox_trio.policy.questions import Kind, Question
from mox_trio.policy.results import (
    Alignment,
    DkimSignature,
    DkimStatus,
    Dmarc,
    DmarcPolicy,
    DmarcStatus,
    Spf,
    SpfStatus,
)
from tests.kit.dns import Zone, decide

REJECT: Final = "v=DMARC1; p=reject"
NO_SPF: Final = Spf(SpfStatus.NONE, "mailfrom", None)


def spf(domain: str, status: SpfStatus = SpfStatus.PASS) -> Spf:
    return Spf(status, "mailfrom", Domain.parse(domain))


def dkim(domain: str, status: DkimStatus = DkimStatus.PASS) -> DkimSignature:
    return DkimSignature(status, Domain.parse(domain))


def zone(records: dict[str, str | list[str]], **more: object) -> Zone:
    names = {f"_dmarc.{name}": {"TXT": [text] if isinstance(text, str) else text} for name, text in records.items()}
    return Zone(names, **more)  # type: ignore[arg-type]


def result(
    names: Zone,
    author: str = "x.example",
    spf: Spf = NO_SPF,
    dkim: tuple[DkimSignature, ...] = (),
    *,
    chance: float = 0.0,
    walk: bool = False,
) -> Dmarc:
    return decide(evaluate.evaluate(Domain.parse(author), spf, dkim, chance=chance, tree_walk=walk), names)


class TestStatus:
    @pytest.mark.parametrize("walk", [False, True])
    @pytest.mark.parametrize(
        ("sender", "signatures", "status", "aligned"),
        [
            (NO_SPF, (), DmarcStatus.FAIL, Alignment.NONE),
            (spf("x.example"), (), DmarcStatus.PASS, Alignment.STRICT),
            (spf("bounce.x.example"), (), DmarcStatus.PASS, Alignment.RELAXED),
            (spf("y.example"), (), DmarcStatus.FAIL, Alignment.NONE),
            (spf("ax.example"), (), DmarcStatus.FAIL, Alignment.NONE),
            (spf("x.example", SpfStatus.SOFTFAIL), (), DmarcStatus.FAIL, Alignment.NONE),
            (NO_SPF, (dkim("y.example"), dkim("x.example")), DmarcStatus.PASS, Alignment.STRICT),
            (spf("a.x.example"), (dkim("x.example"),), DmarcStatus.PASS, Alignment.STRICT),
            (NO_SPF, (dkim("x.example", DkimStatus.FAIL),), DmarcStatus.FAIL, Alignment.NONE),
            (NO_SPF, (dkim("x.example", DkimStatus.TEMPERROR),), DmarcStatus.TEMPERROR, Alignment.NONE),
            (NO_SPF, (dkim("y.example", DkimStatus.TEMPERROR),), DmarcStatus.FAIL, Alignment.NONE),
            (spf("x.example", SpfStatus.TEMPERROR), (), DmarcStatus.TEMPERROR, Alignment.NONE),
            (spf("x.example", SpfStatus.TEMPERROR), (dkim("x.example"),), DmarcStatus.PASS, Alignment.STRICT),
        ],
    )
    def test_who_passed_for_whom(
        self, walk: bool, sender: Spf, signatures: tuple[DkimSignature, ...], status: DmarcStatus, aligned: Alignment
    ) -> None:
        found = result(zone({"x.example": REJECT}), "x.example", sender, signatures, walk=walk)
        assert (found.status, found.aligned) == (status, aligned)
        assert found.applied is (status is DmarcStatus.FAIL)
        assert (found.policy, found.record) == (DmarcPolicy.REJECT, REJECT)

    @pytest.mark.parametrize(
        ("modes", "status"),
        [("", DmarcStatus.PASS), ("; aspf=s", DmarcStatus.PASS), ("; aspf=s; adkim=s", DmarcStatus.FAIL)],
    )
    def test_strict_alignment_wants_the_same_domain(self, modes: str, status: DmarcStatus) -> None:
        found = result(zone({"x.example": REJECT + modes}), spf=spf("a.x.example"), dkim=(dkim("b.x.example"),))
        assert (found.status, found.aligned) == (status, Alignment.RELAXED)

    def test_a_sibling_under_a_public_suffix_is_not_near(self) -> None:
        found = result(zone({"x.co.uk": REJECT}), "x.co.uk", spf("y.co.uk"), (dkim("co.uk"),))
        assert found.status is DmarcStatus.FAIL

    def test_without_a_record_there_is_nothing_to_apply(self) -> None:
        assert result(Zone({}, everything_authentic=True), spf=spf("a.x.example")) == Dmarc(
            DmarcStatus.NONE, org_domain=Domain.parse("x.example"), aligned=Alignment.RELAXED, authentic=True
        )

    def test_trouble_with_the_record_is_a_temporary_error_and_never_a_pass(self) -> None:
        found = result(zone({}, trouble={"_dmarc.x.example"}), spf=spf("x.example"))
        assert (found.status, found.applied, found.aligned) == (DmarcStatus.TEMPERROR, False, Alignment.STRICT)

    def test_a_record_that_cannot_be_used_is_a_permanent_error(self) -> None:
        found = result(zone({"x.example": "v=DMARC1; p=reject; p=none"}))
        assert (found.status, found.applied, found.detail) == (DmarcStatus.PERMERROR, False, "the tag p is there twice")

    @pytest.mark.parametrize(("chance", "applied"), [(0.0, True), (0.24, True), (0.25, False), (0.99, False)])
    def test_a_percentage_is_drawn(self, chance: float, applied: bool) -> None:
        found = result(zone({"x.example": REJECT + "; pct=25"}), chance=chance)
        assert (found.status, found.policy, found.applied) == (DmarcStatus.FAIL, DmarcPolicy.REJECT, applied)

    def test_policy_none_is_never_applied(self) -> None:
        assert not result(zone({"x.example": "v=DMARC1; p=none"})).applied

    @pytest.mark.parametrize(("signed", "authentic"), [({"_dmarc.x.example"}, True), (set(), False)])
    def test_it_is_authentic_as_the_record_is(self, signed: set[str], authentic: bool) -> None:
        assert result(zone({"x.example": REJECT}, authentic=signed)).authentic is authentic


class TestByList:
    def test_a_subdomain_falls_under_the_record_of_its_organisation(self) -> None:
        names = zone({"x.co.uk": "v=DMARC1; p=reject; sp=quarantine"})
        found = result(names, "a.b.x.co.uk")
        assert (found.policy, found.domain, found.org_domain) == (
            DmarcPolicy.QUARANTINE,
            Domain.parse("x.co.uk"),
            Domain.parse("x.co.uk"),
        )
        assert names.asked == [Question("_dmarc.a.b.x.co.uk", Kind.TXT), Question("_dmarc.x.co.uk", Kind.TXT)]

    def test_its_own_record_counts_first(self) -> None:
        found = result(zone({"a.x.example": "v=DMARC1; p=none", "x.example": REJECT}), "a.x.example")
        assert (found.policy, found.domain) == (DmarcPolicy.NONE, Domain.parse("a.x.example"))

    def test_several_records_are_none(self) -> None:
        names = zone({"a.x.example": [REJECT, REJECT], "x.example": REJECT})
        assert result(names, "a.x.example").status is DmarcStatus.NONE

    def test_other_text_records_do_not_matter(self) -> None:
        assert result(zone({"x.example": ["v=spf1 -all", REJECT]})).policy is DmarcPolicy.REJECT


class TestTreeWalk:
    """RFC 9989 4.10."""

    def test_the_highest_record_makes_the_organisation(self) -> None:
        names = zone({"x.example": REJECT, "b.x.example": "v=DMARC1; p=none; sp=quarantine"})
        found = result(names, "a.b.x.example", spf("c.x.example"), walk=True)
        assert (found.status, found.domain, found.org_domain) == (
            DmarcStatus.PASS,
            Domain.parse("x.example"),
            Domain.parse("x.example"),
        )

    def test_psd_n_ends_the_walk(self) -> None:
        names = zone({"x.example": REJECT, "b.x.example": "v=DMARC1; p=quarantine; psd=n"})
        found = result(names, "a.b.x.example", spf("x.example"), walk=True)
        assert (found.status, found.policy, found.org_domain) == (
            DmarcStatus.FAIL,
            DmarcPolicy.QUARANTINE,
            Domain.parse("b.x.example"),
        )

    def test_psd_y_makes_the_domain_below_it_the_organisation(self) -> None:
        names = zone({"bank.example": "v=DMARC1; p=reject; psd=y"})
        found = result(names, "a.x.bank.example", spf("y.bank.example"), (dkim("b.x.bank.example"),), walk=True)
        assert (found.status, found.org_domain, found.domain) == (
            DmarcStatus.PASS,
            Domain.parse("x.bank.example"),
            Domain.parse("bank.example"),
        )

    def test_long_names_are_walked_from_their_last_seven_labels(self) -> None:
        names = Zone({})
        result(names, "a.b.c.d.e.f.g.h.x.example", walk=True)
        assert [each.name.count(".") for each in names.asked] == [10, 7, 6, 5, 4, 3, 2, 1]

    def test_a_domain_that_does_not_exist_has_a_policy_of_its_own(self) -> None:
        record = "v=DMARC1; p=none; sp=quarantine; np=reject"
        assert result(zone({"x.example": record}), "a.x.example", walk=True).policy is DmarcPolicy.REJECT
        names = zone({"x.example": record})
        names.set("a.x.example", "MX", [(10, "mx.x.example")])
        assert result(names, "a.x.example", walk=True).policy is DmarcPolicy.QUARANTINE

    def test_a_domain_that_tests_is_treated_one_step_milder_and_pct_is_gone(self) -> None:
        found = result(zone({"x.example": "v=DMARC1; p=reject; t=y; pct=0"}), walk=True, chance=0.99)
        assert (found.policy, found.applied) == (DmarcPolicy.QUARANTINE, True)

    def test_doubt_about_who_is_near_is_a_temporary_error_unless_somebody_passed(self) -> None:
        names = zone({"x.example": REJECT}, trouble={"_dmarc.a.x.example"})
        assert result(names, spf=spf("a.x.example"), walk=True).status is DmarcStatus.TEMPERROR
        assert result(names, spf=spf("a.x.example"), dkim=(dkim("x.example"),), walk=True).status is DmarcStatus.PASS
