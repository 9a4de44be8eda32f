"""Who gets mail to an address."""

from pathlib import Path

import pytest

from mox_trio.base.address import Address
from mox_trio.base.address import Path as MailPath
from mox_trio.base.domain import Domain
from mox_trio.config import directory, load
from mox_trio.config.models.static import Static

STATIC = """
hostname = "mx.example"
postmaster.account = "root"
[host_tls_reports]
account = "root"
[listeners.public]
ips = ["192.0.2.1"]
hostname = "in.example"
"""
DYNAMIC = """
[domains."x.example"]
localpart_catchall_separators = ["+", "--"]
[domains."x.example".aliases.All]
members = ["mary@x.example", "Bob@y.example"]
[domains."x.example".tls_reports]
localpart = "tls+reports"
account = "root"
mailbox = "TLSRPT"
[domains."y.example"]
localpart_case_sensitive = true
[domains."münchen.example"]
[accounts.mary]
addresses = ["Mary@x.example", "ä@münchen.example"]
[accounts.mary.destinations."MARY@x.example"]
mailbox = "Mine"
[accounts.bob]
addresses = ["Bob@y.example", "@x.example"]
[accounts.root]
addresses = ["postmaster@y.example"]
"""


@pytest.fixture(scope="module")
def addresses() -> directory.Directory:
    settings = load.static_text(STATIC, Path("/etc/m/m.toml"))
    return directory.build(settings, load.dynamic(DYNAMIC, settings))


@pytest.mark.parametrize(
    ("address", "account", "mailbox", "reason"),
    [
        ("mary@x.example", "mary", "Mine", "address"),
        ("MARY@X.EXAMPLE", "mary", "Mine", "address"),
        ("mary+shop@x.example", "mary", "Mine", "address"),
        ("mary--shop+a@x.example", "mary", "Mine", "address"),
        ('"mary"@x.example', "mary", "Mine", "address"),
        ("Ä@xn--mnchen-3ya.example", "mary", "Inbox", "address"),
        ("a\u0308@münchen.example", "mary", "Inbox", "address"),
        ("Bob@y.example", "bob", "Inbox", "address"),
        ("nobody@x.example", "bob", "Inbox", "catchall"),
        ("+@x.example", "bob", "Inbox", "catchall"),
        ("postmaster@x.example", "bob", "Inbox", "catchall"),
        ("Postmaster@y.example", "root", "Inbox", "address"),
        ("POSTMASTER@münchen.example", "root", "Postmaster", "postmaster"),
        ("postmaster@mx.example", "root", "Postmaster", "postmaster"),
        ("postmaster@in.example", "root", "Postmaster", "postmaster"),
        ("TLSreports@mx.example", "root", "TLSRPT", "host-tls-reports"),
        ("tls+Reports@x.example", "root", "TLSRPT", "tls-reports"),
    ],
)
def test_addresses_lead_to_accounts(
    addresses: directory.Directory, address: str, account: str, mailbox: str, reason: str
) -> None:
    found = addresses.of_address(Address.parse(address))
    assert isinstance(found, directory.ToAccount)
    assert (found.account, found.destination.mailbox, found.reason) == (account, mailbox, reason)


@pytest.mark.parametrize(
    "address", ["bob@y.example", "x@y.example", "mary@z.example", "x@mx.example", "ä+x@münchen.example"]
)
def test_other_addresses_lead_nowhere(addresses: directory.Directory, address: str) -> None:
    assert addresses.of_address(Address.parse(address)) is None


def test_aliases_lead_to_their_members(addresses: directory.Directory) -> None:
    found = addresses.of_address(Address.parse("ALL+x@x.example"))
    assert isinstance(found, directory.ToAlias)
    assert [(member.account, member.destination.mailbox) for member in found.members] == [
        ("mary", "Mine"),
        ("bob", "Inbox"),
    ]
    assert found.alias.post_public


@pytest.mark.parametrize(
    ("path", "account"),
    [
        ("<Postmaster>", "root"),
        ("<>", None),
        ("<mary@x.example>", "mary"),
        ("<mary@[192.0.2.1]>", None),
        ("<postmaster@[192.0.2.1]>", "root"),
    ],
)
def test_paths_lead_to_accounts(addresses: directory.Directory, path: str, account: str | None) -> None:
    found = addresses.of_path(MailPath.parse(path))
    assert (found.account if isinstance(found, directory.ToAccount) else found) == account


def test_logins_are_addresses_of_accounts_only(addresses: directory.Directory) -> None:
    assert addresses.login(Address.parse("MARY@x.example")) == "mary"
    for address in ("all@x.example", "nobody@x.example", "tls+reports@x.example", "postmaster@mx.example"):
        assert addresses.login(Address.parse(address)) is None


def test_settings_are_found_by_name(addresses: directory.Directory) -> None:
    account = addresses.account("bob")
    assert account is not None
    assert account.main_domain() == Domain.parse("y.example")
    assert addresses.account("eve") is None
    assert addresses.settings_of(Domain.parse("Y.example")) is not None
    assert addresses.settings_of(Domain.parse("z.example")) is None


def test_without_a_postmaster_in_the_static_file_it_is_the_first_account(settings: Static) -> None:
    found = directory.build(settings, load.dynamic("[accounts.one]\n[accounts.two]\n", settings))
    postmaster = found.of_path(MailPath.parse("<postmaster>"))
    assert isinstance(postmaster, directory.ToAccount)
    assert postmaster.account == "one"
    assert directory.build(settings, load.dynamic("", settings)).of_path(MailPath.parse("<postmaster>")) is None
