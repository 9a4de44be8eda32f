"""The first account of a new server: its mailboxes, a generated password, keys that sign, and DNS records to add."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mox_trio.admin import accounts, dkim_keys, dns_facts, dns_records
from mox_trio.admin.accounts import Desk
from mox_trio.admin.dns_records import Record
from mox_trio.base.domain import Domain
from mox_trio.config.models.values import IpAddress
from mox_trio.mailstore import credentials, passwords
from mox_trio.mailstore.logins import Logins

CERTBOT_CA: Final = "letsencrypt.org"
"""Who issues certificates to certbot, as CAA records name it."""


async def make(desk: Desk, logins: Logins, name: str, domain: Domain) -> str:
    """The account that the document names, with its mailboxes and a password, which is returned; keys for the domain.

    An account that is there gets a new password. Failure, ConfigErrors.
    """
    account = await accounts.opened(desk, name)
    password = passwords.generated(secrets.token_bytes(passwords.GENERATED_BYTES))
    await credentials.set_password(logins, account, password, is_generated=True)
    if not desk.config.current.dynamic.domains[domain].dkim.selectors:
        await dkim_keys.add(desk, domain.ascii)
    return password


async def records(desk: Desk, domain: Domain, public: Sequence[IpAddress], ca: str) -> list[Record]:
    """The DNS records of the host and the domain; `public` where the configuration names no public address."""
    settings = desk.config.current.dynamic.domains[domain]
    facts = await dns_facts.gather(desk.static, settings)
    known = tuple(facts.addresses) or tuple(public)
    facts = replace(facts, addresses=known, mail_from=tuple(facts.mail_from) or known, ca=facts.ca or ca)
    return [*dns_records.of_host(desk.static, facts), *dns_records.of_domain(desk.static, domain, settings, facts)]
