"""Organisational domains: the public suffix list's own tests, read in place."""

import re

import pytest

from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.policy import public_suffix
from tests.kit import conformance

TESTS = conformance.DIRECTORY / "psl/tests"


def cases() -> list[tuple[str, str | None]]:
    """(name, what was registered) of both files, which say the same in two ways."""
    found: dict[str, str | None] = {}
    for file, shape in (
        ("test_psl.txt", re.compile(r"^checkPublicSuffix\('([^']*)', (?:'([^']*)'|null)\);")),
        ("tests.txt", re.compile(r"^([^/\s]\S*) (?:null|(\S+))$")),
    ):
        path = TESTS / file
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            if (match := shape.match(line)) is not None:
                found[match[1]] = match[2]
    return list(found.items())


@pytest.mark.skipif(not TESTS.exists(), reason=f"{TESTS} is not there")
def test_the_lists_own_tests_agree() -> None:
    """Of all names: those that are domains at all. Names with a dot first are none, and are not asked about."""
    tested = 0
    for name, registered in cases():
        try:
            domain = Domain.parse(name)
        except InvalidAddress:
            assert registered is None, name
            continue
        tested += 1
        expected = domain if registered is None else Domain.parse(registered)
        assert public_suffix.organizational_domain(domain) == expected, name
        assert public_suffix.is_public(domain) is (registered is None), name
    assert tested >= 70


@pytest.mark.parametrize(
    ("name", "org"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("a.b.nosuchtld", "b.nosuchtld"),
        ("a.www.ck", "www.ck"),
        ("a.b.c.ck", "b.c.ck"),
        ("mail.user.github.io", "user.github.io"),
        ("_dmarc.example.com", "example.com"),
        ("www.食狮.公司.cn", "食狮.公司.cn"),
    ],
)
def test_one_label_below_a_public_suffix(name: str, org: str) -> None:
    parsed = Domain.parse(name, underscore=True)
    assert public_suffix.organizational_domain(parsed) == Domain.parse(org)


def test_a_hoster_is_no_registry() -> None:
    public_suffix.load()
    for name, public, registry in (("co.uk", True, True), ("github.io", True, False), ("x.example", False, False)):
        domain = Domain.parse(name)
        assert (public_suffix.is_public(domain), public_suffix.is_registry(domain)) == (public, registry)
