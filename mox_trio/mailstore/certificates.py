"""Certificates that users registered to log in with: who has one, and all of them for the handshakes of TLS.

What counts is the public key: a certificate that is renewed with its key goes on opening the account.
"""

import functools
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm

from mox_trio.base import text
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import logins as logging_in
from mox_trio.mailstore.logins import Login, Logins, Protocols
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.errors import StorageError
from storage_backends.index.api import Transaction
from storage_backends.index.tables import client_certificates, credentials
from storage_backends.index.tables.client_certificates import CertificateRow

MOST: Final = 10_000
"""Certificates that a server asks for: each is loaded into its TLS contexts."""


@dataclass(frozen=True, slots=True)
class CertificateLogin:
    """Somebody whose certificate was shown and proved, and the address that it logs in as."""

    login: Login
    address: str


def der_of(file: bytes) -> bytes:
    """The first certificate in a file of PEM, or the file itself where it is DER. ValueError where there is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    read = x509.load_pem_x509_certificate if file.lstrip().startswith(b"-----BEGIN") else x509.load_der_x509_certificate
    return read(file).public_bytes(serialization.Encoding.DER)


@functools.lru_cache(maxsize=1024)
def public_key_digest(der: bytes) -> bytes:
    """SHA-256 of the SubjectPublicKeyInfo of a certificate (RFC 5280 4.1.2.7). ValueError where there is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError("the key of the certificate is of an unknown kind") from error
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize()


async def verify(logins: Logins, der: bytes, protocol: Protocols) -> CertificateLogin:
    """Who logs in with a certificate that TLS verified. CREDENTIALS, DISABLED."""
    try:
        digest = public_key_digest(der)
    except ValueError:
        raise logging_in.wrong("a certificate that cannot be read") from None
    login = await logging_in.verify_public_key(logins, digest, protocol)
    row = await logins.store.index.read(lambda tx: client_certificates.of_credential(tx, login.credential_id))
    if row is None:
        raise logging_in.wrong("the certificate was taken away this moment")
    return CertificateLogin(login, row.address)


def kind(der: bytes) -> str:
    """The kind of its key, such as rsa-2048 or ecdsa-secp256r1; empty for one that cannot be read."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return ""
    match key:
        case rsa.RSAPublicKey():
            return f"rsa-{key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"ecdsa-{key.curve.name}"
        case ed25519.Ed25519PublicKey():
            return "ed25519"
        case ed448.Ed448PublicKey():
            return "ed448"
        case _:
            return "another kind"


async def of_account(store: MailStore, account: Account) -> list[CertificateRow]:
    """Those of an account, in the order in which they were registered."""
    return await store.index.read(lambda tx: client_certificates.of_account(tx, account.id))


async def change(store: MailStore, account: Account, credential_id: int, name: str, *, asks: bool) -> None:
    """Call one by another name, and say whether IMAP asks who shows it to log in. INVALID, NOT_FOUND."""
    if not name or text.maybe_control(name) is not None:
        raise Failure(Kind.INVALID, "a certificate has a name without control characters")
    called = text.nfc(name)

    def unit(tx: Transaction) -> bool:
        return client_certificates.change(tx, account.id, credential_id, called, asks=asks)

    if not await store.index.write([account.id], unit):
        raise Failure(Kind.NOT_FOUND, "there is no such certificate")


async def waits(logins: Logins, der: bytes) -> bool:
    """Whether IMAP asks who shows this certificate to log in (EXTERNAL), instead of beginning logged in."""

    def unit(tx: Transaction) -> bool:
        found = credentials.by_hash(tx, client_certificates.CERTIFICATE, digest)
        row = client_certificates.of_credential(tx, found[2].id) if found is not None else None
        return row is not None and row.asks == 1

    try:
        digest = public_key_digest(der)
        return await logins.store.index.read(unit)
    except (ValueError, StorageError):
        return False  # whatever it is, logging in with it says it


async def registered(store: MailStore) -> list[bytes]:
    """DER of all: what a server of submission or IMAP trusts in handshakes."""
    return [row.certificate for row in await store.index.read(lambda tx: client_certificates.every(tx, MOST))]
