"""Logging in: is this somebody's password, and may it open this protocol?

An account has one main password, any number of generated app passwords, and API keys. Wrong name and wrong password
get the same answer after the same work: CREDENTIALS, whose private detail names the reason for the log. A password
that has expired or does not open the protocol gets that answer too. That an account is DISABLED is told only to who
knows its password. So is, as FORBIDDEN, that the main password opens web pages alone while one-time codes are on (`totp`).

SCRAM: one salt a mechanism serves all passwords of an account (`credentials` makes their keys), and the proof is tried
against each that opens the protocol. The salt of a name that is nobody's looks like, and stays as constant as, anybody's.
A sealed secret that does not open is `Corrupt`, unless another password of the account was right.

Passing through: TRY_LATER (too many hashes wait), Unavailable and Corrupt of the index. That a password was used is
written at most once a minute, and a failure to write it keeps nobody out.
"""

import enum
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import passwords
from mox_trio.mailstore.server_key import Sealing, ServerKey
from mox_trio.mailstore.store import MailStore
from mox_trio.protocol.sasl import scram
from storage_backends.errors import Corrupt, Unavailable
from storage_backends.index.api import NO_ACCOUNT, AccountId, Transaction
from storage_backends.index.tables import accounts, client_certificates, credentials
from storage_backends.index.tables.accounts import AccountRow
from storage_backends.index.tables.credentials import CredentialRow

MINUTE: Final = 60_000
MOST_TOUCHED: Final = 10_000
NOBODY: Final = 0
"""An account and credential that does not exist."""
_NO_KEYS: Final = scram.Keys(bytes(32), bytes(32))


class Protocols(enum.IntFlag):
    """What a credential opens; bits of `credential.protocols`."""

    IMAP = 1
    SUBMISSION = 2
    WEB = 4
    """The account's and the webmail's pages."""
    WEBAPI = 8
    EVERYTHING = IMAP | SUBMISSION | WEB | WEBAPI


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who has shown a right password."""

    account_id: AccountId
    account: str
    """Name of the account."""
    credential_id: int
    kind: str
    """main, app or api, as in `tables.credentials`, or certificate."""
    credential: str
    """Name that the user gave the credential."""
    protocols: Protocols


@dataclass(frozen=True, slots=True)
class Settings:
    """How passwords are kept, for all accounts of a server."""

    iterations: int = scram.ITERATIONS
    """Of SCRAM, for accounts without a salt yet and for names that are nobody's."""
    main_by_cram_md5: bool = False
    """Whether main passwords are kept, sealed, so that CRAM-MD5 can check them."""


class Logins:
    """What checking log-ins needs, for one process. Holds no account's secret."""

    def __init__(
        self,
        store: MailStore,
        key: ServerKey,
        settings: Settings | None = None,
        hasher: PasswordHasher | None = None,
        *,
        queue: int = passwords.QUEUE,
    ) -> None:
        """`hasher` is argon2's, weaker than its default only in tests; `queue` is how many comparisons may wait."""
        self.store = store
        self.settings = settings or Settings()
        self.passwords = passwords.Passwords(store.now, hasher, queue=queue)
        self.sealing = Sealing(key)
        self._salting = key.derive("scram salts")
        self._touched: dict[int, int] = {}

    def salt(self, name: str, mechanism: scram.Mechanism) -> bytes:
        """The salt for a name: of an account when its first credential is made, else for ever."""
        return hmac.digest(self._salting, f"{mechanism.value}\0{name}".encode(), "sha256")[:16]

    async def touch(self, row: CredentialRow) -> None:
        """Remember that a credential was used, unless it was within the last minute."""
        now = self.store.now()
        if now - max(row.last_used or 0, self._touched.get(row.id, 0)) < MINUTE:
            return
        if len(self._touched) >= MOST_TOUCHED:
            self._touched.clear()
        self._touched[row.id] = now
        try:
            # Of no account: a log-in must not raise the account's modseq, which would wake all its sessions.
            await self.store.index.write(NO_ACCOUNT, lambda tx: credentials.used(tx, row.id, now))
        except Unavailable:
            return


