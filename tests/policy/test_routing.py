"""The first route that matches decides."""

from dataclasses import dataclass

import pytest

from mox_trio.base.domain import Domain
from mox_trio.policy import routing

A = Domain.parse("a.example")
B = Domain.parse("b.example")


@dataclass(frozen=True)
class Route:
    transport: str
    from_domains: tuple[str, ...] = ()
    to_domains: tuple[str, ...] = ()
    minimum_attempts: int = 0


def test_without_routes_mail_goes_straight() -> None:
    assert routing.transport([(), ()], sender=A, recipient=B, attempts=0) == ""


def test_the_first_of_the_first_list_wins() -> None:
    lists = [(Route("never", to_domains=("other.example",)), Route("account")), (Route("everybody"),)]
    assert routing.transport(lists, sender=None, recipient=B, attempts=0) == "account"
    assert routing.transport(lists, sender=None, recipient=Domain.parse("other.example"), attempts=0) == "never"


@pytest.mark.parametrize(
    ("pattern", "domain", "matches"),
    [
        ("b.example", "b.example", True),
        ("B.example", "b.EXAMPLE", True),
        ("b.example", "x.b.example", False),
        (".b.example", "x.b.example", True),
        (".b.example", "b.example", True),
        (".b.example", "xb.example", False),
        (".", "b.example", True),
        (".münchen.example", "x.xn--mnchen-3ya.example", True),
        ("xn--mnchen-3ya.example", "münchen.example", True),
    ],
)
def test_a_dot_in_front_is_every_domain_below(pattern: str, domain: str, matches: bool) -> None:
    to = [(Route("way", to_domains=(pattern,)),)]
    assert routing.transport(to, sender=None, recipient=Domain.parse(domain), attempts=0) == ("way" if matches else "")
    sender = [(Route("way", from_domains=("none.example", pattern)),)]
    assert routing.transport(sender, sender=Domain.parse(domain), recipient=B, attempts=0) == ("way" if matches else "")


def test_another_way_is_tried_for_what_does_not_get_through() -> None:
    lists = [(Route("late", minimum_attempts=3),)]
    assert [routing.transport(lists, sender=None, recipient=B, attempts=n) for n in (2, 3)] == ["", "late"]
