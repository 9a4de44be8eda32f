"""mox-trio quickstart."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from mox_trio.admin import quickstart as choosing
from mox_trio.admin.quickstart import Bucket, Database
from mox_trio.app import logs, quickstart
from mox_trio.app.quickstart import Done, Options
from mox_trio.cli import output
from mox_trio.cli.commands.keyring import SAVE
from mox_trio.cli.output import Output
from mox_trio.cli.session import confirm, with_path
from mox_trio.config.models.static import Log

SIGNS: Final = {"good": "ok", "not good": "!!", "not checked": "??"}
WIDEST: Final = 60
"""Characters of a value in the table; keys are longer, and whole in the zone file."""
FILE: Final = click.Path(dir_okay=False, exists=True, path_type=Path)


@click.command(
    help="Set up a server for ADDRESS: configuration, account with a password, keys, certificate, systemd unit; and say which "
    "DNS records to add and what is not right yet. Nothing is overwritten without asking."
)
@click.argument("address")
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Put everything here.  [default: /etc/mox-trio and /var/lib/mox-trio]",
)
@click.option("--hostname", help="Full name of this machine.  [default: what the system or DNS says]")
@click.option("--user", help="User that the server becomes.  [default: mox-trio as root, else who runs this]")
@click.option("--store", type=click.Choice(["disk", "encrypted", "s3"]), default="disk", show_default=True)
@click.option("--bucket", default="", help="Bucket for --store s3; its keys are in S3_ACCESS_KEY and S3_SECRET_KEY.")
@click.option("--endpoint", default="", help="URL of the S3 service, where it is not Amazon's.")
@click.option("--region", default="us-east-1", show_default=True, help="Region of the S3 service.")
@click.option("--index", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
@click.option("--postgres-host", default="", help="Host or directory of the socket; the password is in PGPASSWORD.")
@click.option("--postgres-port", default=5432, show_default=True, type=click.IntRange(1, 65535))
@click.option("--postgres-database", default="mox_trio", show_default=True)
@click.option("--postgres-user", default="mox_trio", show_default=True)
@click.option("--cert", type=FILE, help="PEM file with a certificate and its chain.  [default: one signed by itself]")
@click.option("--key", type=FILE, help="PEM file with the key of --cert.")
@click.option("--existing-webserver", is_flag=True, help="Leave ports 80 and 443 to a web server, which passes on.")
@click.option("--skip-dns", is_flag=True, help="Ask nothing of DNS and of other hosts.")
@click.option("--ip", "ips", multiple=True, metavar="IP", help="Listen here.  [default: all addresses]")
@click.option(
    "--base-port",
    type=click.IntRange(0, choosing.HIGHEST_BASE),
    default=0,
    help="Services listen on this plus their standard ports, to try it without being root.",
)
@click.option("--yes", is_flag=True, help="Do not ask before files that are there are put aside.")
@with_path
async def command(path: str, yes: bool, **chosen: Any) -> Output:
    logs.configure(Log(), quiet=True)
    done = await quickstart.run(_options(chosen), partial(_ask, yes=yes))
    return Output(_data(done), _text(done))


def _options(chosen: dict[str, Any]) -> Options:
    if (chosen["cert"] is None) != (chosen["key"] is None):
        raise click.UsageError("--cert and --key go together")
    bucket = Bucket(chosen["bucket"], chosen["endpoint"], chosen["region"]) if chosen["store"] == "s3" else None
    database = None
    if chosen["index"] == "postgres":
        host, port, name, user = (chosen[f"postgres_{each}"] for each in ("host", "port", "database", "user"))
        database = Database(host, port, name, user, quickstart.has_postgres_password())
    direct = ("address", "directory", "hostname", "user", "store", "existing_webserver", "skip_dns", "base_port", "ips")
    return Options(
        **{name: chosen[name] for name in direct},
        bucket=bucket,
        database=database,
        certificate=(chosen["cert"], chosen["key"]) if chosen["cert"] is not None else None,
    )


def _ask(there: Sequence[Path], *, yes: bool) -> None:
    names = ", ".join(map(str, there))
    confirm(f"{names} {'is' if len(there) == 1 else 'are'} there already; put aside and make anew?", yes=yes)


def _data(done: Done) -> dict[str, Any]:
    return {
        "config": str(done.choices.file),
        "data": str(done.choices.data),
        "hostname": done.choices.hostname.ascii,
        "account": done.choices.account,
        "address": str(done.choices.address),
        "password": done.password,
        "files": [str(each) for each in done.files],
        "put_aside": [str(each) for each in done.aside],
        "zone": str(done.zone),
        "records": [asdict(each) | {"line": each.line()} for each in done.records],
        "checks": [asdict(each) for each in done.checks],
        "next": list(done.next),
    }


def _text(done: Done) -> str:
    choices = done.choices
    parts = [
        "# Checks\n" + "\n".join(f"{SIGNS[each.outcome]} {each.name}: {each.text}" for each in done.checks),
        "# Files\n" + "\n".join([*map(str, done.files), *(f"{each} (put aside)" for each in done.aside)]),
        f"# DNS records to add at {choices.address.domain.ascii}; as a piece of a zone file in {done.zone}\n"
        + _table(done),
        _account(done),
    ]
    if choices.store != "disk":
        parts.append(f"# Master key\n{choices.directory / choosing.MASTER_KEY}\n{SAVE}")
    if choices.certificate.is_own:
        parts.append(
            "# Certificate\nThe server's certificate is signed by itself until certbot has one, which the hook copies to "
            f"{choices.certificate.chain.parent}; the server takes it at once."
        )
    if choices.existing_webserver:
        parts.append(_web_server(done))
    steps = "\n".join(f"{number}. {each}" for number, each in enumerate(done.next, 1))
    return "\n\n".join([*parts, f"# Next, when the DNS records are there\n{steps}"])


def _table(done: Done) -> str:
    rows = [
        {
            "name": each.name,
            "kind": each.kind,
            "value": each.value if len(each.value) <= WIDEST else each.value[:WIDEST] + "...",
            "needed": "" if each.optional else "yes",
            "why": each.why,
        }
        for each in done.records
    ]
    headings = {"name": "name", "kind": "type", "value": "value", "needed": "needed", "why": "what for"}
    return output.table(rows, headings, "").text


def _account(done: Done) -> str:
    host, base = done.choices.hostname.ascii, done.choices.base_port
    return f"""\
# Account {done.choices.account}
user name: {done.choices.address}
password:  {done.password}
           It is not shown again. Change it: mox-trio --config {done.choices.file} account set-password {done.choices.account}
IMAP:      {host} port {base + 993} (TLS)
SMTP:      {host} port {base + 465} (TLS)"""


def _web_server(done: Done) -> str:
    port = done.choices.base_port + choosing.PROXIED
    kinds = [each for each in ("webmail", "webapi", "account") if each in done.choices.web]
    paths = "\n".join(
        f"/{each}/ -> http://127.0.0.1:{port}/{each}/" if each != "account" else f"/ -> http://127.0.0.1:{port}/"
        for each in kinds
    )
    return (
        f"# Web server\nPass these paths of https://{done.choices.hostname.ascii} on, with X-Forwarded-For, X-Forwarded-Proto "
        f"and websockets:\n{paths}"
    )
