"""mox-trio queue: list, hold, unhold, schedule, transport, hold rules, fail, drop."""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from mox_trio.admin import queue as admin_queue
from mox_trio.admin.queue import QueueDesk
from mox_trio.base.failure import Failure, Kind
from mox_trio.base.metrics import Metrics
from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.session import confirm, desk, with_services
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.outgoing.parts import Parts
from mox_trio.services import Services

F = TypeVar("F", bound=Callable[..., Any])

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"(?:\d+[smhd])+")


@click.group(help="Look at outgoing mail that waits, hold it, schedule it, give it up.")
def command() -> None:
    pass


def chosen(work: F) -> F:
    """Options that say which messages are meant."""
    for option in reversed(
        (
            click.argument("ids", nargs=-1, type=int),
            click.option("--account", help="Of this account."),
            click.option("--from", "sender", help="Whose sender has this in it."),
            click.option("--to", "recipient", help="Whose recipient has this in it."),
            click.option("--domain", "destination", help="To this domain."),
            click.option("--by-transport", "transport", help="By this transport."),
            click.option("--held/--not-held", default=None, help="That are held, or not."),
        )
    ):
        work = option(work)
    return work


everything = click.option("--all", "all_", is_flag=True, help="All there are.")


@command.command("list", help="List messages, by IDS or by what they are; one line a recipient.")
@chosen
@click.option("--number", "-n", default=1000, show_default=True, type=click.IntRange(1, admin_queue.MOST))
@with_services
async def list_(services: Services, ids: tuple[int, ...], number: int, **options: Any) -> Output:
    rows = await admin_queue.listed(_at(services), _meant(ids, options) | {"most": number})
    shown = [{**row, "next": output.instant(row["next_attempt"])} for row in rows]
    headings = {
        "id": "id",
        "account": "account",
        "sender": "from",
        "recipient": "to",
        "state": "state",
        "attempts": "attempts",
        "next": "next attempt",
        "size": "bytes",
    }
    return Output(rows, output.table(shown, headings, "nothing is queued").text)


@command.command(help="Try messages no more until they are let go.")
@chosen
@everything
@with_services
async def hold(services: Services, ids: tuple[int, ...], all_: bool, **options: Any) -> Output:
    return _told("held", await admin_queue.hold(_at(services), _meant(ids, options, all_)))


@command.command(help="Let held messages go.")
@chosen
@everything
@with_services
async def unhold(services: Services, ids: tuple[int, ...], all_: bool, **options: Any) -> Output:
    return _told("let go", await admin_queue.unhold(_at(services), _meant(ids, options, all_)))


@command.command(help="Try messages at another time: now, or in --in, or --later than planned.")
@chosen
@everything
@click.option("--in", "in_", metavar="DURATION", help="This long from now, as in 1h30m.")
@click.option("--later", metavar="DURATION", help="This much later than planned.")
@with_services
async def schedule(
    services: Services, ids: tuple[int, ...], all_: bool, in_: str | None, later: str | None, **options: Any
) -> Output:
    if in_ and later:
        raise click.UsageError("Give --in or --later.")
    wanted = {"seconds": _seconds(in_ or later or "0s"), "later": later is not None}
    return _told("scheduled", await admin_queue.schedule(_at(services), _meant(ids, options, all_) | wanted))


@command.command(help="Give messages up; their senders are told.")
@chosen
@everything
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_services
async def fail(services: Services, ids: tuple[int, ...], all_: bool, yes: bool, **options: Any) -> Output:
    confirm("Give these messages up and tell their senders? This cannot be undone.", yes=yes)
    return _told("given up", await admin_queue.fail(_at(services), _meant(ids, options, all_)))


@command.command(help="Forget messages; nobody is told.")
@chosen
@everything
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_services
async def drop(services: Services, ids: tuple[int, ...], all_: bool, yes: bool, **options: Any) -> Output:
    confirm("Forget these messages and tell nobody? This cannot be undone.", yes=yes)
    return _told("dropped", await admin_queue.drop(_at(services), _meant(ids, options, all_)))


@command.command(help="Send messages by the transport NAME; an empty one is by the routes.")
@click.argument("name")
@chosen
@everything
@with_services
async def transport(services: Services, name: str, ids: tuple[int, ...], all_: bool, **options: Any) -> Output:
    wanted = _meant(ids, options, all_) | {"to": name}
    return _told("changed", await admin_queue.transport(_at(services), wanted))


@command.group("holdrules", help="Rules that hold new mail.")
def hold_rules() -> None:
    pass


@hold_rules.command("list", help="List hold rules.")
@with_services
async def list_rules(services: Services) -> Output:
    rows = await admin_queue.rules(_at(services), {})
    headings = {"id": "id", "account": "account", "sender_domain": "from domain", "recipient_domain": "to domain"}
    return output.table(rows, headings, "no hold rules")


@hold_rules.command("add", help="Hold mail that matches all that is given; without options, all mail.")
@click.option("--account", help="Of this account.")
@click.option("--from-domain", "sender_domain", help="From this domain.")
@click.option("--to-domain", "recipient_domain", help="To this domain.")
@with_services
async def add_rule(services: Services, **options: str | None) -> Output:
    given = {name: value for name, value in options.items() if value}
    made = await admin_queue.add_rule(_at(services), given)
    return output.done(f"hold rule {made['id']} added; {made['held']} messages are held now", **made)


@hold_rules.command("remove", help="Forget the hold rule ID; what it holds stays held.")
@click.argument("rule", metavar="ID", type=int)
@with_services
async def remove_rule(services: Services, rule: int) -> Output:
    await admin_queue.remove_rule(_at(services), {"id": rule})
    return output.done(f"hold rule {rule} removed; what it held: mox-trio queue unhold --held", id=rule)


def _at(services: Services) -> QueueDesk:
    queue = Mailqueue(services.mail.index, services.mail.now)
    return QueueDesk(desk(services), Parts(services.mail, queue, services.config, Metrics()))


def _meant(ids: tuple[int, ...], options: dict[str, Any], all_: bool = False) -> dict[str, Any]:
    meant = {name: value for name, value in options.items() if value is not None}
    return meant | ({"ids": list(ids)} if ids else {}) | ({"all": True} if all_ else {})


def _told(what: str, changed: dict[str, int]) -> Output:
    busy = f"; {changed['busy']} in delivery were left" if changed.get("busy") else ""
    return output.done(f"{changed['changed']} {what}{busy}", **changed)


def _seconds(text: str) -> int:
    if not _DURATION.fullmatch(text):
        raise Failure(Kind.INVALID, f"{text!r} is no duration; write it as 90s, 7m30s or 2d")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))
