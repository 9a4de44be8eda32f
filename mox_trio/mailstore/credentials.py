"""Making, listing and removing what people log in with.

A new password takes effect with the commit: it is hashed and its SCRAM keys are derived before, outside the
transaction. Nothing keeps a password in the clear, but CRAM-MD5 needs it, sealed under the server's key; that is for
generated passwords only unless the settings say otherwise. The secret of a generated credential is returned once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import trio

from mox_trio.base import text
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import certificates, passwords
from mox_trio.mailstore.logins import CRAM_MD5, Logins, Protocols, place
from mox_trio.mailstore.store import Account
from mox_trio.protocol.sasl import scram
from storage_backends.index.api import Transaction
from storage_backends.index.tables import client_certificates, totp, web_sessions
from storage_backends.index.tables import credentials as rows
from storage_backends.index.tables.credentials import CredentialRow, NewCredential, SaltRow, Sealed

MOST: Final = 100
"""Credentials of an account: a SCRAM proof is tried against each."""
LONGEST_NAME: Final = 100

_Derived = dict[scram.Mechanism, scram.Keys]


@dataclass(frozen=True, slots=True)
class Credential:
    """What may be shown of a credential; instants in milliseconds since 1970 UTC."""

    id: int
    kind: str
    """main, app or api, as in `tables.credentials`, or certificate."""
    name: str
    protocols: Protocols
    created: int
    last_used: int | None
    """To the minute."""
    expires: int | None


@dataclass(frozen=True, slots=True)
class Generated:
    """A new app password or API key; nobody can be told the secret again."""

    credential: Credential
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a generated credential is called, what it opens, and when it ends (None: never)."""

    name: str
    protocols: Protocols
    expires: int | None = None


APP_PROTOCOLS: Final = Protocols.IMAP | Protocols.SUBMISSION


async def set_password(
    logins: Logins,
    account: Account,
    password: str,
    *,
    keep_session: bytes = b"",
    is_generated: bool = False,
) -> Credential:
    """Set or replace the main password; web sessions end, but for the one with this hash.

    It opens web pages alone where one-time codes are on, else everything. One that was generated opens nothing elsewhere, so
    that it is kept for CRAM-MD5 as those of apps are. INVALID for one that cannot be, TRY_LATER when too many hashes wait.
    """
    chosen = passwords.chosen(password)
    hashed = await logins.passwords.hash(chosen)
    derived = await _derive(logins, account, chosen)
    new = NewCredential(account.id, rows.MAIN, "", hashed, Protocols.EVERYTHING, logins.store.now(), None)
    recoverable = chosen if is_generated or logins.settings.main_by_cram_md5 else None

    def unit(tx: Transaction) -> Credential:
        rows.remove_kind(tx, account.id, rows.MAIN)
        web_sessions.remove_others(tx, account.id, keep_session)
        opens = Protocols.WEB if totp.is_on(tx, account.id) else Protocols.EVERYTHING
        return _insert(tx, logins, new._replace(protocols=opens), derived, recoverable)

    return await logins.store.index.write([account.id], unit)


async def add_app_password(logins: Logins, account: Account, terms: Terms) -> Generated:
    """Make a password for one program or device. INVALID (name, expiry), LIMIT (number)."""
    return await _generate(logins, account, rows.APP, terms)


Also = Callable[[Transaction, Credential], None]
"""A unit in the transaction that makes a credential."""


async def add_api_key(logins: Logins, account: Account, terms: Terms, also: Also | None = None) -> Generated:
    """Make a key that needs no user name; no SCRAM. INVALID (name, expiry), LIMIT (number)."""
    return await _generate(logins, account, rows.API, terms, also)


async def add_certificate(
    logins: Logins, account: Account, terms: Terms, address: str, der: bytes, *, asks: bool = False
) -> Credential:
    """Register a certificate, given as DER, with which a client logs in as `address`; with `asks` IMAP does not begin logged in.

    INVALID (name, expiry, certificate), EXISTS (its key opens an account already), LIMIT (number).
    """
    _check(terms, logins.store.now())
    try:
        digest = certificates.public_key_digest(der)
    except ValueError:
        raise Failure(Kind.INVALID, "this is no certificate with a key that is known") from None
    name = text.nfc(terms.name)
    kind = client_certificates.CERTIFICATE
    new = NewCredential(account.id, kind, name, digest, terms.protocols, logins.store.now(), terms.expires)

    def unit(tx: Transaction) -> Credential:
        if rows.by_hash(tx, kind, digest) is not None:
            raise Failure(Kind.EXISTS, "the key of this certificate is registered already")
        made = _insert(tx, logins, new, {}, None)
        client_certificates.add(tx, made.id, address, der, asks=asks)
        return made

    return await logins.store.index.write([account.id], unit)


