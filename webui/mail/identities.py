"""Who an account may write as: its addresses, aliases that let it, and the names and signatures that the user set."""

from dataclasses import dataclass
from typing import Any, Final

from mox_trio.base.address import Address, Localpart
from mox_trio.mailstore import settings
from webui.mail.desk import Desk, Json

SETTING: Final = "identities"
"""A list of {address, name, signature}."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One address."""

    address: str
    name: str


def of(at: Desk) -> list[Identity]:
    """The addresses that the configuration gives, that of the login first."""
    snapshot, account = at.snapshot, at.account.name
    configured = snapshot.dynamic.accounts.get(account)
    found: dict[str, str] = {}
    full_name = configured.full_name if configured is not None else ""
    found[str(at.guest.address)] = full_name
    for address in configured.addresses if configured is not None else ():
        if isinstance(address, Address):
            found.setdefault(str(address), full_name)
    for domain, aliases in ((name, each.aliases) for name, each in snapshot.dynamic.domains.items()):
        for localpart, alias in aliases.items():
            member = snapshot.directory.of_address(Address(Localpart(localpart), domain))
            if alias.allow_msg_from and account in {each.account for each in getattr(member, "members", ())}:
                found.setdefault(str(Address(Localpart(localpart), domain)), full_name)
    return [Identity(address, name) for address, name in found.items()]


async def shown(at: Desk) -> list[Json]:
    """The same with what the user set, for the page."""
    value = await settings.get(at.store, at.account, SETTING)
    chosen: dict[str, dict[str, Any]] = {}
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict) and isinstance(each.get("address"), str):
            chosen[str(each["address"])] = each
    return [
        {
            "address": each.address,
            "name": str(chosen.get(each.address, {}).get("name", each.name)),
            "signature": str(chosen.get(each.address, {}).get("signature", "")),
        }
        for each in of(at)
    ]
