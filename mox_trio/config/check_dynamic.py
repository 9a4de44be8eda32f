"""Rules between the parts of the dynamic document, and between it and the static one. Each finding names its key.

`RULES` is the list; a rule says which parts it must see whole. Linear in the size of the document.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mox_trio.base import text
from mox_trio.base.address import Address
from mox_trio.base.domain import Domain
from mox_trio.config import canonical, check_listeners
from mox_trio.config.models.dynamic import Dynamic, ReportAddress, Route
from mox_trio.config.models.static import Static
from mox_trio.config.models.values import Catchall
from mox_trio.config.problems import Finding, KeyPath
from mox_trio.config.shape import nearest

ACCOUNT_NAME_OCTETS: Final = 64
_SELECTOR: Final = re.compile(
    r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?)*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A dynamic document that is right piece by piece."""

    settings: Static
    whole: Dynamic
    domain_keys: Mapping[Domain, str]
    """How each domain is written in the document."""
    broken: frozenset[str]
    """Top-level keys where pieces were wrong and are left out."""

    def domain_path(self, domain: Domain) -> KeyPath:
        """Where a domain is in the document."""
        return ("domains", self.domain_keys.get(domain, str(domain)))

    def reports(self) -> Iterator[tuple[KeyPath, Domain, ReportAddress]]:
        """Where reports about domains arrive."""
        for name, domain in self.whole.domains.items():
            for kind in ("dmarc_reports", "tls_reports"):
                if (address := getattr(domain, kind)) is not None:
                    yield (*self.domain_path(name), kind), name, address


def findings(draft: Draft) -> list[Finding]:
    """Apply every rule whose parts are right by themselves."""
    return [finding for needs, rule in RULES if not needs & draft.broken for finding in rule(draft)]


def maybe_account_name_fault(name: str) -> str | None:
    """What is wrong with an account name. It is used in file names and URLs, and in every system the same."""
    if not name or len(name.encode(errors="replace")) > ACCOUNT_NAME_OCTETS:
        return f"use 1 to {ACCOUNT_NAME_OCTETS} bytes"
    if text.nfc(name) != name or name != name.lower():
        return "use lower-case letters in Unicode normal form C"
    if not all(each.isalnum() or each in "._-" for each in name):
        return "use letters, digits, dot, hyphen and underscore"
    return "begin with a letter or digit" if not name[0].isalnum() else None


def _domains_exist(draft: Draft) -> Iterator[Finding]:
    domains = draft.whole.domains
    for name, account in draft.whole.accounts.items():
        for number, address in enumerate(account.addresses):
            if address.domain not in domains:
                yield _no_domain(draft, ("accounts", name, "addresses", number), address.domain)
        if account.domain is not None and account.domain not in domains:
            yield _no_domain(draft, ("accounts", name, "domain"), account.domain)
    for path, _, report in draft.reports():
        if report.domain is not None and report.domain not in domains:
            yield _no_domain(draft, (*path, "domain"), report.domain)


def _no_domain(draft: Draft, path: KeyPath, domain: Domain) -> Finding:
    similar = nearest(str(domain), map(str, draft.whole.domains)) if len(draft.whole.domains) < 1000 else ""
    add = f'add [domains."{domain}"]'
    return Finding(path, "this domain is not configured", f"{similar} Otherwise {add}" if similar else add)


def _unique_addresses(draft: Draft) -> Iterator[Finding]:
    owners: dict[Address | Catchall, str] = {}
    for name, account in draft.whole.accounts.items():
        for number, address in enumerate(account.addresses):
            path = ("accounts", name, "addresses", number)
            meant = canonical.form(address, draft.whole.domains)
            if meant in owners:
                yield Finding(path, f"{owners[meant]} has this address already", "remove one of them")
            owners[meant] = f"account {name}"
            if isinstance(address, Address) and canonical.has_separator(address, draft.whole.domains):
                yield Finding(
                    path, "it holds a catchall separator of its domain, so no mail reaches it", "use the part before it"
                )
    yield from _unique_aliases(draft, owners)


def _unique_aliases(draft: Draft, owners: dict[Address | Catchall, str]) -> Iterator[Finding]:
    for domain, settings in draft.whole.domains.items():
        for key in settings.aliases:
            path = (*draft.domain_path(domain), "aliases", key)
            address = Address(canonical.localpart_of(key), domain)
            meant = canonical.form(address, draft.whole.domains)
            if meant in owners:
                yield Finding(path, f"{owners[meant]} has this address already", "remove one of them")
            owners[meant] = f"alias {address}"
            if canonical.has_separator(address, draft.whole.domains):
                yield Finding(path, "it holds a catchall separator of its domain", "use a name without it")


def _alias_members(draft: Draft) -> Iterator[Finding]:
    domains = draft.whole.domains
    known = {canonical.form(each, domains) for account in draft.whole.accounts.values() for each in account.addresses}
    for domain, settings in domains.items():
        for key, alias in settings.aliases.items():
            members: set[Address | Catchall] = set()
            for number, member in enumerate(alias.members):
                path = (*draft.domain_path(domain), "aliases", key, "members", number)
                meant = canonical.form(member, domains)
                if meant not in known:
                    yield Finding(path, "no account has this address", "add it to an account first, or remove it here")
                if meant in members:
                    yield Finding(path, "this member is there twice", "remove one")
                members.add(meant)


