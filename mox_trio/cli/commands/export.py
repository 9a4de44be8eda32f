"""mox-trio export."""

from dataclasses import asdict
from pathlib import Path

import click

from mox_trio.admin import accounts
from mox_trio.cli.output import Output, size
from mox_trio.cli.progress import Bar
from mox_trio.cli.session import FAILED, desk, with_services
from mox_trio.mailstore import exporting
from mox_trio.mailstore.exporting import Format, Options, Report
from mox_trio.mailstore.progress import Progress
from mox_trio.services import Services


@click.command(
    help="Export ACCOUNT to TARGET, which must not exist: a directory, or by its ending .tar, .tgz, .zip, .mbox. What it holds "
    "comes back the same by import."
)
@click.argument("account")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice([each.value for each in Format]), help="[default: maildir; mbox into .mbox]"
)
@click.option("--mailbox", "-m", help="Only this mailbox.")
@click.option("--recursive", "-r", is_flag=True, help="With --mailbox: those below it too.")
@click.option("--resume", is_flag=True, help="Go on with a directory that an export was stopped in.")
@with_services
async def command(
    services: Services,
    account: str,
    target: Path,
    form: str | None,
    mailbox: str | None,
    recursive: bool,
    resume: bool,
) -> Output:
    handle = await accounts.opened(desk(services), account)
    options = Options(_format(form, target), None, mailbox, recursive, resume=resume)
    with Bar("exporting", unit="bytes") as bar:

        async def progress(reached: Progress) -> None:
            bar.update(reached.done, reached.total)

        report = await exporting.run(services.mail, handle, target, options, progress)
    return Output(asdict(report), _text(report, target), FAILED if report.errors_total else 0)


def _format(named: str | None, target: Path) -> Format:
    if named is not None:
        return Format(named)
    return Format.MBOX if target.suffix.lower() == ".mbox" else Format.MAILDIR


def _text(report: Report, target: Path) -> str:
    lines = [f"{name}: {reason}" for name, reason in report.errors]
    before = f", {report.before} by the run before" if report.before else ""
    lines.append(
        f"{report.messages} messages ({size(report.size)}) of {report.mailboxes} mailboxes in {target}{before}"
    )
    if report.errors_total:
        lines.append(f"{report.errors_total} not exported; see errors.txt")
    return "\n".join(lines)