def place(account_id: AccountId, credential_id: int, mechanism: str) -> str:
    """What a sealed login secret is bound to."""
    return f"credential {account_id} {credential_id} {mechanism}"


async def verify_password(logins: Logins, account: str, password: str, protocol: Protocols) -> Login:
    """Who logs in with a password in the clear (PLAIN, LOGIN, a web form). CREDENTIALS, DISABLED, TRY_LATER."""
    offered = passwords.maybe_offered(password)
    if offered is None:
        raise wrong("no password can be like this")
    row, held = await _find(logins, account)
    generated = passwords.digest(offered)
    found = [each for each in held if each.kind == credentials.APP and hmac.compare_digest(each.hash, generated)]
    if not found:
        main = next((each for each in held if each.kind == credentials.MAIN), None)
        owner, stored = (main.id, main.hash) if main else (NOBODY, None)
        if await logins.passwords.is_right(owner, stored, offered) and main is not None:
            found = [main]
    return await _admit(logins, row, found, protocol)


async def verify_api_key(logins: Logins, key: str, protocol: Protocols = Protocols.WEBAPI) -> Login:
    """Whose API key this is: found by its hash, without a name. CREDENTIALS, DISABLED."""
    offered = passwords.maybe_offered(key)
    if offered is None:
        raise wrong("no key can be like this")
    hashed = passwords.digest(offered)
    found = await logins.store.index.read(lambda tx: _by_hash(tx, credentials.API, hashed))
    row, held = found or (None, [])
    return await _admit(logins, row, held, protocol)


async def verify_public_key(logins: Logins, digest: bytes, protocol: Protocols) -> Login:
    """Whose registered certificate has this public key, which the client proved to have: SHA-256 of SubjectPublicKeyInfo.

    CREDENTIALS, DISABLED.
    """
    found = await logins.store.index.read(lambda tx: _by_hash(tx, client_certificates.CERTIFICATE, digest))
    row, held = found or (None, [])
    return await _admit(logins, row, held, protocol)


async def scram_parameters(logins: Logins, account: str, mechanism: scram.Mechanism) -> scram.Parameters:
    """Salt and iteration count for a name, whether it is somebody's or not."""

    def unit(tx: Transaction) -> credentials.SaltRow | None:
        row = accounts.by_name(tx, account)
        return credentials.salts(tx, row.id if row else NOBODY).get(mechanism.value)

    kept = await logins.store.index.read(unit)
    if kept is None:
        return scram.Parameters(logins.salt(account, mechanism), logins.settings.iterations)
    return scram.Parameters(kept.salt, kept.iterations)


async def verify_scram(logins: Logins, account: str, proof: scram.Proof, protocol: Protocols) -> tuple[Login, bytes]:
    """Who made a SCRAM proof, and the ServerSignature to send back. CREDENTIALS, DISABLED, Corrupt."""
    row, held = await _find(logins, account)
    keys: dict[int, scram.Keys] = {}

    def check(each: CredentialRow) -> bool:
        sealed = each.scram_sha1 if proof.mechanism is scram.Mechanism.SHA1 else each.scram_sha256
        if sealed is None:
            return False
        opened = logins.sealing.open(place(each.account_id, each.id, proof.mechanism.value), sealed)
        keys[each.id] = scram.Keys.load(opened)
        return scram.proves(proof, keys[each.id])

    if not held:
        scram.proves(proof, _NO_KEYS)
    login = await _admit(logins, row, _proven(_usable(logins, held, protocol), check), protocol)
    return login, scram.server_signature(proof, keys[login.credential_id])


