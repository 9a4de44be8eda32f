"""When two addresses are one: catchall separators and letter case, as each domain wants them.

The canonical form of an address is what mail to it is looked up by: everything from the first separator on is cut, and the
case is folded unless the domain is case sensitive. An address of a domain that is not ours stays as it is.
"""

from collections.abc import Mapping

from mox_trio.base import text
from mox_trio.base.address import Address, Localpart
from mox_trio.base.domain import Domain
from mox_trio.config.models import dynamic
from mox_trio.config.models.values import Catchall

Domains = Mapping[Domain, dynamic.Domain]


def localpart_of(key: str) -> Localpart:
    """The localpart that a validated table name is."""
    return Localpart(key)


def folded(value: str) -> Localpart:
    """A localpart without the difference of letter case."""
    return Localpart(value if value.isascii() and value.islower() else text.nfc(value.lower()))


def localpart(value: Localpart, settings: dynamic.Domain) -> Localpart:
    """The canonical form of a localpart in a domain."""
    cut = _cut(value, settings)
    return Localpart(cut) if settings.localpart_case_sensitive else folded(cut)


def form(address: Address | Catchall, domains: Domains) -> Address | Catchall:
    """The canonical form of an address; a catchall is its own."""
    return address if isinstance(address, Catchall) else of_address(address, domains)


def of_address(address: Address, domains: Domains) -> Address:
    """The canonical form of an address that is no catchall."""
    settings = domains.get(address.domain)
    return address if settings is None else Address(localpart(address.localpart, settings), address.domain)


def has_separator(address: Address, domains: Domains) -> bool:
    """Whether something of the address is cut when mail to it is looked up."""
    settings = domains.get(address.domain)
    return settings is not None and _cut(address.localpart, settings) != address.localpart


def _cut(value: str, settings: dynamic.Domain) -> str:
    for separator in settings.localpart_catchall_separators:
        head, _, _ = value.partition(separator)
        value = head or value  # "+x" has nothing before the separator: it is a name
    return value
