"""mox-trio import."""

from dataclasses import asdict
from pathlib import Path

import click

from mox_trio.admin import accounts
from mox_trio.cli.output import Output, size
from mox_trio.cli.progress import Bar
from mox_trio.cli.session import desk, with_services
from mox_trio.mailstore import importing
from mox_trio.mailstore.importing import Options, Report
from mox_trio.mailstore.progress import Progress
from mox_trio.services import Services


@click.command(
    help="Import SOURCE into ACCOUNT: a maildir, an mbox file, a directory of these, or a tar, tgz or zip. Stopped half-way, "
    "the same command goes on where it was. Nothing in SOURCE is changed."
)
@click.argument("account")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--mailbox", "-m", default="", help="Import into this mailbox, or below it when there are several.")
@click.option("--strip", default="", metavar="PREFIX", help="Take these levels off the beginning of mailboxes' names.")
@click.option("--skip-duplicates", is_flag=True, help="Leave out messages that the account has, byte for byte.")
@click.option("--restart", is_flag=True, help="Begin again where an earlier import was stopped.")
@with_services
async def command(
    services: Services, account: str, source: Path, mailbox: str, strip: str, skip_duplicates: bool, restart: bool
) -> Output:
    handle = await accounts.opened(desk(services), account)
    quota = accounts.quota(desk(services), account)
    options = Options(mailbox, strip, skip_duplicates, quota, restart)
    with Bar("importing", unit="bytes") as bar:

        async def progress(reached: Progress) -> None:
            bar.update(reached.done, reached.total)

        report = await importing.run(services.mail, handle, source, options, progress)
    return Output(asdict(report), _text(report))


def _text(report: Report) -> str:
    lines = [f"{name}: {reason}" for name, reason in report.bad]
    if report.bad_total > len(report.bad):
        lines.append(f"... and {report.bad_total - len(report.bad)} more")
    lines += [f"{old} became mailbox {new}" for old, new in report.renamed]
    counts = [f"{report.imported} messages imported ({size(report.size)})"]
    if report.before:
        counts.append(f"{report.before} by the run before")
    if report.duplicates:
        counts.append(f"{report.duplicates} duplicates left out")
    if report.bad_total:
        counts.append(f"{report.bad_total} not imported")
    return "\n".join([*lines, ", ".join(counts)])
