"""Rules of users are kept as they were set, checked, sealed."""

import pytest

from mox_trio.base.domain import Domain
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import rulesets, settings
from mox_trio.mailstore.settings import JSON
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.policy.patterns import Pattern
from mox_trio.policy.rulesets import Ruleset

EVERYTHING = Ruleset(
    "Lists/Trio",
    mail_from=Pattern("^bounce"),
    msg_from=Pattern("@x"),
    verified_domain=Domain.parse("x.example"),
    headers=((Pattern("^list-id$"), Pattern("trio")), (Pattern("subject"), Pattern("a|b"))),
    list_allow_domain=Domain.parse("lists.x.example"),
    accept_rejects_to_mailbox="Rejects",
    comment="the list",
)
FORWARD = Ruleset("", verified_domain=Domain.parse("old.example"), is_forward=True)


async def test_rules_come_back_as_they_were_set(store: MailStore, account: Account) -> None:
    await rulesets.put(store, account, "ann@example.org", [EVERYTHING, FORWARD])
    await rulesets.put(store, account, "", [FORWARD])
    assert await rulesets.of_account(store, account) == {"ann@example.org": (EVERYTHING, FORWARD), "": (FORWARD,)}


async def test_no_rules_take_them_away(store: MailStore, account: Account) -> None:
    await rulesets.put(store, account, "ann@example.org", [FORWARD])
    await rulesets.put(store, account, "bob@example.org", [FORWARD])
    await rulesets.put(store, account, "ann@example.org", [])
    assert list(await rulesets.of_account(store, account)) == ["bob@example.org"]
    await rulesets.put(store, account, "bob@example.org", [])
    assert await rulesets.of_account(store, account) == {}
    assert await settings.listed(store, account) == {}


@pytest.mark.parametrize(
    ("rules", "kind"),
    [
        ([Ruleset("Inbox")], Kind.INVALID),
        ([Ruleset("a//b", msg_from=Pattern("x"))], Kind.INVALID),
        ([Ruleset("", msg_from=Pattern("x"), accept_rejects_to_mailbox="*")], Kind.INVALID),
        ([Ruleset("", msg_from=Pattern("x"), is_forward=True)], Kind.INVALID),
        (
            [
                Ruleset(
                    "",
                    verified_domain=Domain.parse("x.example"),
                    is_forward=True,
                    list_allow_domain=Domain.parse("x.example"),
                )
            ],
            Kind.INVALID,
        ),
        ([FORWARD] * (rulesets.MOST + 1), Kind.LIMIT),
    ],
)
async def test_rules_that_make_no_sense_are_refused(
    store: MailStore, account: Account, rules: list[Ruleset], kind: Kind
) -> None:
    with pytest.raises(Failure) as caught:
        await rulesets.put(store, account, "ann@example.org", rules)
    assert caught.value.kind is kind
    assert await rulesets.of_account(store, account) == {}


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"a@x.example": {}},
        {"a@x.example": ["x"]},
        {"a@x.example": [{"mail_from": "("}]},
        {"a@x.example": [{"headers": [[1]]}]},
        {"a@x.example": [{"verified_domain": ".."}]},
    ],
)
async def test_what_cannot_be_read_is_corrupt(store: MailStore, account: Account, value: JSON) -> None:
    await settings.put(store, account, rulesets.NAME, value or [1])
    with pytest.raises(Failure) as caught:
        await rulesets.of_account(store, account)
    assert caught.value.kind is Kind.CORRUPT


async def test_a_setting_is_changed_from_what_it_was(store: MailStore, account: Account) -> None:
    assert await settings.get(store, account, "n") is None
    for _ in range(3):
        await settings.change(store, account, "n", lambda value: value + 1 if isinstance(value, int) else 1)
    assert await settings.get(store, account, "n") == 3
    await settings.change(store, account, "n", lambda value: None)
    assert await settings.get(store, account, "n") is None
