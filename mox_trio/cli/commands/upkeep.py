"""mox-trio upkeep."""

from dataclasses import asdict

import click

from mox_trio.admin import retention
from mox_trio.cli.output import Output
from mox_trio.cli.session import confirm, desk, with_services
from mox_trio.mailstore import orphans, upkeep
from mox_trio.services import Services


@click.command(help="Remove what is no longer needed, once.")
@click.option("--adopt", is_flag=True, help="First declare this the only index that has bodies in its stores.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_services
async def command(services: Services, adopt: bool, yes: bool) -> Output:
    done: dict[str, int] = {}
    if adopt:
        confirm("Is this the only index of its stores? Bodies that it does not name are erased.", yes=yes)
        done["adopted"] = await orphans.adopt(services.mail)
    done |= asdict(await upkeep.run(services.mail))
    done["expunged"] = await retention.run(desk(services))
    return Output(done, ", ".join(f"{name} {count}" for name, count in done.items()))
