"""Who may send as whom: an account's own addresses, what its catchalls get, and aliases that let their members."""

import enum

from mox_trio.base.address import Address
from mox_trio.config.directory import ToAccount
from mox_trio.config.live import Snapshot


class May(enum.Enum):
    """Whether an account may send from an address."""

    YES = "yes"
    NO = "no"
    NOT_NOW = "not-now"
    """It may, but the domain is switched off."""


def may_send(snapshot: Snapshot, account: str, address: Address) -> May:
    """Whether an account may use an address as reverse-path and in From."""
    found = snapshot.directory.of_address(address)
    if found is None:
        return May.NO
    if isinstance(found, ToAccount):
        allowed = found.account == account and found.reason in ("address", "catchall", "postmaster")
    else:
        allowed = found.alias.allow_msg_from and any(member.account == account for member in found.members)
    if not allowed:
        return May.NO
    domain = snapshot.directory.settings_of(address.domain)
    return May.NOT_NOW if domain is not None and domain.disabled else May.YES
