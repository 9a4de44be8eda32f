"""Add, list and remove domains and addresses of the document."""

from dataclasses import dataclass

from mox_trio.admin.accounts import Desk, change
from mox_trio.base.address import Address
from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import edit
from mox_trio.config.models.values import Catchall


@dataclass(frozen=True, slots=True)
class Listed:
    """A domain and how many addresses and aliases it has."""

    name: str
    disabled: bool
    addresses: int
    aliases: int


def parse_domain(text: str) -> Domain:
    """A domain as a person writes it; INVALID."""
    try:
        return Domain.parse(text)
    except InvalidAddress as error:
        raise Failure(Kind.INVALID, f"{text!r} is no domain name: {error}") from None


def parse_address(text: str) -> Address | Catchall:
    """An address, or `@example.org` for a catchall; INVALID."""
    if text.startswith("@"):
        return Catchall(parse_domain(text[1:]))
    try:
        return Address.parse(text)
    except InvalidAddress as error:
        raise Failure(Kind.INVALID, f"{text!r} is no mail address: {error}") from None


async def add(desk: Desk, name: str) -> None:
    """Add a domain. EXISTS, INVALID."""
    await change(desk, edit.add_domain(parse_domain(name)))


async def remove(desk: Desk, name: str) -> None:
    """Remove a domain that no account's address needs any more. NOT_FOUND; ConfigErrors say what still needs it."""
    await change(desk, edit.remove_domain(parse_domain(name)))


async def add_address(desk: Desk, account: str, address: str) -> None:
    """Give an account one more address. NOT_FOUND (account), EXISTS, INVALID."""
    await change(desk, edit.add_address(account, parse_address(address)))


async def remove_address(desk: Desk, address: str) -> None:
    """Take an address away from its account and from aliases. NOT_FOUND."""
    await change(desk, edit.remove_address(parse_address(address)))


def listed(desk: Desk) -> list[Listed]:
    """All domains in the order of their names."""
    dynamic = desk.config.current.dynamic
    counts: dict[str, int] = {}
    for account in dynamic.accounts.values():
        for address in account.addresses:
            counts[str(address.domain)] = counts.get(str(address.domain), 0) + 1
    return [
        Listed(str(name), domain.disabled, counts.get(str(name), 0), len(domain.aliases))
        for name, domain in sorted(dynamic.domains.items(), key=lambda item: str(item[0]))
    ]
