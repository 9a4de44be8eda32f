"""Kinds of values in the configuration: how they are written in TOML and what the program gets.

Every kind refuses with a ValueError that begins with "expected", and never repeats the value: it may be a secret in the
wrong place. Relative paths become absolute with the two directories of the validation context (`load.py` gives them);
without a context they stay as written.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo

from mox_trio.base import text
from mox_trio.base.address import Address, Localpart, parse_localpart
from mox_trio.base.domain import Domain, InvalidAddress

T = TypeVar("T")

Items = Annotated[tuple[T, ...], Field(strict=False)]
"""A TOML array; an immutable tuple in the program."""

Table = Annotated[Mapping[str, T], Field(strict=False), AfterValidator(MappingProxyType)]
"""A TOML table with names chosen by the user; a read-only mapping in the program."""


@dataclass(frozen=True, slots=True)
class Directories:
    """Where relative paths begin; the context of validation."""

    config: Path
    data: Path


_UNITS_OF_TIME: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_UNITS_OF_SIZE: Final = {
    **{unit: 1024**power for power, unit in enumerate(("B", "KiB", "MiB", "GiB", "TiB"))},
    **{unit: 1000**power for power, unit in enumerate(("kB", "MB", "GB", "TB"), 1)},
}
_LARGEST_TIME: Final = 100 * 365 * 86400.0
_LARGEST_SIZE: Final = 2**62
_TIME: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h|d|w)")
_SIZE: Final = re.compile(r"([0-9]{1,19}) ?([A-Za-z]{1,3})")


class Seconds(float):
    """A duration that was read; a bare number in TOML is not one, nobody would know its unit."""

    __slots__ = ()


class Bytes(int):
    """A size that was read; knows that it is one when it is shown."""

    __slots__ = ()


UNLIMITED: Final = Bytes(0)
"""The number of bytes of a quota that does not limit."""


def seconds(value: object) -> Seconds:
    """Read a duration such as "90s", "1h30m" or "30d"."""
    if isinstance(value, Seconds):
        return value  # a default, or a snapshot that is validated again
    parts = list(_TIME.finditer(value)) if isinstance(value, str) else []
    if not parts or "".join(part[0] for part in parts) != value:
        raise ValueError('expected a duration in quotes such as "30s", "90m", "12h" or "30d"')
    total = sum(int(number) * _UNITS_OF_TIME[unit] for number, unit in (part.groups() for part in parts))
    if total > _LARGEST_TIME:
        raise ValueError("expected a duration of at most 100 years")
    return Seconds(total)


def bytes_of(value: object) -> Bytes:
    """Read a size such as "100MiB" or "2GB" or a number of bytes."""
    number = -1
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value)) and match[2] in _UNITS_OF_SIZE:
        number = int(match[1]) * _UNITS_OF_SIZE[match[2]]
    if not 0 <= number <= _LARGEST_SIZE:
        raise ValueError('expected a size such as "100MiB" or "2GB", or a number of bytes')
    return Bytes(number)


def quota(value: object) -> Bytes:
    """Read a size, or "unlimited", which is UNLIMITED."""
    if value == "unlimited":
        return UNLIMITED
    try:
        return bytes_of(value)
    except ValueError:
        raise ValueError('expected a size such as "2GiB", a number of bytes, or "unlimited"') from None


def most_messages(value: object) -> int:
    """Read a number of messages, or "unlimited", which is 0."""
    if value == "unlimited":
        return 0
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
        return value
    raise ValueError('expected a number of messages such as 100000, or "unlimited"')


@dataclass(frozen=True, slots=True)
class Catchall:
    """Every address of a domain that nobody else has; written `@example.org`."""

    domain: Domain

    def __str__(self) -> str:
        return f"@{self.domain}"


@lru_cache(maxsize=4096)
def _domain(name: str) -> Domain:
    """Ten thousand addresses of one domain share it."""
    return Domain.parse(name)


def domain_name(value: object) -> Domain:
    """Read a domain in either form (U-labels or A-labels)."""
    if isinstance(value, Domain):
        return value
    if not isinstance(value, str):
        raise ValueError('expected a domain name in quotes such as "example.org"')
    try:
        return _domain(value)
    except InvalidAddress as error:
        raise ValueError(f'expected a domain name such as "example.org": {error}') from None


def address(value: object) -> Address:
    """Read a mail address."""
    if isinstance(value, Address):
        return value
    if not isinstance(value, str):
        raise ValueError('expected an address in quotes such as "mary@example.org"')
    try:
        parsed = Address.parse(value)
        return Address(parsed.localpart, _domain(parsed.domain.ascii))
    except InvalidAddress as error:
        raise ValueError(f'expected an address such as "mary@example.org": {error}') from None


def address_or_catchall(value: object) -> Address | Catchall:
    """Read a mail address, or `@example.org` for the rest of a domain."""
    if isinstance(value, Catchall):
        return value
    if isinstance(value, str) and value.startswith("@"):
        return Catchall(domain_name(value[1:]))
    return address(value)


def localpart(value: str) -> Localpart:
    """Read what stands before the @ of an address."""
    try:
        return parse_localpart(value)
    except InvalidAddress as error:
        raise ValueError(f"expected the part of an address before the @: {error}") from None


def single_line(value: str) -> str:
    """Refuse text with control characters."""
    if text.maybe_control(value) is not None:
        raise ValueError("expected text on one line, without control characters")
    return value


def mailbox_name(value: str) -> str:
    """Refuse a mailbox name that no client could open: empty levels, control characters, not NFC, wildcards."""
    if text.nfc(value) != value:
        raise ValueError("expected a mailbox name in Unicode normal form C")
    levels = single_line(value).split("/")
    if (
        not all(levels)
        or any(level != level.strip() for level in levels)
        or set(value) & set("*%")
        or len(value) > 1000
    ):
        raise ValueError('expected a mailbox name such as "Lists/Python", without empty levels, "*" or "%"')
    return "Inbox" + value[5:] if levels[0].lower() == "inbox" else value


def _in_directory(value: object, info: ValidationInfo, which: str) -> Path:
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError('expected a path in quotes such as "keys/master.key"')
    return Path(getattr(info.context, which)) / value if isinstance(info.context, Directories) else Path(value)


def _in_config(value: object, info: ValidationInfo) -> Path:
    return _in_directory(value, info, "config")


def _in_data(value: object, info: ValidationInfo) -> Path:
    return _in_directory(value, info, "data")


def maybe_mailbox_name(value: str) -> str:
    """Read a mailbox name; the empty one means there is none."""
    return mailbox_name(value) if value else ""


def ip_address(value: object) -> IPv4Address | IPv6Address:
    """Read an IP address."""
    try:
        return value if isinstance(value, IPv4Address | IPv6Address) else ipaddress.ip_address(_text(value))
    except ValueError:
        raise ValueError('expected an IP address in quotes such as "192.0.2.1" or "2001:db8::1"') from None


def ip_network(value: object) -> IPv4Network | IPv6Network:
    """Read an IP network."""
    try:
        return value if isinstance(value, IPv4Network | IPv6Network) else ipaddress.ip_network(_text(value))
    except ValueError:
        raise ValueError('expected an IP network in quotes such as "10.0.0.0/8" or "::1/128", no host bits') from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not text")  # ipaddress reads a number as an address
    return value


Duration = Annotated[float, PlainValidator(seconds)]
Size = Annotated[int, PlainValidator(bytes_of)]
Quota = Annotated[int, PlainValidator(quota)]
MostMessages = Annotated[int, PlainValidator(most_messages)]
DomainName = Annotated[Domain, PlainValidator(domain_name)]
MailAddress = Annotated[Address, PlainValidator(address)]
AddressOrCatchall = Annotated[Address | Catchall, PlainValidator(address_or_catchall)]
LocalpartText = Annotated[str, AfterValidator(localpart)]
Line = Annotated[str, AfterValidator(single_line)]
MailboxName = Annotated[str, AfterValidator(mailbox_name)]
MaybeMailboxName = Annotated[str, AfterValidator(maybe_mailbox_name)]
ConfigPath = Annotated[Path, BeforeValidator(_in_config)]
DataPath = Annotated[Path, BeforeValidator(_in_data)]
Port = Annotated[int, Field(ge=1, le=65535)]
IpAddress = Annotated[IPv4Address | IPv6Address, PlainValidator(ip_address)]
IpNetwork = Annotated[IPv4Network | IPv6Network, PlainValidator(ip_network)]
