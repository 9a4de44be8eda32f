"""mox-trio upkeep."""

from dataclasses import asdict

import click

from mox_trio.admin import retention
from mox_trio.cli.output import Output
from mox_trio.cli.session import desk, with_services
from mox_trio.mailstore import upkeep
from mox_trio.services import Services


@click.command(help="Remove what is no longer needed, once.")
@with_services
async def command(services: Services) -> Output:
    done = asdict(await upkeep.run(services.mail))
    done["expunged"] = await retention.run(desk(services))
    return Output(done, ", ".join(f"{name} {count}" for name, count in done.items()))
