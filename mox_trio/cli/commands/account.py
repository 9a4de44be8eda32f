"""mox-trio account: add, list, remove, disable, enable; passwords, keys, certificates; attempts to log in."""

import functools
import operator
import sys
from dataclasses import asdict
from typing import Any, BinaryIO, Final

import click

from mox_trio.admin import accounts, domains, passwords
from mox_trio.base.address import Address
from mox_trio.base.failure import Failure, Kind
from mox_trio.cli import output
from mox_trio.cli.output import Output
from mox_trio.cli.session import confirm, desk, with_services
from mox_trio.mailstore import api_keys, attempts, certificates, credentials, totp
from mox_trio.mailstore.api_keys import Grant
from mox_trio.mailstore.credentials import Credential, Terms
from mox_trio.mailstore.logins import Protocols
from mox_trio.mailstore.store import DAY
from mox_trio.outgoing import senders
from mox_trio.services import Services

LARGEST_CERTIFICATE: Final = 64 * 1024
"""Bytes of a file with a certificate that are read."""


@click.group(help="Add, list, remove and disable accounts; set passwords.")
def command() -> None:
    pass


@command.command(help="Add an account with its first ADDRESSES, whose domains must exist.")
@click.argument("name")
@click.argument("addresses", nargs=-1, required=True)
@with_services
async def add(services: Services, name: str, addresses: tuple[str, ...]) -> Output:
    await accounts.add(desk(services), name, [domains.parse_address(each) for each in addresses])
    return output.done(f"account {name} added; set its password: mox-trio account set-password {name}", account=name)


@command.command("list", help="List accounts.")
@with_services
async def list_(services: Services) -> Output:
    rows = [asdict(each) for each in await accounts.listed(desk(services))]
    headings = {"name": "account", "state": "state", "messages": "messages", "size": "bytes", "addresses": "addresses"}
    return output.table(rows, headings, "no accounts; add a domain, then: mox-trio account add NAME ADDRESS")


@command.command(help="Remove an account and erase its mail.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_services
async def remove(services: Services, name: str, yes: bool) -> Output:
    confirm(f"Remove account {name} and erase all its mail? This cannot be undone.", yes=yes)
    await accounts.remove(desk(services), name)
    return output.done(f"account {name} removed", account=name)


@command.command(help="Refuse an account's log-ins; its mail stays.")
@click.argument("name")
@with_services
async def disable(services: Services, name: str) -> Output:
    await accounts.set_disabled(desk(services), name, disabled=True)
    return output.done(f"account {name} disabled; undo: mox-trio account enable {name}", account=name)


@command.command(help="Open a disabled account again.")
@click.argument("name")
@with_services
async def enable(services: Services, name: str) -> Output:
    await accounts.set_disabled(desk(services), name, disabled=False)
    return output.done(f"account {name} enabled", account=name)


@command.command("set-password", help="Set the main password; asked for, or read from standard input as one line.")
@click.argument("name")
@with_services
async def set_password(services: Services, name: str) -> Output:
    account = await passwords.choosing(desk(services), name)
    await credentials.set_password(services.logins, account, _ask())
    return output.done(f"password of {name} set", account=name)


@command.command("totp-off", help="Ask for no one-time codes any more, of who has lost what makes them.")
@click.argument("name")
@with_services
async def totp_off(services: Services, name: str) -> Output:
    await totp.switch_off_without(services.logins, await accounts.opened(desk(services), name))
    return output.done(f"one-time codes of {name} are off: the main password opens everything again", account=name)


PROTOCOLS = click.Choice([each.name.lower() for each in Protocols if each.name], case_sensitive=False)


@command.command("add-app-password", help="Make a password for one program or device, and print it once.")
@click.argument("name")
@click.argument("label")
@click.option(
    "--protocol", "-p", "protocols", multiple=True, type=PROTOCOLS, help="What it opens.  [default: imap, submission]"
)
@with_services
async def add_app_password(services: Services, name: str, label: str, protocols: tuple[str, ...]) -> Output:
    account = await accounts.opened(desk(services), name)
    opens = _protocols(protocols) or credentials.APP_PROTOCOLS
    made = await credentials.add_app_password(services.logins, account, Terms(label, opens))
    return Output({**_shown(made.credential), "secret": made.secret}, f"{made.secret}\nIt is not shown again.")


SCOPES = {each.name.lower(): each for each in api_keys.GRANTABLE if each.name}


@command.command("add-api-key", help="Make a key for the HTTP API, and print it once.")
@click.argument("name")
@click.argument("label")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(list(SCOPES)), help="What it opens.  [default: all]"
)
@click.option("--address", "addresses", multiple=True, help="Address it may send from.  [default: all of the account]")
@click.option("--days", type=click.IntRange(1, 36_500), help="Days until it ends.  [default: never]")
@with_services
async def add_api_key(
    services: Services, name: str, label: str, scopes: tuple[str, ...], addresses: tuple[str, ...], days: int | None
) -> Output:
    account = await accounts.opened(desk(services), name)
    meant = [str(domains.parse_address(each)) for each in addresses]
    for each in meant:
        if senders.may_send(services.config.current, name, Address.parse(each)) is senders.May.NO:
            raise Failure(Kind.INVALID, f"account {name} may not send from {each}")
    granted = api_keys.GRANTABLE
    if scopes:
        granted = functools.reduce(operator.or_, (SCOPES[each] for each in scopes))
    expires = None if days is None else services.mail.now() + days * DAY
    terms = Terms(label, Protocols.WEBAPI, expires)
    made = await api_keys.add(services.logins, account, terms, Grant(granted, tuple(map(str.lower, meant))))
    return Output({**_shown(made.credential), "secret": made.secret}, f"{made.secret}\nIt is not shown again.")


