"""mox-trio trace."""

from dataclasses import asdict

import click

from mox_trio.admin import tracing
from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.session import desk, with_services
from mox_trio.services import Services


@click.command(
    help="Show what became of the message with this MESSAGE-ID: how it came and why it was taken, where it lies, the queue, "
    "attempts and what other servers said. Mail that was refused is in the log only."
)
@click.argument("message_id", metavar="MESSAGE-ID")
@click.option("--account", help="Look in this account only.")
@with_services
async def command(services: Services, message_id: str, account: str | None) -> Output:
    events = await tracing.trace(desk(services), message_id, account)
    rows = [asdict(each) | {"at": output.instant(each.at)} for each in events]
    headings = {"at": "at", "account": "account", "what": "what", "recipient": "recipient", "text": "how"}
    empty = (
        f"nothing is known of {message_id} here: what was refused, or left without a record (keep_retired_messages), is in the "
        f"log alone, in lines with message_id={message_id.strip('<>')}"
    )
    made = output.table(rows, headings, empty)
    return Output(rows, made.text, 0 if rows else 1)
