"""Changes of the dynamic document by the program: comments and layout stay, and the result is checked whole before it is saved.

A change is a function on the parsed document; the functions here make them. `applied` runs changes and rewrites the text to
mean the result, `commit` saves that by compare-and-set. A layout that cannot be rewritten without loss is a Failure that says to
edit by hand.
"""

import tomllib
from collections.abc import Callable, Iterator, MutableMapping, MutableSequence, Sequence
from typing import Any

import trio

from mox_trio.base.address import Address, format_localpart
from mox_trio.base.domain import Domain
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import canonical, load, rewrite
from mox_trio.config.models import values
from mox_trio.config.models.dynamic import Dynamic
from mox_trio.config.models.static import Static
from mox_trio.config.models.values import Catchall
from mox_trio.config.problems import dotted
from mox_trio.config.source import Document, DocumentSource

Table = MutableMapping[str, Any]
Change = Callable[[Table], None]
"""Changes a parsed document in place; may raise Failure, then nothing happens."""
Plain = str | int | bool | list["Plain"] | dict[str, "Plain"]
"""A value as it is written: durations and sizes as text."""


async def commit(source: DocumentSource, settings: Static, *changes: Change) -> tuple[Dynamic, Document]:
    """Make changes and save them, all or nothing; returns the new document.

    Raises Conflict when somebody else changed it meanwhile, Failure for what a change refuses, ConfigErrors when the result would
    be wrong (or the document is already). Takes about 3 s of a thread with 10,000 accounts.
    """
    document = await source.load()
    text, dynamic = await trio.to_thread.run_sync(applied, document.text, settings, source.name, *changes)
    return dynamic, await source.save(text, document.version)


def applied(text: str, settings: Static, file: str, *changes: Change) -> tuple[str, Dynamic]:
    """Make changes in a text and check the result whole. Raises as `commit`. Computes: give it a thread."""
    load.dynamic(text, settings, file)  # its mistakes are reported with the administrator's own lines
    meant = tomllib.loads(text)
    for change in changes:
        change(meant)
    new = rewrite.maybe_rewritten(text, meant)
    if new is None:
        raise Failure(Kind.UNSUPPORTED, "the layout of the configuration is too unusual to edit; change it by hand")
    return new, load.dynamic(new, settings, file)


def add_domain(domain: Domain, fields: dict[str, Plain] | None = None) -> Change:
    """Add a domain with these fields of `models.dynamic.Domain`."""

    def change(document: Table) -> None:
        if _maybe_domain_key(document, domain) is not None:
            raise Failure(Kind.EXISTS, f"domain {domain} exists already")
        _section(document, "domains")[str(domain)] = dict(fields or {})

    return change


def remove_domain(domain: Domain) -> Change:
    """Remove a domain; refused while an account has an address in it."""

    def change(document: Table) -> None:
        key = _domain_key(document, domain)
        users = [name for name, _, address in _addresses(document) if address.domain == domain]
        if users:
            raise Failure(Kind.IN_USE, f"domain {domain} has addresses of account {users[0]}; remove them first")
        _remove(document, ("domains", key))

    return change


def add_dkim_selector(domain: Domain, selector: str, file: str) -> Change:
    """Sign mail of the domain with the key in a file too."""

    def change(document: Table) -> None:
        dkim = _section(document["domains"][_domain_key(document, domain)], "dkim")
        selectors = _section(dkim, "selectors")
        if selector in selectors:
            raise Failure(Kind.EXISTS, f"domain {domain} has a key {selector} already")
        selectors[selector] = {"private_key": {"file": file}}
        dkim["sign"] = [*dkim.get("sign", ()), selector]

    return change


def add_account(name: str, addresses: Sequence[Address | Catchall], fields: dict[str, Plain] | None = None) -> Change:
    """Add an account with these addresses and further fields of `models.dynamic.Account`."""

    def change(document: Table) -> None:
        accounts = _section(document, "accounts")
        if name in accounts:
            raise Failure(Kind.EXISTS, f"account {name} exists already")
        accounts[name] = {"addresses": [str(address) for address in addresses], **(fields or {})}

    return change


def remove_account(name: str) -> Change:
    """Remove an account, and its addresses from aliases; refused if one is the last member of an alias."""

    def change(document: Table) -> None:
        _account(document, name)
        for owner, _, address in list(_addresses(document)):
            if owner == name:
                _leave_aliases(document, address)
        _remove(document, ("accounts", name))

    return change


def add_address(account: str, address: Address | Catchall) -> Change:
    """Add an address to an account."""

    def change(document: Table) -> None:
        settings = _account(document, account)
        if "addresses" not in settings:
            settings["addresses"] = []
        settings["addresses"].append(str(address))

    return change