async def list_credentials(logins: Logins, account: Account) -> list[Credential]:
    """The credentials of an account in the order in which they came to be."""
    return [_shown(row) for row in await logins.store.index.read(lambda tx: rows.listed(tx, account.id))]


async def remove_credential(logins: Logins, account: Account, credential_id: int) -> None:
    """Take a credential away; it is refused from now on. NOT_FOUND."""
    if not await logins.store.index.write([account.id], lambda tx: rows.remove(tx, account.id, credential_id)):
        raise Failure(Kind.NOT_FOUND, "there is no such credential")


async def _generate(logins: Logins, account: Account, kind: str, terms: Terms, also: Also | None = None) -> Generated:
    _check(terms, logins.store.now())
    secret = passwords.generated(logins.store.entropy(passwords.GENERATED_BYTES))
    octets = secret.encode("ascii")
    is_app = kind == rows.APP
    derived = await _derive(logins, account, octets) if is_app else {}
    new = NewCredential(
        account.id,
        kind,
        text.nfc(terms.name),
        passwords.digest(octets),
        terms.protocols,
        logins.store.now(),
        terms.expires,
    )

    def unit(tx: Transaction) -> Credential:
        made = _insert(tx, logins, new, derived, octets if is_app else None)
        if also is not None:
            also(tx, made)
        return made

    return Generated(await logins.store.index.write([account.id], unit), secret)


def _check(terms: Terms, now: int) -> None:
    if not terms.name or len(terms.name) > LONGEST_NAME or text.maybe_control(terms.name) is not None:
        raise Failure(Kind.INVALID, f"a name is 1 to {LONGEST_NAME} characters without control characters")
    if not terms.protocols:
        raise Failure(Kind.INVALID, "name at least one protocol that the credential opens")
    if terms.expires is not None and terms.expires <= now:
        raise Failure(Kind.INVALID, "the credential would have expired already; choose a time to come")


async def _derive(logins: Logins, account: Account, password: bytes) -> _Derived:
    """The SCRAM keys of a password, with the account's salts, which are made when it has none."""

    def salts(tx: Transaction) -> dict[str, SaltRow]:
        count = logins.settings.iterations
        fresh = [SaltRow(each.value, logins.salt(account.name, each), count) for each in scram.Mechanism]
        rows.add_salts(tx, account.id, fresh)
        return rows.salts(tx, account.id)

    held = await logins.store.index.read(lambda tx: rows.salts(tx, account.id))
    if len(held) < len(scram.Mechanism):
        held = await logins.store.index.write([account.id], salts)

    def derive() -> _Derived:
        derived: _Derived = {}
        for mechanism in scram.Mechanism:
            row = held[mechanism.value]
            derived[mechanism] = scram.derive(mechanism, password, scram.Parameters(row.salt, row.iterations))
        return derived

    return await trio.to_thread.run_sync(derive, limiter=logins.store.computing)


def _insert(
    tx: Transaction, logins: Logins, new: NewCredential, derived: _Derived, recoverable: bytes | None
) -> Credential:
    if rows.count(tx, new.account_id) >= MOST:
        raise Failure(Kind.LIMIT, f"an account has at most {MOST} credentials; remove one first")
    number = rows.add(tx, new)

    def seal(mechanism: str, secret: bytes | None) -> bytes | None:
        return None if secret is None else logins.sealing.seal(place(new.account_id, number, mechanism), secret)

    if derived:
        sha1, sha256 = (seal(each.value, derived[each].dump()) for each in scram.Mechanism)
        rows.seal(tx, number, Sealed(sha1, sha256, seal(CRAM_MD5, recoverable)))
    return Credential(number, new.kind, new.name, Protocols(new.protocols), new.created, None, new.expires)


def _shown(row: CredentialRow) -> Credential:
    return Credential(row.id, row.kind, row.name, Protocols(row.protocols), row.created, row.last_used, row.expires)