async def verify_cram_md5(logins: Logins, account: str, challenge: bytes, answer: bytes, protocol: Protocols) -> Login:
    """Who answered a CRAM-MD5 challenge (RFC 2195 2); `answer` is the digest in lower-case hexadecimal.

    CREDENTIALS, DISABLED, Corrupt. Only for passwords that are kept so: app passwords, and main passwords if set.
    """
    row, held = await _find(logins, account)

    def check(each: CredentialRow) -> bool:
        if each.cram_md5 is None:
            return False
        secret = logins.sealing.open(place(each.account_id, each.id, CRAM_MD5), each.cram_md5)
        return hmac.compare_digest(hmac.digest(secret, challenge, "md5").hex().encode("ascii"), answer)

    usable = _usable(logins, held, protocol)
    if usable and all(each.cram_md5 is None for each in usable):
        raise wrong(NO_CRAM_MD5)
    return await _admit(logins, row, _proven(usable, check), protocol)


CRAM_MD5: Final = "CRAM-MD5"
NO_CRAM_MD5: Final = "the account has no password for CRAM-MD5"
"""What `verify_cram_md5` says to the log where nothing could have been right: no guess, but a client that tries it first."""

OPENS_WEB_ALONE: Final = "programs need a password of their own here: make an app password in the account's settings"
"""What is said to who knows the main password of an account that has one-time codes on."""


def wrong(reason: str) -> Failure:
    """The answer to whoever does not know a password; the reason is for the log."""
    return Failure(Kind.CREDENTIALS, "user name or password is wrong", reason)


async def _find(logins: Logins, account: str) -> tuple[AccountRow | None, list[CredentialRow]]:
    def unit(tx: Transaction) -> tuple[AccountRow | None, list[CredentialRow]]:
        row = accounts.by_name(tx, account)
        # Asked for nobody too, so that a name takes as long whether it is somebody's or not.
        return row, credentials.listed(tx, row.id if row else NOBODY)

    return await logins.store.index.read(unit)


def _by_hash(tx: Transaction, kind: str, hashed: bytes) -> tuple[AccountRow, list[CredentialRow]] | None:
    found = credentials.by_hash(tx, kind, hashed)
    if found is None or found[1] == accounts.REMOVING:
        return None
    return accounts.by_id(tx, found[2].account_id), [found[2]]


def _usable(logins: Logins, held: Sequence[CredentialRow], protocol: Protocols) -> list[CredentialRow]:
    """Those that open the protocol, and those whose owner is told why they do not."""
    now = logins.store.now()
    return [each for each in held if _refusal(each, protocol, now) is None or _opens_web_alone(each)]


def _opens_web_alone(row: CredentialRow) -> bool:
    """A main password of an account that has one-time codes on."""
    return row.kind == credentials.MAIN and row.protocols == Protocols.WEB


def _refusal(row: CredentialRow, protocol: Protocols, now: int) -> str | None:
    if row.expires is not None and row.expires <= now:
        return f"credential {row.id} has expired"
    if row.protocols & protocol != protocol:
        return f"credential {row.id} does not open {protocol.name}"
    return None


def _proven(held: Sequence[CredentialRow], check: Callable[[CredentialRow], bool]) -> list[CredentialRow]:
    """Those that pass; all are checked, so that time says nothing. Corrupt when none does and one cannot be checked."""
    found: list[CredentialRow] = []
    corrupt: Corrupt | None = None
    for each in held:
        try:
            if check(each):
                found.append(each)
        except Corrupt as error:
            corrupt = error
    if corrupt is not None and not found:
        raise corrupt
    return found


async def _admit(
    logins: Logins, account: AccountRow | None, found: Sequence[CredentialRow], protocol: Protocols
) -> Login:
    if account is None:
        raise wrong("no such account")
    if not found:
        raise wrong("wrong password")
    refusals = {each.id: _refusal(each, protocol, logins.store.now()) for each in found}
    right = next((each for each in found if refusals[each.id] is None), None)
    needs_another = any(_opens_web_alone(each) for each in found)
    if right is None and not needs_another:
        raise wrong("; ".join(filter(None, refusals.values())))
    if account.state == accounts.DISABLED:
        raise Failure(Kind.DISABLED, "the account is disabled; ask the administrator")
    if right is None:
        raise Failure(Kind.FORBIDDEN, OPENS_WEB_ALONE, "right main password, but one-time codes are on")
    await logins.touch(right)
    return Login(right.account_id, account.name, right.id, right.kind, right.name, Protocols(right.protocols))
