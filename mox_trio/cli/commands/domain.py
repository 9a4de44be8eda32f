"""mox-trio domain: add, list, remove."""

from dataclasses import asdict

import click

from mox_trio.admin import domains
from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.session import desk, with_services
from mox_trio.services import Services


@click.group(help="Add, list and remove domains.")
def command() -> None:
    pass


@command.command(help="Add a domain.")
@click.argument("name")
@with_services
async def add(services: Services, name: str) -> Output:
    await domains.add(desk(services), name)
    return output.done(f"domain {name} added; next: mox-trio account add NAME YOU@{name}", domain=name)


@command.command("list", help="List domains.")
@with_services
async def list_(services: Services) -> Output:
    rows = [asdict(each) for each in domains.listed(desk(services))]
    headings = {"name": "domain", "addresses": "addresses", "aliases": "aliases", "disabled": "disabled"}
    return output.table(rows, headings, "no domains; add one: mox-trio domain add NAME")


@command.command(help="Remove a domain that no address needs any more.")
@click.argument("name")
@with_services
async def remove(services: Services, name: str) -> Output:
    await domains.remove(desk(services), name)
    return output.done(f"domain {name} removed", domain=name)
