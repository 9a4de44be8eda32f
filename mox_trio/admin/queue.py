"""Look at the queue of outgoing mail and change it by hand: the same words for the command line and the control socket.

Arguments are a mapping as JSON has them. What is meant: `ids` (numbers), `account`, `sender`, `recipient` (parts of addresses),
`destination` (a domain), `transport`, `held` (true or false); what is left out is any. A change of everything says so
with `all`, so that a forgotten filter changes nothing. Rows in delivery at the moment are not changed and are counted as
`busy`. Raises Failure: INVALID for arguments that make no sense, NOT_FOUND for an account or rule that is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mox_trio.admin.accounts import Desk, opened
from mox_trio.admin.domains import parse_domain
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailqueue import managing
from mox_trio.mailqueue.managing import Changed
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.mailstore import accounts
from mox_trio.outgoing import by_hand
from mox_trio.outgoing.parts import Parts
from storage_backends.index.api import AccountId
from storage_backends.index.tables.queue_admin import Filter, HoldRule, Listed

Arguments = Mapping[str, Any]

MOST: Final = 10_000
"""Rows of one list."""

_FILTER: Final = frozenset({"ids", "account", "sender", "recipient", "destination", "transport", "held", "all"})


@dataclass(frozen=True, slots=True)
class QueueDesk:
    """What operations on the queue work on."""

    desk: Desk
    parts: Parts

    @property
    def queue(self) -> Mailqueue:
        """The rows."""
        return self.parts.queue


async def listed(at: QueueDesk, arguments: Arguments) -> list[dict[str, Any]]:
    """Rows that are meant, `most` of them at most."""
    chosen = await _chosen(at, arguments, {"most"})
    most = _number(arguments, "most", 1000)
    if not 1 <= most <= MOST:
        raise Failure(Kind.INVALID, f"most is a number from 1 to {MOST}")
    names = await _names(at)
    return [_shown(row, names) for row in await managing.listed(at.queue, chosen, most)]


async def hold(at: QueueDesk, arguments: Arguments) -> dict[str, int]:
    """Try what is meant no more until it is let go."""
    return _told(await managing.hold(at.queue, await _changing(at, arguments), held=True))


async def unhold(at: QueueDesk, arguments: Arguments) -> dict[str, int]:
    """Let what is meant go."""
    return _told(await managing.hold(at.queue, await _changing(at, arguments), held=False))


async def schedule(at: QueueDesk, arguments: Arguments) -> dict[str, int]:
    """Try what is meant `seconds` from now, or with `later` so much later than planned."""
    chosen = await _changing(at, arguments, {"seconds", "later"})
    milliseconds = _number(arguments, "seconds", 0) * 1000
    if _truth(arguments, "later"):
        return _told(await managing.postpone(at.queue, chosen, milliseconds))
    return _told(await managing.schedule(at.queue, chosen, at.queue.now() + milliseconds))


async def transport(at: QueueDesk, arguments: Arguments) -> dict[str, int]:
    """Send what is meant by the transport `to`; empty is by the routes."""
    chosen = await _changing(at, arguments, {"to"})
    name = _text(arguments, "to") or ""
    if name and name not in at.desk.static.transports:
        raise Failure(Kind.NOT_FOUND, f"there is no transport {name}")
    return _told(await managing.set_transport(at.queue, chosen, name))


async def fail(at: QueueDesk, arguments: Arguments) -> dict[str, int]:
    """Give up what is meant; senders are told as of any failure."""
    return _told(await by_hand.fail(at.parts, await _changing(at, arguments)))


async def drop(at: QueueDesk, arguments: Arguments) -> dict[str, int]:
    """Forget what is meant; nobody is told."""
    return _told(await by_hand.drop(at.parts, await _changing(at, arguments)))


async def rules(at: QueueDesk, arguments: Arguments) -> list[dict[str, Any]]:
    """All hold rules."""
    _known(arguments, frozenset())
    names = await _names(at)
    return [_shown_rule(rule, names) for rule in await managing.rules(at.queue)]


async def add_rule(at: QueueDesk, arguments: Arguments) -> dict[str, int]:
    """Hold new mail of an `account`, of a `sender_domain`, to a `recipient_domain`: all of what is given, else all mail."""
    _known(arguments, frozenset({"account", "sender_domain", "recipient_domain"}))
    sender, recipient = (_text(arguments, name) for name in ("sender_domain", "recipient_domain"))
    account = await _account(at, arguments)
    rule, held = await managing.add_rule(
        at.queue, account, parse_domain(sender) if sender else None, parse_domain(recipient) if recipient else None
    )
    return {"id": rule, "held": held}


async def remove_rule(at: QueueDesk, arguments: Arguments) -> dict[str, int]:
    """Forget the hold rule `id`; what it holds stays held."""
    _known(arguments, frozenset({"id"}))
    rule = _number(arguments, "id", 0)
    if not await managing.remove_rule(at.queue, rule):
        raise Failure(Kind.NOT_FOUND, f"there is no hold rule {rule}")
    return {"id": rule}


async def _changing(at: QueueDesk, arguments: Arguments, more: set[str] | None = None) -> Filter:
    chosen = await _chosen(at, arguments, more or set())
    if chosen == Filter() and not _truth(arguments, "all"):
        raise Failure(Kind.INVALID, "say which messages are meant, or say all")
    return chosen


async def _chosen(at: QueueDesk, arguments: Arguments, more: set[str]) -> Filter:
    _known(arguments, _FILTER | more)
    destination = _text(arguments, "destination")
    return Filter(
        ids=_ids(arguments),
        account=await _account(at, arguments),
        sender=_text(arguments, "sender") or "",
        recipient=_text(arguments, "recipient") or "",
        destination=parse_domain(destination).ascii if destination else "",
        transport=_text(arguments, "transport"),
        held=None if arguments.get("held") is None else int(_truth(arguments, "held")),
    )


async def _account(at: QueueDesk, arguments: Arguments) -> AccountId | None:
    name = _text(arguments, "account")
    return (await opened(at.desk, name)).id if name else None


async def _names(at: QueueDesk) -> dict[AccountId, str]:
    return {row.id: row.name for row in await accounts.listed(at.desk.mail)}


def _known(arguments: Arguments, names: frozenset[str] | set[str]) -> None:
    if unknown := arguments.keys() - names:
        raise Failure(Kind.INVALID, f"{', '.join(sorted(map(str, unknown)))}: there is no such argument")


def _ids(arguments: Arguments) -> tuple[int, ...] | None:
    ids = arguments.get("ids")
    if ids is None:
        return None
    if not isinstance(ids, list | tuple) or not all(type(each) is int for each in ids):
        raise Failure(Kind.INVALID, "ids is a list of numbers")
    return tuple(ids) or None


def _text(arguments: Arguments, name: str) -> str | None:
    value = arguments.get(name)
    if value is not None and not isinstance(value, str):
        raise Failure(Kind.INVALID, f"{name} is a text")
    return value


def _number(arguments: Arguments, name: str, default: int) -> int:
    value = arguments.get(name, default)
    if type(value) is not int or abs(value) > 2**40:
        raise Failure(Kind.INVALID, f"{name} is a number")
    return value


def _truth(arguments: Arguments, name: str) -> bool:
    value = arguments.get(name, False)
    if not isinstance(value, bool):
        raise Failure(Kind.INVALID, f"{name} is true or false")
    return value


def _told(changed: Changed) -> dict[str, int]:
    return {"changed": changed.rows, "busy": changed.busy}


def _shown(row: Listed, names: Mapping[AccountId, str]) -> dict[str, Any]:
    return {
        "id": row.id,
        "message": row.outgoing_id,
        "account": names.get(row.account_id, ""),
        "sender": row.sender,
        "recipient": row.recipient,
        "state": "delivering" if row.lease_until else "held" if row.held else "waiting",
        "queued": row.queued,
        "next_attempt": row.next_attempt,
        "last_attempt": row.last_attempt,
        "attempts": row.attempts,
        "max_attempts": row.max_attempts,
        "expires": row.expires,
        "size": row.size,
        "transport": row.transport,
        "holder": row.holder,
    }


def _shown_rule(rule: HoldRule, names: Mapping[AccountId, str]) -> dict[str, Any]:
    return {
        "id": rule.id,
        "account": "" if rule.account_id is None else names.get(rule.account_id, ""),
        "sender_domain": rule.sender_domain,
        "recipient_domain": rule.recipient_domain,
        "created": rule.created,
    }


OPERATIONS: Final = {
    "list": listed,
    "hold": hold,
    "unhold": unhold,
    "schedule": schedule,
    "transport": transport,
    "fail": fail,
    "drop": drop,
    "rules": rules,
    "add-rule": add_rule,
    "remove-rule": remove_rule,
}
"""By the names of their commands."""
