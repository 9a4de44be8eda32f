"""mox-trio address: add, remove."""

import click

from mox_trio.admin import domains
from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.session import desk, with_services
from mox_trio.services import Services


@click.group(help="Give addresses to accounts and take them away.")
def command() -> None:
    pass


@command.command(help="Give ACCOUNT one more ADDRESS; @example.org is what nobody else has.")
@click.argument("account")
@click.argument("address")
@with_services
async def add(services: Services, account: str, address: str) -> Output:
    await domains.add_address(desk(services), account, address)
    return output.done(f"{address} is delivered to {account}", account=account, address=address)


@command.command(help="Take ADDRESS away from its account, and out of aliases.")
@click.argument("address")
@with_services
async def remove(services: Services, address: str) -> Output:
    await domains.remove_address(desk(services), address)
    return output.done(f"{address} removed", address=address)
