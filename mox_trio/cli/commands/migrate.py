"""mox-trio migrate: imap."""

import csv
import ssl
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
import trio

from mox_trio.admin import accounts
from mox_trio.base.failure import Failure, Kind
from mox_trio.cli.output import Output, size
from mox_trio.cli.progress import Bar
from mox_trio.cli.session import desk, with_services
from mox_trio.mailstore import imap_source, pulling
from mox_trio.mailstore.imap_source import Place
from mox_trio.mailstore.pulling import Job, Report
from mox_trio.services import Services
from storage_backends.errors import StorageError

PORT_TLS: Final = 993
PORT: Final = 143
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An account and where its mail is."""

    account: str
    place: Place


@click.group(help="Pull mail from another server.")
def command() -> None:
    pass


@command.command(
    help="Pull all mail of ACCOUNT, or of the accounts in a file, from an old IMAP server: folders, flags, dates, special uses. "
    "Run it again as often as you like until the switch: nothing comes twice, flags follow, and nothing is changed there."
)
@click.argument("account", required=False)
@click.option("--from", "host", required=True, metavar="HOST[:PORT]", help="The old server; port 993 with TLS.")
@click.option("--user", help="User there; the password is asked for, or read from standard input as one line.")
@click.option(
    "--accounts",
    "file",
    type=FILE,
    help="A CSV file with the columns account, user and password in its first line, for several accounts.",
)
@click.option("--starttls", is_flag=True, help="Begin TLS by STARTTLS, port 143.")
@click.option(
    "--ca",
    type=FILE,
    help="PEM file of the authority that the old server's certificate is from, or of the certificate.",
)
@click.option("--into", default="", help="Put everything below this mailbox.")
@click.option("--at-once", default=4, show_default=True, type=click.IntRange(1, 32), help="Accounts side by side.")
@with_services
async def imap(services: Services, **chosen: Any) -> Output:
    wanted = _wanted(**{name: chosen[name] for name in ("account", "host", "user", "file", "starttls")})
    context = await trio.to_thread.run_sync(_context, chosen["ca"])
    reports: dict[str, Report] = {each.account: Report() for each in wanted}
    failed: dict[str, Failure] = {}
    free = trio.CapacityLimiter(chosen["at_once"])
    with Bar("pulling") as bar:

        async def progress(report: Report) -> None:
            done = sum(each.before + each.pulled + each.known for each in reports.values())
            bar.update(done, sum(each.messages for each in reports.values()))

        async def one(each: Wanted) -> None:
            async with free:
                try:
                    account = await accounts.opened(desk(services), each.account)
                    quota = accounts.quota(desk(services), each.account)
                    job = Job(services.mail, account, each.place, reports[each.account], quota, chosen["into"])
                    async with imap_source.opened(each.place, context) as source:
                        await pulling.run(job, source, progress)
                except Failure as failure:
                    failed[each.account] = failure
                except StorageError as error:
                    failed[each.account] = Failure(Kind.UNAVAILABLE, str(error))

        async with trio.open_nursery() as nursery:
            for each in wanted:
                nursery.start_soon(one, each)
    if len(wanted) == 1 and failed:
        raise failed[wanted[0].account]
    return _said(reports, failed)


def _said(reports: dict[str, Report], failed: dict[str, Failure]) -> Output:
    lines = []
    for name, report in reports.items():
        lines += [f"{name}: {what}: {reason}" for what, reason in report.bad]
        text = f"{report.pulled} messages pulled ({size(report.size)}), {report.before + report.known} were here"
        text += f", {report.flags} got other flags, {report.bad_total} left out"
        lines.append(f"{name}: {text}")
        if name in failed:
            lines.append(f"{name}: stopped: {failed[name].public}; run the same command again, and it goes on")
    data = [
        {"account": name, **asdict(report), "failed": failed[name].public if name in failed else None}
        for name, report in reports.items()
    ]
    return Output(data, "\n".join(lines), 1 if failed else 0)


def _wanted(account: str | None, host: str, user: str | None, file: Path | None, starttls: bool) -> list[Wanted]:
    name, _, number = host.rpartition(":") if ":" in host and not host.endswith("]") else (host, "", "")
    if number and not number.isdecimal():
        raise click.UsageError(f"{number!r} is no port")
    port = int(number) if number else PORT if starttls else PORT_TLS
    if (account is None) == (file is None):
        raise click.UsageError("name an ACCOUNT with --user, or a file with --accounts")
    if file is not None:
        return list(_of_file(file, name, port, starttls=starttls))
    if user is None:
        raise click.UsageError("--user says who logs in to the old server")
    return [Wanted(account or "", Place(name, user, _password(user), port, starttls))]


def _of_file(file: Path, host: str, port: int, *, starttls: bool) -> Iterator[Wanted]:
    """What a CSV file lists. INVALID names the line, never what stands in it."""
    seen = set()
    with file.open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.DictReader(opened)
        if not {"account", "user", "password"} <= set(reader.fieldnames or ()):
            raise Failure(Kind.INVALID, f"{file}: the first line names the columns: account,user,password")
        for row in reader:
            account, user, password = (row[name] or "" for name in ("account", "user", "password"))
            if not account or not user or not password or account in seen:
                raise Failure(
                    Kind.INVALID, f"{file} line {reader.line_num}: a value is missing, or the account is there twice"
                )
            seen.add(account)
            yield Wanted(account, Place(host, user, password, port, starttls))


def _password(user: str) -> str:
    if sys.stdin.isatty():
        password: str = click.prompt(f"Password of {user} on the old server", hide_input=True, err=True)
        return password
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Failure(Kind.INVALID, "there is no password on standard input; give it as one line")
    return line


def _context(ca: Path | None) -> ssl.SSLContext:
    """Verifies the old server, by the system's authorities or by this file's."""
    try:
        return ssl.create_default_context(cafile=str(ca) if ca is not None else None)
    except (ssl.SSLError, OSError):
        raise Failure(Kind.INVALID, f"{ca} holds no certificate in PEM form") from None
