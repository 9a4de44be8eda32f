"""mox-trio verify."""

from dataclasses import asdict
from typing import Final

import click

from mox_trio.cli.output import Output
from mox_trio.cli.session import with_services
from mox_trio.mailstore import verifying
from mox_trio.services import Services

FOUND: Final = 3
"""Exit code when something is wrong and was not fixed."""


@click.command(help="Compare the index with the bodies and with itself. Changes nothing without --fix.")
@click.option("--fix", is_flag=True, help="Put right counts, UIDNEXT, forgotten releases and orphan bodies.")
@click.option("--bodies", is_flag=True, help="Read every body and compare it with its hash.")
@with_services
async def command(services: Services, fix: bool, bodies: bool) -> Output:
    findings = [each async for each in verifying.run(services.mail, fix=fix, bodies=bodies)]
    lines = [
        f"{each.account or 'server'}: {each.what}: {each.text}{' (fixed)' if each.fixed else ''}" for each in findings
    ]
    open_ones = sum(not each.fixed for each in findings)
    lines.append(f"{len(findings)} found, {len(findings) - open_ones} fixed" if findings else "all is well")
    return Output([asdict(each) for each in findings], "\n".join(lines), FOUND if open_ones else 0)
