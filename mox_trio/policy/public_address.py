"""Which addresses a server may connect to on the wish of others: a name in DNS can lead to a machine of its own network.

Public is what is reachable from everywhere (IANA's registries of special-purpose addresses). Networks that an administrator
allows are added one by one.
"""

import ipaddress
from collections.abc import Collection

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
"""What IANA gives to networks. Beyond are networks of a site (fec0::/10, 64:ff9b:1::/48), forms of IPv4 addresses that are no
longer used, and what nobody has yet: Python counts some of it as global.
"""
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: an IPv4 address stands in the last 32 bits."""
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
"""RFC 3056: an IPv4 address stands behind the prefix."""


def is_public(address: IpAddress, allowed: Collection[Network] = ()) -> bool:
    """Whether an address is one of the public network, or in a network that is `allowed`."""
    address = meant(address)
    if any(address in network for network in allowed):
        return True
    return address.is_global and not address.is_multicast and (address.version == 4 or address in _GIVEN_OUT)


def meant(address: IpAddress) -> IpAddress:
    """The IPv4 address that is reached by an IPv6 address which stands for one; every other address is itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return ipaddress.IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    return address
