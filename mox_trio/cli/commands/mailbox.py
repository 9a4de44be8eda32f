"""mox-trio mailbox: list, messages, show."""

import sys
from typing import Any

import click

from mox_trio.admin import accounts
from mox_trio.base.failure import Failure, Kind
from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.session import desk, with_services
from mox_trio.mailstore import keywords, mailboxes, reading, rendering
from mox_trio.services import Services
from storage_backends.index.tables import messages as message_rows


@click.group(help="List mailboxes and their messages.")
def command() -> None:
    pass


@command.command("list", help="List the mailboxes of ACCOUNT.")
@click.argument("account")
@with_services
async def list_(services: Services, account: str) -> Output:
    handle = await accounts.opened(desk(services), account)
    rows = [
        {
            "name": row.name,
            "messages": row.messages,
            "unseen": row.unseen,
            "size": row.size,
            "uidvalidity": row.uidvalidity,
            "uidnext": row.uidnext,
        }
        for row in await mailboxes.listed(services.mail, handle)
    ]
    headings = {"name": "mailbox", "messages": "messages", "unseen": "unseen", "size": "bytes"}
    return output.table(rows, headings, "no mailboxes")


@command.command(help="List the newest messages of a MAILBOX of ACCOUNT.")
@click.argument("account")
@click.argument("mailbox", default=mailboxes.INBOX)
@click.option("--number", "-n", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@with_services
async def messages(services: Services, account: str, mailbox: str, number: int) -> Output:
    handle = await accounts.opened(desk(services), account)
    box = await mailboxes.get(services.mail, handle, mailbox)
    uids = [row[0] for row in await reading.flags(services.mail, box.id)][-number:]
    table = await services.mail.index.read(lambda tx: keywords.table(tx, handle.id))
    rows: list[dict[str, Any]] = []
    ranges = message_rows.ranges_of(uids)
    if ranges:
        async for page in reading.summaries(services.mail, handle, box.id, ranges):
            rows += [_message(row, summary, table) for row, summary in page]
    headings = {"uid": "uid", "received": "received", "from": "from", "subject": "subject", "flags": "flags"}
    return output.table(rows, headings, f"no messages in {mailbox}")


def _message(row: message_rows.MessageRow, summary: rendering.Summary, table: dict[int, str]) -> dict[str, Any]:
    return {
        "uid": row.uid,
        "received": output.instant(row.received),
        "from": summary.from_name or summary.from_mailbox,
        "subject": summary.subject,
        "flags": keywords.names(row.flags, row.keywords, table),
        "size": row.size,
        "preview": summary.preview,
    }


@command.command(help="Write the bytes of the message with this UID to standard output.")
@click.argument("account")
@click.argument("mailbox")
@click.argument("uid", type=click.IntRange(1, 2**32 - 1))
@with_services
async def show(services: Services, account: str, mailbox: str, uid: int) -> Output:
    handle = await accounts.opened(desk(services), account)
    box = await mailboxes.get(services.mail, handle, mailbox)
    rows = await reading.rows(services.mail, box.id, [(uid, uid)])
    if not rows:
        raise Failure(Kind.NOT_FOUND, f"there is no message {uid} in {mailbox}")
    async with reading.open_mail(services.mail, handle, rows[0].email_id) as blocks:
        async for block in blocks:
            sys.stdout.buffer.write(block)
    sys.stdout.buffer.flush()
    return Output({"uid": uid, "size": rows[0].size}, "")
