"""domains.toml: every rule between its parts, with line, key and advice."""

from pathlib import Path

import pytest

from mox_trio.base.address import Address
from mox_trio.base.domain import Domain
from mox_trio.config import check_dynamic, load
from mox_trio.config.models.static import Static
from mox_trio.config.problems import ConfigErrors, Problem

BASE = '[domains."x.example"]\n[accounts.mary]\naddresses = ["mary@x.example"]\n'
PLUS = '[domains."x.example"]\nlocalpart_catchall_separators = ["+"]\n[accounts.mary]\naddresses = ["mary@x.example"]\n'


def problems(text: str, settings: Static) -> list[Problem]:
    with pytest.raises(ConfigErrors) as raised:
        load.dynamic(text, settings)
    return list(raised.value.problems)


def test_an_empty_document_is_valid(settings: Static) -> None:
    assert load.dynamic("", settings).accounts == {}


def test_names_are_read_as_values(settings: Static) -> None:
    document = load.dynamic(
        '[domains."XN--mnchen-3ya.example"]\n[accounts."é"]\naddresses = ["Ä@MÜNCHEN.example"]\n', settings
    )
    assert list(document.domains) == [Domain.parse("münchen.example")]
    assert document.accounts["é"].addresses == (Address.parse("Ä@münchen.example"),)
    assert document.accounts["é"].main_domain() == Domain.parse("münchen.example")


def test_keys_of_the_document_are_relative_to_the_static_file(settings: Static) -> None:
    text = BASE + '[domains."x.example".dkim.selectors.a]\nprivate_key = { file = "dkim/a.pem" }\n'
    selector = load.dynamic(text, settings).domains[Domain.parse("x.example")].dkim.selectors["a"]
    assert selector.private_key.file == Path("/etc/mox-trio/dkim/a.pem")