def _destinations(draft: Draft) -> Iterator[Finding]:
    for name, account in draft.whole.accounts.items():
        own = {canonical.form(each, draft.whole.domains) for each in account.addresses}
        for address, destination in account.destinations.items():
            path = ("accounts", name, "destinations", str(address))
            if canonical.form(address, draft.whole.domains) not in own:
                yield Finding(path, "this is no address of the account", "add it to addresses, or remove it here")
            if destination.smtp_error and "mailbox" in destination.model_fields_set:
                yield Finding(
                    (*path, "smtp_error"), "mail is refused, so the mailbox means nothing", "remove one of them"
                )


def _login_addresses(draft: Draft) -> Iterator[Finding]:
    for name, account in draft.whole.accounts.items():
        own = {canonical.form(each, draft.whole.domains) for each in account.addresses}
        for number, address in enumerate(account.from_id_login_addresses):
            path = ("accounts", name, "from_id_login_addresses", number)
            domain = draft.whole.domains.get(address.domain)
            if canonical.form(address, draft.whole.domains) not in own and Catchall(address.domain) not in own:
                yield Finding(path, "this is no address of the account", "add it to addresses, or remove it here")
            elif domain is not None and not domain.localpart_catchall_separators:
                yield Finding(
                    path,
                    "its domain has no catchall separator",
                    f'set domains."{address.domain}".localpart_catchall_separators = ["+"]',
                )


def _report_addresses(draft: Draft) -> Iterator[Finding]:
    for path, _, report in draft.reports():
        if report.account not in draft.whole.accounts:
            yield Finding((*path, "account"), "this account is not here", "add the account, or name another")
        if not report.localpart.isascii():
            yield Finding((*path, "localpart"), "other servers may not know such an address", "use ASCII only")


def _separate_reports(draft: Draft) -> Iterator[Finding]:
    """Reports do not take the mail of an account or alias, and each kind has its own address."""
    domains = draft.whole.domains
    owners = {canonical.form(each, domains) for account in draft.whole.accounts.values() for each in account.addresses}
    owners |= {
        Address(canonical.localpart(canonical.localpart_of(key), settings), domain)
        for domain, settings in domains.items()
        for key in settings.aliases
    }
    taken: dict[Address, tuple[object, str, str]] = {}
    for path, domain, report in draft.reports():
        address = Address(canonical.folded(report.localpart), report.domain or domain)
        purpose = (path[-1], report.account, report.mailbox)
        if address in owners:
            yield Finding((*path, "localpart"), "an account or alias has this address", "use an address of its own")
        elif taken.setdefault(address, purpose) != purpose:
            yield Finding((*path, "localpart"), "other reports arrive at this address", "use an address of its own")


def _static_accounts(draft: Draft) -> Iterator[Finding]:
    named = [("postmaster", draft.settings.postmaster.account)]
    if draft.settings.host_tls_reports:
        named.append(("host_tls_reports", draft.settings.host_tls_reports.account))
    for key, name in named:
        if name is not None and draft.whole.accounts and name not in draft.whole.accounts:
            yield Finding(
                ("accounts",), f"account {name} is not here, but {key}.account names it", "add it or change that"
            )


def _routes(draft: Draft) -> Iterator[Finding]:
    every: list[tuple[KeyPath, tuple[Route, ...]]] = [(("routes",), draft.whole.routes)]
    every += [((*draft.domain_path(name), "routes"), domain.routes) for name, domain in draft.whole.domains.items()]
    every += [(("accounts", name, "routes"), each.routes) for name, each in draft.whole.accounts.items() if each.routes]
    known = draft.settings.transports
    for path, routes in every:
        for number, route in enumerate(routes):
            if route.transport not in known:
                advice = nearest(route.transport, known) or f"add [transports.{route.transport}] to the static file"
                yield Finding((*path, number, "transport"), "this transport is not configured", advice)


def _dkim(draft: Draft) -> Iterator[Finding]:
    for name, domain in draft.whole.domains.items():
        path = (*draft.domain_path(name), "dkim")
        for number, selector in enumerate(domain.dkim.sign):
            if selector not in domain.dkim.selectors:
                advice = nearest(selector, domain.dkim.selectors) or "add it to selectors, or remove it here"
                yield Finding((*path, "sign", number), "this selector is not there", advice)
        for key, selector_settings in domain.dkim.selectors.items():
            if not _SELECTOR.fullmatch(key):
                yield Finding((*path, "selectors", key), "this is no name for DNS", "use letters, digits and hyphens")
            if "from" not in (field.lower() for field in selector_settings.headers):  # RFC 6376 5.4
                yield Finding((*path, "selectors", key, "headers"), "From is not signed", 'add "From"')


def _mta_sts(draft: Draft) -> Iterator[Finding]:
    served = any(
        each.name == "mta_sts_https"
        for every in draft.settings.listeners.values()
        for each in check_listeners.bound(every)
    )
    for name, domain in draft.whole.domains.items():
        if domain.mta_sts is not None and not served:
            yield Finding(
                (*draft.domain_path(name), "mta_sts"),
                "no listener serves the policy",
                "add mta_sts_https to a listener in the static file, or remove this",
            )


def _of(*needs: str) -> frozenset[str]:
    return frozenset(needs)


RULES: Final[tuple[tuple[frozenset[str], Callable[[Draft], Iterator[Finding]]], ...]] = (
    (_of("domains"), _domains_exist),
    (_of(), _unique_addresses),
    (_of("accounts"), _alias_members),
    (_of(), _destinations),
    (_of(), _login_addresses),
    (_of("accounts"), _report_addresses),
    (_of(), _separate_reports),
    (_of("accounts"), _static_accounts),
    (_of(), _routes),
    (_of(), _dkim),
    (_of(), _mta_sts),
)
