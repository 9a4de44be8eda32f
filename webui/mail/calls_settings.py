"""What a user sets: looks and identities of the webmail, pictures of a sender, rules."""

from typing import Any, Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import acting, listing, rulesets, settings
from mox_trio.policy.patterns import InvalidPattern, Pattern
from mox_trio.policy.rulesets import Ruleset
from webui.mail import identities
from webui.mail.desk import Arguments, Desk, Json, Operation

WEBMAIL: Final = "webmail"
"""The setting with the looks, an object that the page understands."""
PICTURES: Final = "webmail.pictures"
"""Addresses whose pictures from elsewhere are shown."""
LARGEST: Final = 64 * 1024
MOST_SENDERS: Final = 5000
EVERY_ADDRESS: Final = ""
"""Rules of the account as a whole."""


async def put(at: Desk, arguments: Arguments) -> Json:
    """settingsPut {name, value}: `webmail` or `identities`."""
    name = arguments.text("name")
    if name not in (WEBMAIL, identities.SETTING):
        raise Failure(Kind.INVALID, "there is no such setting")
    value = arguments.given.get("value")
    if len(str(value)) > LARGEST:
        raise Failure(Kind.LIMIT, "the setting is too large")
    await settings.put(at.store, at.account, name, value)
    return {}


async def pictures(at: Desk, arguments: Arguments) -> Json:
    """picturesOf {address, shown}: whether pictures from elsewhere are shown in mail of a sender."""
    address, shown = arguments.text("address", most=400).lower(), arguments.truth("shown")

    def changed(value: settings.JSON) -> settings.JSON:
        known: list[settings.JSON] = [each for each in value if each != address] if isinstance(value, list) else []
        if shown:
            known.append(address)
        return known[-MOST_SENDERS:] or None

    await settings.change(at.store, at.account, PICTURES, changed)
    return {}


def _literal(text: str) -> str:
    """A pattern for exactly this text."""
    return "".join(each if each.isalnum() or each in "@_-" else f"\\{each}" for each in text)


async def add_rule(at: Desk, arguments: Arguments) -> Json:
    """ruleAdd {mailbox, from?, listId?}: mail of this sender or list goes into a mailbox from now on. INVALID, LIMIT."""
    name = await acting.named(at.store, at.account, listing.mailbox_id(arguments.number("mailbox")))
    sender, list_id = arguments.text("from", "", 400), arguments.text("listId", "", 400)
    try:
        if list_id:
            headers = ((Pattern("^list-id$"), Pattern(f"<{_literal(list_id)}>")),)
            rule = Ruleset(name, headers=headers, comment=f"list {list_id}")
        elif sender:
            rule = Ruleset(name, msg_from=Pattern(f"^{_literal(sender)}$"), comment=f"from {sender}")
        else:
            raise Failure(Kind.INVALID, "say which sender or list the rule is about")
    except InvalidPattern as error:
        raise Failure(Kind.INVALID, f"there can be no rule for this: {error}") from error
    known = (await rulesets.of_account(at.store, at.account)).get(EVERY_ADDRESS, ())
    kept = [each for each in known if each.comment != rule.comment]
    await rulesets.put(at.store, at.account, EVERY_ADDRESS, [rule, *kept])
    return {"comment": rule.comment}


async def rules(at: Desk, arguments: Arguments) -> Json:
    """rules {}: those of the account, in the order in which they are asked."""
    found: list[Json] = []
    for address, each_of in (await rulesets.of_account(at.store, at.account)).items():
        found += [_shown(address, number, rule) for number, rule in enumerate(each_of)]
    return found


def _shown(address: str, number: int, rule: Ruleset) -> dict[str, Any]:
    return {
        "address": address,
        "number": number,
        "mailbox": rule.mailbox,
        "mailFrom": rule.mail_from.text if rule.mail_from else "",
        "from": rule.msg_from.text if rule.msg_from else "",
        "domain": str(rule.verified_domain or ""),
        "headers": [[name.text, value.text] for name, value in rule.headers],
        "comment": rule.comment,
    }


async def remove_rule(at: Desk, arguments: Arguments) -> Json:
    """ruleRemove {address, number, comment}: the rule at that place, if it is still that one. CONFLICT."""
    address, number = arguments.text("address", ""), arguments.number("number")
    known = list((await rulesets.of_account(at.store, at.account)).get(address, ()))
    if number >= len(known) or known[number].comment != arguments.text("comment", ""):
        raise Failure(Kind.CONFLICT, "the rules were changed meanwhile")
    del known[number]
    await rulesets.put(at.store, at.account, address, known)
    return {}


OPERATIONS: Final[dict[str, Operation]] = {
    "settingsPut": put,
    "picturesOf": pictures,
    "ruleAdd": add_rule,
    "rules": rules,
    "ruleRemove": remove_rule,
}