CASES = [
    ("accounts = 3", 1, "accounts", "number", "expected a table"),
    ("[[domains]]", 1, "domains", "array", "expected a table"),
    ("acounts = {}", 1, "acounts", "unknown", "did you mean accounts?"),
    ('[domains."-"]', 1, "domains.-", "name", "expected a domain name"),
    ('[domains."x.example"]\n[domains."X.example"]', 2, 'domains."X.example"', "twice", "keep one"),
    ('[domains."x.example"]\ndisabled = 1', 2, 'domains."x.example".disabled', "number", "true or false"),
    ("[accounts.Mary]", 1, "accounts.Mary", "not safe", "lower-case"),
    ("[accounts.mary]\nqouta = 1", 2, "accounts.mary.qouta", "unknown", "did you mean quota?"),
    ('[accounts.mary]\naddresses = ["a@b", "mary"]', 2, "accounts.mary.addresses[1]", "text", "has no @"),
    ('[accounts.mary]\nlogin_disabled = "é"', 2, "accounts.mary.login_disabled", "text", "text such as"),
    (
        '[accounts.mary]\nretention = { "a//b" = "1d" }',
        2,
        "accounts.mary.retention.a//b".replace("a//b", '"a//b"'),
        "name",
        "empty",
    ),
    (
        '[domains."x.example".aliases."a b"]\nmembers = ["m@x.example"]',
        1,
        'domains."x.example".aliases."a b"',
        "name",
        "before the @",
    ),
    (
        '[domains."x.example".aliases.all]\nmembers = []',
        2,
        'domains."x.example".aliases.all.members',
        "array",
        "at least 1",
    ),
    # Rules between parts.
    (
        '[accounts.mary]\naddresses = ["m@x.example"]',
        2,
        "accounts.mary.addresses[0]",
        "domain is not configured",
        'add [domains."x.',
    ),
    (
        '[domains."example.com"]\n[accounts.mary]\naddresses = ["m@exmaple.com"]',
        3,
        "accounts.mary.addresses[0]",
        "domain is not configured",
        "did you mean example.com?",
    ),
    (BASE + 'domain = "y.example"', 4, "accounts.mary.domain", "domain is not configured", 'add [domains."y.example"]'),
    (
        BASE + '[accounts.bob]\naddresses = ["Mary@X.example"]',
        5,
        "accounts.bob.addresses[0]",
        "account mary has this address",
        "remove one",
    ),
    (
        BASE + '[accounts.bob]\naddresses = ["@x.example", "@x.example"]',
        5,
        "accounts.bob.addresses[1]",
        "account bob has this address",
        "remove one",
    ),
    (
        PLUS + '[accounts.bob]\naddresses = ["bob+x@x.example"]',
        6,
        "accounts.bob.addresses[0]",
        "separator",
        "part before",
    ),
    (
        BASE + '[domains."x.example".aliases.MARY]\nmembers = ["mary@x.example"]',
        4,
        'domains."x.example".aliases.MARY',
        "account mary has this address",
        "remove one",
    ),
    (
        PLUS + '[domains."x.example".aliases."a+b"]\nmembers = ["mary@x.example"]',
        5,
        'domains."x.example".aliases."a+b"',
        "separator",
        "without it",
    ),
    (
        BASE + '[domains."x.example".aliases.all]\nmembers = ["mary@x.example", "bob@x.example"]',
        5,
        'domains."x.example".aliases.all.members[1]',
        "no account has this address",
        "add it to an account",
    ),
    (
        BASE + '[domains."x.example".aliases.all]\nmembers = ["mary@x.example", "MARY@x.example"]',
        5,
        'domains."x.example".aliases.all.members[1]',
        "twice",
        "remove one",
    ),
    (
        BASE + '[accounts.mary.destinations."bob@x.example"]',
        4,
        'accounts.mary.destinations."bob@x.example"',
        "no address of the account",
        "add it to addresses",
    ),
    (
        BASE + '[accounts.mary.destinations."mary@x.example"]\nsmtp_error = "550 gone"\nmailbox = "A"',
        5,
        'accounts.mary.destinations."mary@x.example".smtp_error',
        "means nothing",
        "remove one",
    ),
    (
        PLUS + 'from_id_login_addresses = ["bob@x.example"]',
        5,
        "accounts.mary.from_id_login_addresses[0]",
        "no address of the account",
        "add it",
    ),
    (
        BASE + 'from_id_login_addresses = ["mary@x.example"]',
        4,
        "accounts.mary.from_id_login_addresses[0]",
        "no catchall separator",
        "localpart_catchall_separators",
    ),
    (
        BASE + '[domains."x.example".dmarc_reports]\nlocalpart = "é"\naccount = "mary"\nmailbox = "D"',
        5,
        'domains."x.example".dmarc_reports.localpart',
        "may not know",
        "ASCII",
    ),
    (
        BASE + '[domains."x.example".tls_reports]\nlocalpart = "t"\naccount = "eve"\nmailbox = "D"',
        6,
        'domains."x.example".tls_reports.account',
        "not here",
        "add the account",
    ),
    (
        BASE
        + '[domains."x.example".tls_reports]\nlocalpart = "t"\ndomain = "y.example"\naccount = "mary"\nmailbox = "D"',
        6,
        'domains."x.example".tls_reports.domain',
        "domain is not configured",
        "add",
    ),
    (
        BASE + '[[accounts.mary.routes]]\ntransport = "x"',
        5,
        "accounts.mary.routes[0].transport",
        "not configured",
        "transports.x",
    ),
    ('[[routes]]\ntransport = "relay"', 2, "routes[0].transport", "not configured", "add [transports.relay]"),
    (BASE + '[domains."x.example".dkim]\nsign = ["a"]', 5, 'domains."x.example".dkim.sign[0]', "not there", "add it"),
    (
        BASE + '[domains."x.example".dkim.selectors."a b"]\nprivate_key = { environment = "K" }',
        4,
        'domains."x.example".dkim.selectors."a b"',
        "no name for DNS",
        "letters",
    ),
    (
        BASE + '[domains."x.example".dkim.selectors.a]\nprivate_key = { environment = "K" }\nheaders = ["To"]',
        6,
        'domains."x.example".dkim.selectors.a.headers',
        "From is not signed",
        'add "From"',
    ),
    (
        BASE + '[domains."x.example".mta_sts]\npolicy_id = "1"',
        4,
        'domains."x.example".mta_sts',
        "no listener serves",
        "mta_sts_https",
    ),
    (
        BASE + '[domains."x.example".tls_reports]\nlocalpart = "Mary"\naccount = "mary"\nmailbox = "D"',
        5,
        'domains."x.example".tls_reports.localpart',
        "account or alias has this address",
        "of its own",
    ),
    (
        BASE
        + '[domains."x.example".dmarc_reports]\nlocalpart = "r"\naccount = "mary"\nmailbox = "D"\n'
        + '[domains."x.example".tls_reports]\nlocalpart = "R"\naccount = "mary"\nmailbox = "D"\n',
        9,
        'domains."x.example".tls_reports.localpart',
        "other reports arrive",
        "of its own",
    ),
]


