"""Whether the domain of MAIL FROM can receive mail."""

import pytest

from mox_trio.base.domain import Domain
from mox_trio.policy import sender_domain
from mox_trio.policy.sender_domain import Receives
from tests.kit.dns import Zone, decide

ZONE = Zone(
    {
        "mx.example": {"MX": [(10, "mail.mx.example")]},
        "null.example": {"MX": [(0, "")], "A": ["192.0.2.1"]},
        "odd.example": {"MX": [(0, ""), (10, "mail.mx.example")]},
        "a.example": {"A": ["192.0.2.1"]},
        "aaaa.example": {"AAAA": ["2001:db8::1"]},
        "text.example": {"TXT": ["x"]},
        "half.example": {"AAAA": ["2001:db8::1"]},
        "neither.example": {"TXT": ["x"]},
    },
    trouble={"broken.example", ("half.example", "A"), ("neither.example", "A")},
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mx.example", Receives.YES),
        ("null.example", Receives.NULL_MX),
        ("odd.example", Receives.YES),
        ("a.example", Receives.YES),
        ("aaaa.example", Receives.YES),
        ("text.example", Receives.NOTHING),
        ("absent.example", Receives.NOTHING),
        ("broken.example", Receives.UNKNOWN),
        ("half.example", Receives.YES),
        ("neither.example", Receives.UNKNOWN),
    ],
)
def test_a_domain_receives_mail_by_its_records(name: str, expected: Receives) -> None:
    assert decide(sender_domain.receives(Domain.parse(name)), ZONE) is expected