def remove_address(address: Address | Catchall) -> Change:
    """Remove an address from its account and from aliases; refused if it is the last member of an alias."""

    def change(document: Table) -> None:
        owners = [(name, number) for name, number, each in _addresses(document) if _same(document, each, address)]
        if not owners:
            raise Failure(Kind.NOT_FOUND, f"no account has the address {address}")
        settings = document["accounts"][owners[0][0]]
        del settings["addresses"][owners[0][1]]
        for key in [key for key in settings.get("destinations", {}) if _same_text(document, key, address)]:
            _remove(settings, ("destinations", key))
        logins = settings.get("from_id_login_addresses", [])
        _remove_items(logins, lambda login: _same_text(document, login, address))
        _leave_aliases(document, address)

    return change


def add_alias(address: Address, members: Sequence[Address], fields: dict[str, Plain] | None = None) -> Change:
    """Add an alias with these members and further fields of `models.dynamic.Alias`."""

    def change(document: Table) -> None:
        domain = document["domains"][_domain_key(document, address.domain)]
        aliases = _section(domain, "aliases")
        if _maybe_alias_key(document, address) is not None:
            raise Failure(Kind.EXISTS, f"alias {address} exists already")
        aliases[format_localpart(address.localpart)] = {
            "members": [str(member) for member in members],
            **(fields or {}),
        }

    return change


def remove_alias(address: Address) -> Change:
    """Remove an alias."""

    def change(document: Table) -> None:
        key = _maybe_alias_key(document, address)
        if key is None:
            raise Failure(Kind.NOT_FOUND, f"there is no alias {address}")
        _remove(document["domains"][_domain_key(document, address.domain)], ("aliases", key))

    return change


def set_value(path: Sequence[str], value: Plain) -> Change:
    """Set the field at a path such as ("accounts", "mary", "quota"); tables on the way are made."""

    def change(document: Table) -> None:
        table = document
        for key in path[:-1]:
            table = _section(table, key)
            if not isinstance(table, MutableMapping):
                raise Failure(Kind.INVALID, f"{key} in {dotted(tuple(path))} is a value, so nothing can be set in it")
        table[path[-1]] = value

    return change


def unset(path: Sequence[str]) -> Change:
    """Remove the field at a path, so that its default holds."""

    def change(document: Table) -> None:
        table: Any = document
        for key in path[:-1]:
            table = table.get(key) if isinstance(table, MutableMapping) else None
        if not isinstance(table, MutableMapping) or path[-1] not in table:
            raise Failure(Kind.NOT_FOUND, f"{dotted(tuple(path))} is not set")
        del table[path[-1]]

    return change


def _section(table: Table, key: str) -> Table:
    if key not in table:
        table[key] = {}
    section: Table = table[key]
    return section


def _remove(table: Table, path: tuple[str, str]) -> None:
    """Remove a named table from its section, and the section with the last of them: TOML writes no empty section."""
    del table[path[0]][path[1]]
    if not table[path[0]]:
        del table[path[0]]


def _account(document: Table, name: str) -> Table:
    accounts: Table = document.get("accounts", {})
    if name not in accounts:
        raise Failure(Kind.NOT_FOUND, f"there is no account {name}")
    account: Table = accounts[name]
    return account


def _maybe_domain_key(document: Table, domain: Domain) -> str | None:
    return next((str(key) for key in document.get("domains", {}) if values.domain_name(key) == domain), None)


def _domain_key(document: Table, domain: Domain) -> str:
    key = _maybe_domain_key(document, domain)
    if key is None:
        raise Failure(Kind.NOT_FOUND, f"domain {domain} is not configured")
    return key


def _maybe_alias_key(document: Table, address: Address) -> str | None:
    aliases = document["domains"][_domain_key(document, address.domain)].get("aliases", {})
    found = (key for key in aliases if _same(document, Address(values.localpart(key), address.domain), address))
    return next((str(key) for key in found), None)


def _addresses(document: Table) -> Iterator[tuple[str, int, Address | Catchall]]:
    for name, account in document.get("accounts", {}).items():
        for number, written in enumerate(account.get("addresses", ())):
            yield str(name), number, values.address_or_catchall(str(written))


def _same(document: Table, one: Address | Catchall, other: Address | Catchall) -> bool:
    """Whether two addresses are one by the rules of their domain."""
    if one.domain != other.domain or isinstance(one, Catchall) or isinstance(other, Catchall):
        return one == other
    if one.localpart == other.localpart:
        return True
    key = _maybe_domain_key(document, one.domain)
    is_sensitive = key is not None and document["domains"][key].get("localpart_case_sensitive", False)
    return not is_sensitive and canonical.folded(one.localpart) == canonical.folded(other.localpart)


def _same_text(document: Table, written: str, address: Address | Catchall) -> bool:
    return _same(document, values.address_or_catchall(str(written)), address)


def _remove_items(items: MutableSequence[Any], is_out: Callable[[Any], bool]) -> None:
    for number in reversed([number for number, item in enumerate(items) if is_out(item)]):
        del items[number]


def _leave_aliases(document: Table, address: Address | Catchall) -> None:
    for key, domain in document.get("domains", {}).items():
        for localpart, alias in domain.get("aliases", {}).items():
            members = alias["members"]
            _remove_items(members, lambda member: _same_text(document, member, address))
            if not members:
                raise Failure(
                    Kind.IN_USE, f"{address} is the last member of alias {localpart}@{key}; remove that first"
                )
