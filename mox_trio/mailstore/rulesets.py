"""The rules that users set for their addresses (`policy.rulesets`), kept as one of their settings: sealed like mail, seen by
those who watch the account.

They are read for each delivery, by whoever caches them; what is stored was checked when it was set. A failure changes
nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import mailboxes, settings
from mox_trio.mailstore.settings import JSON
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.policy.patterns import InvalidPattern, Pattern
from mox_trio.policy.rulesets import Rules, Ruleset

NAME: Final = "rulesets"
"""Of the setting."""
MOST: Final = 200
"""Rules for one address; each costs a little at each delivery."""
ADDRESSES: Final = 1000
"""Addresses with rules."""


async def put(store: MailStore, account: Account, address: str, rules: Sequence[Ruleset]) -> None:
    """Set the rules for mail to an address of the account, written in canonical form; "" is for mail to any of them, asked
    after those. No rules take them away.

    Failures: INVALID (a mailbox that cannot be, a rule without a condition), LIMIT.
    """
    if len(rules) > MOST:
        raise Failure(Kind.LIMIT, f"an address has at most {MOST} rules")
    written: JSON = [_written(_checked(each)) for each in rules]

    def changed(value: JSON) -> JSON:
        all_rules = dict(value) if isinstance(value, dict) else {}
        all_rules.pop(address, None)
        if written:
            all_rules[address] = written
        if len(all_rules) > ADDRESSES:
            raise Failure(Kind.LIMIT, f"an account has rules for at most {ADDRESSES} addresses")
        return all_rules or None

    await settings.change(store, account, NAME, changed)


async def of_account(store: MailStore, account: Account) -> Rules:
    """All rules of the account by address. CORRUPT where they cannot be read, as after going back to an older version."""
    value = await settings.get(store, account, NAME)
    try:
        return {
            address: tuple(_read(_an_object(each)) for each in _a_list(rules))
            for address, rules in _an_object(value or {}).items()
        }
    except (TypeError, InvalidAddress, InvalidPattern) as error:
        raise Failure(Kind.CORRUPT, "the rules of the account cannot be read; set them again", str(error)) from error


def _checked(rule: Ruleset) -> Ruleset:
    if not rule.has_condition:
        raise Failure(Kind.INVALID, "a rule says what it fits: a sender, a verified domain or header fields")
    for mailbox in filter(None, (rule.mailbox, rule.accept_rejects_to_mailbox)):
        mailboxes.canonical(mailbox)
    if rule.is_forward and rule.verified_domain is None:
        raise Failure(Kind.INVALID, "a rule for forwarded mail names the verified domain of who forwards it")
    if rule.is_forward and rule.list_allow_domain is not None:
        raise Failure(Kind.INVALID, "a rule is about a mailing list or about forwarded mail, not both")
    return rule


def _written(rule: Ruleset) -> dict[str, JSON]:
    """What differs from a rule without conditions."""
    everything: dict[str, JSON] = {
        "mailbox": rule.mailbox,
        "mail_from": rule.mail_from.text if rule.mail_from else None,
        "msg_from": rule.msg_from.text if rule.msg_from else None,
        "verified_domain": rule.verified_domain.ascii if rule.verified_domain else None,
        "headers": [[name.text, value.text] for name, value in rule.headers],
        "list_allow_domain": rule.list_allow_domain.ascii if rule.list_allow_domain else None,
        "is_forward": rule.is_forward,
        "accept_rejects_to_mailbox": rule.accept_rejects_to_mailbox,
        "comment": rule.comment,
    }
    return {name: value for name, value in everything.items() if value}


def _read(value: Mapping[str, JSON]) -> Ruleset:
    headers = [[_a_text(text) for text in _a_list(pair)] for pair in _a_list(value.get("headers", []))]
    return Ruleset(
        mailbox=_a_text(value.get("mailbox", "")),
        mail_from=_maybe_pattern(value.get("mail_from")),
        msg_from=_maybe_pattern(value.get("msg_from")),
        verified_domain=_maybe_domain(value.get("verified_domain")),
        headers=tuple((Pattern(pair[0]), Pattern(pair[-1])) for pair in headers if pair),
        list_allow_domain=_maybe_domain(value.get("list_allow_domain")),
        is_forward=value.get("is_forward", False) is True,
        accept_rejects_to_mailbox=_a_text(value.get("accept_rejects_to_mailbox", "")),
        comment=_a_text(value.get("comment", "")),
    )


def _maybe_pattern(value: JSON) -> Pattern | None:
    return None if value is None else Pattern(_a_text(value))


def _maybe_domain(value: JSON) -> Domain | None:
    return None if value is None else Domain.parse(_a_text(value), underscore=True)


def _a_text(value: JSON) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text belongs")
    return value


def _a_list(value: JSON) -> list[JSON]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} where a list belongs")
    return value


def _an_object(value: JSON) -> dict[str, JSON]:
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} where an object belongs")
    return value
