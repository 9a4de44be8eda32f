"""mox-trio verify."""

from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from mox_trio.app import backup, build
from mox_trio.cli.output import Output
from mox_trio.cli.session import with_static
from mox_trio.config.models.static import Static
from mox_trio.mailstore import verifying
from mox_trio.mailstore.verifying import Finding

FOUND: Final = 3
"""Exit code when something is wrong and was not fixed."""


@click.command(help="Compare the index with the bodies and with itself. Changes nothing without --fix.")
@click.option("--fix", is_flag=True, help="Put right counts, UIDNEXT, forgotten releases and orphan bodies.")
@click.option("--bodies", is_flag=True, help="Read every body and compare it with its hash.")
@click.option(
    "--backup",
    "directory",
    type=click.Path(file_okay=False, exists=True, resolve_path=True, path_type=Path),
    help="Look at a backup instead, every body of it; nothing in it is changed.",
)
@with_static
async def command(static: Static, fix: bool, bodies: bool, directory: Path | None) -> Output:
    if directory is None:
        async with build.services(static) as services:
            findings = [each async for each in verifying.run(services.mail, fix=fix, bodies=bodies)]
    elif fix:
        raise click.UsageError("a backup is not changed: --fix and --backup do not go together")
    else:
        async with backup.opened(static, directory) as store:
            findings = [each async for each in verifying.run(store, bodies=True)]
    return _said(findings)


def _said(findings: list[Finding]) -> Output:
    lines = [
        f"{each.account or 'server'}: {each.what}: {each.text}{' (fixed)' if each.fixed else ''}" for each in findings
    ]
    open_ones = sum(not each.fixed for each in findings)
    lines.append(f"{len(findings)} found, {len(findings) - open_ones} fixed" if findings else "all is well")
    return Output([asdict(each) for each in findings], "\n".join(lines), FOUND if open_ones else 0)