@pytest.mark.parametrize(("text", "line", "key", "message", "advice"), CASES)
def test_a_mistake_is_reported_with_its_line_key_and_advice(
    text: str, line: int, key: str, message: str, advice: str, settings: Static
) -> None:
    found = [problem for problem in problems(text, settings) if problem.key == key]
    assert found, problems(text, settings)
    assert found[0].file == "/etc/mox-trio/data/domains.toml"
    assert (found[0].line, message in found[0].message, advice in found[0].advice) == (line, True, True), str(found[0])


@pytest.mark.parametrize("key", ["postmaster", "host_tls_reports"])
def test_accounts_that_the_static_file_names_must_be_there(key: str) -> None:
    settings = load.static_text(f'hostname = "mx.example"\n{key}.account = "bob"\n', Path("/etc/m/m.toml"))
    load.dynamic("", settings)  # before the first account is added
    [problem] = problems(BASE, settings)
    assert (problem.line, problem.key) == (2, "accounts")
    assert f"{key}.account names it" in problem.message


def test_mistakes_of_all_accounts_and_domains_are_reported_at_once(settings: Static) -> None:
    text = 'routes = 1\n[accounts.a]\nx = 1\n[accounts.b]\nquota = "x"\ndomain = 1\n[domains."x.example"]\ny = 1\n'
    keys = ["routes", "accounts.a.x", "accounts.b.quota", "accounts.b.domain", 'domains."x.example".y']
    assert [problem.key for problem in problems(text, settings)] == keys


def test_a_broken_account_is_not_reported_again_as_a_missing_member(settings: Static) -> None:
    text = BASE + 'quota = "x"\n[domains."x.example".aliases.all]\nmembers = ["mary@x.example"]\n'
    assert [problem.key for problem in problems(text, settings)] == ["accounts.mary.quota"]


def test_a_broken_account_does_not_hide_other_duplicates(settings: Static) -> None:
    text = BASE + '[accounts.b]\nquota = "x"\n[accounts.c]\naddresses = ["mary@x.example"]\n'
    assert [problem.key for problem in problems(text, settings)] == ["accounts.b.quota", "accounts.c.addresses[0]"]


def test_case_sensitive_domains_tell_addresses_apart(settings: Static) -> None:
    text = BASE.replace("[accounts", "localpart_case_sensitive = true\n[accounts").replace('["', '["Mary@x.example", "')
    assert len(load.dynamic(text, settings).accounts["mary"].addresses) == 2


@pytest.mark.parametrize("name", ["mary", "m", "mary.ann-2_x", "münchen", "0", "日本"])
def test_safe_account_names_are_taken(name: str) -> None:
    assert check_dynamic.maybe_account_name_fault(name) is None


@pytest.mark.parametrize(
    "name", ["", "Mary", "a/b", "..", ".a", "-a", "a b", "a@b", "a\n", "e\u0301", "x" * 65, "\ud800"]
)
def test_other_account_names_are_not(name: str) -> None:
    assert check_dynamic.maybe_account_name_fault(name) is not None
