"""mox-trio domain: add, list, remove, add-dkim, records."""

from dataclasses import asdict

import click

from mox_trio.admin import dkim_keys, dns_facts, dns_records, domains
from mox_trio.base.failure import Failure, Kind
from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.session import desk, with_services
from mox_trio.services import Services


@click.group(help="Add, list and remove domains; their signing keys and DNS records.")
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


@command.command(
    "add-dkim", help="Make keys and sign the domain's mail with them: RSA and Ed25519, or the one that is named."
)
@click.argument("name")
@click.option("--algorithm", type=click.Choice(dkim_keys.BOTH), help="Only a key of this kind.")
@with_services
async def add_dkim(services: Services, name: str, algorithm: dkim_keys.Algorithm | None) -> Output:
    made = await dkim_keys.add(desk(services), name, (algorithm,) if algorithm else dkim_keys.BOTH)
    selectors = ", ".join(each.selector for each in made)
    text = f"mail of {name} is signed by {selectors} from now on; add their records: mox-trio domain records {name}"
    return Output(
        [{"selector": each.selector, "file": str(each.file), "record": each.record} for each in made],
        text,
    )


@command.command(help="Print the DNS records that the domain wants, as a table or as a piece of a zone file.")
@click.argument("name")
@click.option("--zone", "as_zone", is_flag=True, help="Print a piece of a zone file.")
@with_services
async def records(services: Services, name: str, as_zone: bool) -> Output:
    domain = domains.parse_domain(name)
    settings = services.config.current.dynamic.domains.get(domain)
    if settings is None:
        raise Failure(Kind.NOT_FOUND, f"there is no domain {domain}; add it: mox-trio domain add {name}")
    static = services.static
    facts = await dns_facts.gather(static, settings)
    wanted = [*dns_records.of_host(static, facts), *dns_records.of_domain(static, domain, settings, facts)]
    rows = [asdict(each) | {"line": each.line()} for each in wanted]
    if as_zone:
        return Output(rows, dns_records.zone(wanted))
    shown = [row | {"needed": "" if row["optional"] else "yes"} for row in rows]
    headings = {"name": "name", "kind": "type", "value": "value", "needed": "needed", "why": "what for"}
    return Output(rows, output.table(shown, headings, "").text)
