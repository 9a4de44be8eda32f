"""Rows of certificates that users log in with; the credential of each has the hash of its public key."""

from typing import Final, NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import select, update

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema import account, client_certificate, credential
from storage_backends.index.statement import insert, prepared

CERTIFICATE: Final = "certificate"
"""The kind of these credentials."""


class CertificateRow(NamedTuple):
    """A certificate with the credential that it is."""

    credential_id: int
    account_id: AccountId
    address: str
    certificate: bytes
    asks: int = 0
    """1: IMAP waits for AUTHENTICATE EXTERNAL."""


_ADD = prepared(
    insert(client_certificate).values(
        credential_id=p("credential"), address=p("new_address"), certificate=p("new_certificate"), asks=p("new_asks")
    )
)
_FOUND = select(
    client_certificate.c.credential_id,
    credential.c.account_id,
    client_certificate.c.address,
    client_certificate.c.certificate,
    client_certificate.c.asks,
).join(credential, credential.c.id == client_certificate.c.credential_id)
_ALL = prepared(
    _FOUND.join(account, account.c.id == credential.c.account_id)
    .where(account.c.state != "removing")
    .order_by(client_certificate.c.credential_id)
    .limit(p("most"))
)
_ONE = prepared(_FOUND.where(client_certificate.c.credential_id == p("credential")))
_OF_ACCOUNT = prepared(_FOUND.where(credential.c.account_id == p("account")).order_by(credential.c.id))
_ASKING = prepared(
    update(client_certificate)
    .where(
        client_certificate.c.credential_id == p("credential"),
        client_certificate.c.credential_id.in_(
            select(credential.c.id).where(credential.c.account_id == p("account")).scalar_subquery()
        ),
    )
    .values(asks=p("new_asks"))
)
_NAME = prepared(
    update(credential)
    .where(
        credential.c.id == p("credential"), credential.c.account_id == p("account"), credential.c.kind == CERTIFICATE
    )
    .values(name=p("new_name"))
)


def add(tx: Transaction, credential_id: int, address: str, certificate: bytes, *, asks: bool = False) -> None:
    """Say what certificate a credential is, and as which address it logs in."""
    given = {"new_address": address, "new_certificate": certificate, "new_asks": int(asks)}
    tx.run(_ADD, {"credential": credential_id, **given})


def change(tx: Transaction, account_id: AccountId, credential_id: int, name: str, *, asks: bool) -> bool:
    """Call one of an account by another name, and let IMAP begin with it or wait; False where there is none."""
    mine = {"account": account_id, "credential": credential_id}
    tx.run(_ASKING, {**mine, "new_asks": int(asks)})
    return tx.run(_NAME, {**mine, "new_name": name}) == 1


def of_account(tx: Transaction, account_id: AccountId) -> list[CertificateRow]:
    """Those of an account."""
    return [CertificateRow(*row) for row in tx.all(_OF_ACCOUNT, {"account": account_id})]


def every(tx: Transaction, most: int) -> list[CertificateRow]:
    """The first `most` of all accounts."""
    return [CertificateRow(*row) for row in tx.all(_ALL, {"most": most})]


def of_credential(tx: Transaction, credential_id: int) -> CertificateRow | None:
    """The certificate that a credential is."""
    row = tx.one(_ONE, {"credential": credential_id})
    return None if row is None else CertificateRow(*row)
