"""Rows of certificates that users log in with; the credential of each has the hash of its public key."""

from typing import Final, NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import select

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


_ADD = prepared(
    insert(client_certificate).values(
        credential_id=p("credential"), address=p("new_address"), certificate=p("new_certificate")
    )
)
_FOUND = select(
    client_certificate.c.credential_id,
    credential.c.account_id,
    client_certificate.c.address,
    client_certificate.c.certificate,
).join(credential, credential.c.id == client_certificate.c.credential_id)
_ALL = prepared(
    _FOUND.join(account, account.c.id == credential.c.account_id)
    .where(account.c.state != "removing")
    .order_by(client_certificate.c.credential_id)
    .limit(p("most"))
)
_ONE = prepared(_FOUND.where(client_certificate.c.credential_id == p("credential")))


def add(tx: Transaction, credential_id: int, address: str, certificate: bytes) -> None:
    """Say what certificate a credential is, and as which address it logs in."""
    tx.run(_ADD, {"credential": credential_id, "new_address": address, "new_certificate": certificate})


def every(tx: Transaction, most: int) -> list[CertificateRow]:
    """The first `most` of all accounts."""
    return [CertificateRow(*row) for row in tx.all(_ALL, {"most": most})]


def of_credential(tx: Transaction, credential_id: int) -> CertificateRow | None:
    """The certificate that a credential is."""
    row = tx.one(_ONE, {"credential": credential_id})
    return None if row is None else CertificateRow(*row)
