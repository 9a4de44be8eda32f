"""Changes of domains.toml by the program."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mox_trio.base.address import Address
from mox_trio.base.domain import Domain
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import edit, source
from mox_trio.config.edit import Change
from mox_trio.config.models.static import Static
from mox_trio.config.models.values import Catchall
from mox_trio.config.problems import ConfigErrors

TEXT = """# Our domains.

[domains."x.example"]
localpart_catchall_separators = ["+"]
[domains."x.example".aliases.Team]
members = ["mary@x.example", "bob@x.example"]

# The boss.
[accounts.mary]
addresses = ["mary@x.example", "boss@x.example"] # two
from_id_login_addresses = ["boss@x.example"]
[accounts.mary.destinations."Boss@x.example"]
mailbox = "Boss"

# Her colleague.
[accounts.bob]
addresses = ["bob@x.example"]
"""

X = Domain.parse("x.example")
Y = Domain.parse("y.example")


def at(address: str) -> Address:
    return Address.parse(address)


def applied(settings: Static, *changes: Change, text: str = TEXT) -> dict[str, Any]:
    """What the text means after the changes; its comments must all be there."""
    new, _ = edit.applied(text, settings, "d.toml", *changes)
    for comment in ("# Our domains.", "# Her colleague."):
        assert (comment in new) == (comment in text)
    return tomllib.loads(new)


def test_the_first_domain_account_and_alias(settings: Static) -> None:
    changes = [
        edit.add_domain(X, {"localpart_catchall_separators": ["+"]}),
        edit.add_account(
            "mary", [at("mary@x.example"), Catchall(X)], {"destinations": {"mary@x.example": {"mailbox": "M"}}}
        ),
        edit.add_alias(at("all@x.example"), [at("mary@x.example")], {"post_public": False}),
    ]
    meant = applied(settings, *changes, text="")
    assert meant["domains"]["x.example"]["aliases"]["all"] == {"members": ["mary@x.example"], "post_public": False}
    assert meant["accounts"]["mary"]["addresses"] == ["mary@x.example", "@x.example"]
    assert meant["accounts"]["mary"]["destinations"] == {"mary@x.example": {"mailbox": "M"}}


def test_domains_come_and_go(settings: Static) -> None:
    meant = applied(settings, edit.add_domain(Y, {"description": 'say "hi"'}))
    assert meant["domains"]["y.example"] == {"description": 'say "hi"'}
    assert applied(settings, edit.add_domain(Y), edit.remove_domain(Y)) == tomllib.loads(TEXT)


def test_accounts_come_and_go(settings: Static) -> None:
    meant = applied(settings, edit.add_account("eve", [at("eve@x.example")], {"quota": "1GiB"}))
    assert meant["accounts"]["eve"] == {"addresses": ["eve@x.example"], "quota": "1GiB"}
    meant = applied(settings, edit.remove_account("mary"))
    assert set(meant["accounts"]) == {"bob"}
    assert meant["domains"]["x.example"]["aliases"]["Team"]["members"] == ["bob@x.example"]


def test_addresses_come_and_go_with_everything_about_them(settings: Static) -> None:
    meant = applied(settings, edit.add_address("bob", Catchall(X)))
    assert meant["accounts"]["bob"]["addresses"] == ["bob@x.example", "@x.example"]
    meant = applied(settings, edit.remove_address(at("BOSS@x.example")))
    assert meant["accounts"]["mary"] == {"addresses": ["mary@x.example"], "from_id_login_addresses": []}
    meant = applied(settings, edit.remove_address(at("bob@x.example")))
    assert meant["domains"]["x.example"]["aliases"]["Team"]["members"] == ["mary@x.example"]


def test_aliases_come_and_go(settings: Static) -> None:
    meant = applied(settings, edit.remove_alias(at("team@x.example")))
    assert "aliases" not in meant["domains"]["x.example"]


def test_fields_are_set_and_unset(settings: Static) -> None:
    meant = applied(settings, edit.set_value(("accounts", "bob", "retention", "Trash"), "30d"))
    assert meant["accounts"]["bob"]["retention"] == {"Trash": "30d"}
    meant = applied(settings, edit.unset(("accounts", "mary", "from_id_login_addresses")))
    assert "from_id_login_addresses" not in meant["accounts"]["mary"]


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ([edit.add_domain(X)], Kind.EXISTS, "x.example exists"),
        ([edit.remove_domain(Y)], Kind.NOT_FOUND, "y.example is not configured"),
        ([edit.remove_domain(X)], Kind.IN_USE, "addresses of account mary"),
        ([edit.add_account("bob", [])], Kind.EXISTS, "bob exists"),
        ([edit.remove_account("eve")], Kind.NOT_FOUND, "no account eve"),
        ([edit.add_address("eve", at("e@x.example"))], Kind.NOT_FOUND, "no account eve"),
        ([edit.remove_address(at("e@x.example"))], Kind.NOT_FOUND, "no account has"),
        ([edit.add_alias(at("TEAM@x.example"), [])], Kind.EXISTS, "alias TEAM@x.example exists"),
        ([edit.add_alias(at("a@y.example"), [])], Kind.NOT_FOUND, "y.example is not configured"),
        ([edit.remove_alias(at("a@x.example"))], Kind.NOT_FOUND, "no alias"),
        (
            [edit.set_value(("accounts", "bob", "addresses", "x"), 1)],
            Kind.INVALID,
            "addresses in accounts.bob.addresses.x",
        ),
        ([edit.unset(("accounts", "bob", "quota"))], Kind.NOT_FOUND, "accounts.bob.quota is not set"),
        ([edit.remove_account("mary"), edit.remove_account("bob")], Kind.IN_USE, "last member of alias Team@x.example"),
    ],
)
def test_what_cannot_be_done_is_refused(changes: Sequence[Change], kind: Kind, text: str, settings: Static) -> None:
    with pytest.raises(Failure, match=text) as raised:
        applied(settings, *changes)
    assert raised.value.kind is kind


def test_a_change_that_makes_the_document_wrong_is_refused_with_all_problems(settings: Static) -> None:
    with pytest.raises(ConfigErrors) as raised:
        applied(settings, edit.add_account("Eve", [at("bob@x.example")], {"quota": "big"}))
    assert {problem.key for problem in raised.value.problems} == {"accounts.Eve", "accounts.Eve.quota"}
    with pytest.raises(ConfigErrors, match="account bob has this address already"):
        applied(settings, edit.add_account("eve", [at("Bob@x.example")]))


def test_a_document_that_is_wrong_already_is_reported_as_it_stands(settings: Static) -> None:
    with pytest.raises(ConfigErrors, match=r"d\.toml:1:1: accounts"):
        edit.applied("accounts = 3", settings, "d.toml", edit.add_account("eve", []))


async def test_an_edit_is_saved(tmp_path: Path, settings: Static) -> None:
    (tmp_path / "d.toml").write_text(TEXT)
    files = source.FileSource(tmp_path / "d.toml")
    dynamic, document = await edit.commit(files, settings, edit.add_account("eve", [at("eve@x.example")]))
    assert "eve" in dynamic.accounts
    assert await files.load() == document
    assert "eve" in (tmp_path / "d.toml").read_text()


async def test_a_refused_edit_changes_nothing(tmp_path: Path, settings: Static) -> None:
    (tmp_path / "d.toml").write_text(TEXT)
    with pytest.raises(Failure):
        await edit.commit(source.FileSource(tmp_path / "d.toml"), settings, edit.add_domain(X))
    assert (tmp_path / "d.toml").read_text() == TEXT