@command.command("add-certificate", help="Let who has the key of a certificate (FILE: PEM or DER) log in as ADDRESS.")
@click.argument("name")
@click.argument("address")
@click.argument("file", type=click.File("rb"))
@click.option("--label", default="", help="What to call it.  [default: the address]")
@click.option("--no-preauth", is_flag=True, help="IMAP waits for AUTHENTICATE EXTERNAL instead of beginning logged in.")
@with_services
async def add_certificate(
    services: Services, name: str, address: str, file: BinaryIO, label: str, no_preauth: bool
) -> Output:
    account = await accounts.opened(desk(services), name)
    meant = domains.parse_address(address)
    if not isinstance(meant, Address) or services.config.current.directory.login(meant) != name:
        raise Failure(Kind.INVALID, f"{address} is no address of account {name}")
    try:
        der = certificates.der_of(file.read(LARGEST_CERTIFICATE))
    except ValueError:
        raise Failure(Kind.INVALID, "the file holds no certificate") from None
    terms = Terms(label or str(meant), credentials.APP_PROTOCOLS)
    made = await credentials.add_certificate(services.logins, account, terms, str(meant), der, asks=no_preauth)
    return Output(_shown(made), f"certificate {made.id} opens account {name}")


@command.command("logins", help="List the latest attempts to log in to an account, newest first.")
@click.argument("name")
@click.option("--most", default=100, show_default=True, type=click.IntRange(1, 10_000), help="Rows at most.")
@with_services
async def logins(services: Services, name: str, most: int) -> Output:
    account = await accounts.opened(desk(services), name)
    rows = [
        {
            **{
                field: getattr(row, field)
                for field in ("login", "result", "times", "remote_ip", "protocol", "mechanism", "user_agent")
            },
            "tls": row.tls,
            "first": output.instant(row.first),
            "last": output.instant(row.last),
        }
        for row in await attempts.latest(services.mail, account, most)
    ]
    headings = {"last": "last", "times": "times", "result": "result", "remote_ip": "from", "login": "as"}
    headings |= {"protocol": "protocol", "mechanism": "mechanism", "user_agent": "client"}
    return output.table(rows, headings, f"nobody tried to log in to {name} within 30 days")


@command.command("credentials", help="List passwords and keys of an account, never their values.")
@click.argument("name")
@with_services
async def list_credentials(services: Services, name: str) -> Output:
    account = await accounts.opened(desk(services), name)
    rows = [_shown(each) for each in await credentials.list_credentials(services.logins, account)]
    headings = {
        "id": "id",
        "kind": "kind",
        "name": "name",
        "protocols": "opens",
        "last_used": "last used",
        "expires": "expires",
    }
    return output.table(rows, headings, f"no password yet; set one: mox-trio account set-password {name}")


@command.command("remove-credential", help="Take a password or key away; it is refused from now on.")
@click.argument("name")
@click.argument("credential_id", metavar="ID", type=int)
@with_services
async def remove_credential(services: Services, name: str, credential_id: int) -> Output:
    account = await accounts.opened(desk(services), name)
    await credentials.remove_credential(services.logins, account, credential_id)
    return output.done(f"credential {credential_id} of {name} removed", account=name, id=credential_id)


def _protocols(names: tuple[str, ...]) -> Protocols:
    opened = Protocols(0)
    for each in names:
        opened |= Protocols[each.upper()]
    return opened


def _shown(credential: Credential) -> dict[str, Any]:
    return {
        "id": credential.id,
        "kind": credential.kind,
        "name": credential.name,
        "protocols": [each.name.lower() for each in Protocols if each in credential.protocols and each.name],
        "created": output.instant(credential.created),
        "last_used": output.instant(credential.last_used),
        "expires": output.instant(credential.expires),
    }


def _ask() -> str:
    if sys.stdin.isatty():
        password: str = click.prompt("New password", hide_input=True, confirmation_prompt=True, err=True)
        return password
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise Failure(Kind.INVALID, "there is no password on standard input; give it as one line")
    return line
