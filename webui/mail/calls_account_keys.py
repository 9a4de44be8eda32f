"""Certificates with which programs log in, and the addresses of the account."""

import hashlib
from typing import Any, Final

from mox_trio.base.address import Address, InvalidAddress, Localpart
from mox_trio.base.failure import Failure, Kind
from mox_trio.config.models.dynamic import Alias
from mox_trio.config.models.values import Catchall
from mox_trio.mailstore import certificates, credentials, mailboxes
from mox_trio.mailstore.credentials import APP_PROTOCOLS, Terms
from webui.mail import confirming
from webui.mail.desk import Arguments, Desk, Json, Operation

LARGEST: Final = 64 * 1024
"""Characters of a certificate."""


async def listed(at: Desk, arguments: Arguments) -> Json:
    """tlsKeys {}: the certificates that are registered; `credentialRemove` takes one away."""
    held = {each.id: each for each in await credentials.list_credentials(at.web.services.logins, at.account)}
    return [
        {
            "id": row.credential_id,
            "name": held[row.credential_id].name,
            "address": row.address,
            "kind": certificates.kind(row.certificate),
            "fingerprint": hashlib.sha256(row.certificate).hexdigest(),
            "asks": bool(row.asks),
            "created": held[row.credential_id].created,
            "lastUsed": held[row.credential_id].last_used,
        }
        for row in await certificates.of_account(at.store, at.account)
        if row.credential_id in held
    ]


async def add(at: Desk, arguments: Arguments) -> Json:
    """tlsKeyAdd {password, name, address, pem, asks}: let who has its key log in. CREDENTIALS, EXISTS, INVALID, LIMIT, RATE."""
    await confirming.password(at, arguments)
    address, pem = _own(at, arguments.text("address", most=400)), arguments.text("pem", most=LARGEST)
    try:
        der = certificates.der_of(pem.encode())
    except ValueError:
        raise Failure(Kind.INVALID, _no_certificate(pem)) from None
    terms = Terms(arguments.text("name", most=100).strip() or str(address), APP_PROTOCOLS)
    asks = arguments.truth("asks")
    made = await credentials.add_certificate(at.web.services.logins, at.account, terms, str(address), der, asks=asks)
    return {"id": made.id}


def _no_certificate(pem: str) -> str:
    if "PRIVATE KEY" in pem:
        return "this is a private key: keep it to yourself, and paste the certificate that belongs to it"
    if "PUBLIC KEY" in pem:
        return "this is a public key; TLS shows certificates, so make one that is signed by itself and paste that"
    return "this is no certificate; it begins with -----BEGIN CERTIFICATE-----"


async def change(at: Desk, arguments: Arguments) -> Json:
    """tlsKeyChange {id, name, asks}: call it by another name; whether IMAP waits for a login. INVALID, NOT_FOUND."""
    number, name, asks = arguments.number("id"), arguments.text("name", most=100).strip(), arguments.truth("asks")
    await certificates.change(at.store, at.account, number, name, asks=asks)
    return {}


def _own(at: Desk, written: str) -> Address:
    try:
        address = Address.parse(written.strip())
    except InvalidAddress as error:
        raise Failure(Kind.INVALID, str(error)) from None
    if at.snapshot.directory.login(address) != at.account.name:
        raise Failure(Kind.INVALID, f"{address} is no address of the account")
    return address


async def about(at: Desk, arguments: Arguments) -> Json:
    """accountAbout {}: the account's addresses, the aliases that it belongs to, and how much it holds."""
    rows, quota = await mailboxes.listed(at.store, at.account), at.quota()
    configured = at.snapshot.dynamic.accounts.get(at.account.name)
    addresses = configured.addresses if configured is not None else ()
    return {
        "name": at.account.name,
        "addresses": [
            {
                "address": str(each),
                "catchall": isinstance(each, Catchall),
                "mailbox": configured.treatment(each).mailbox if configured is not None else "",
            }
            for each in addresses
        ],
        "aliases": list[Json](_aliases(at)),
        "used": sum(row.size for row in rows),
        "messages": sum(row.messages for row in rows),
        "mailboxes": [
            {"name": row.name, "messages": row.messages, "bytes": row.size}
            for row in sorted(rows, key=lambda row: -row.size)
        ],
        "limit": quota.octets,
        "messageLimit": quota.messages,
        "perDay": configured.max_outgoing_messages_per_day if configured is not None else 0,
        "newPerDay": configured.max_first_time_recipients_per_day if configured is not None else 0,
        "customPassword": configured.custom_password if configured is not None else True,
    }


def _aliases(at: Desk) -> list[dict[str, Any]]:
    found = []
    for domain, settings in at.snapshot.dynamic.domains.items():
        for localpart, alias in settings.aliases.items():
            address = Address(Localpart(localpart), domain)
            if at.account.name in _members(at, address):
                found.append(_alias(address, alias))
    return found


def _members(at: Desk, address: Address) -> set[str]:
    return {each.account for each in getattr(at.snapshot.directory.of_address(address), "members", ())}


def _alias(address: Address, alias: Alias) -> dict[str, Any]:
    return {
        "address": str(address),
        "members": [str(each) for each in alias.members] if alias.list_members else [],
        "public": alias.post_public,
        "mayWriteAs": alias.allow_msg_from,
    }


OPERATIONS: Final[dict[str, Operation]] = {
    "tlsKeys": listed,
    "tlsKeyAdd": add,
    "tlsKeyChange": change,
    "accountAbout": about,
}
