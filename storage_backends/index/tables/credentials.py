"""Rows of what people log in with, and the SCRAM salts of accounts. Secrets arrive here hashed or sealed."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import delete, func, select, update

from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.schema import account, credential, scram_salt
from storage_backends.index.statement import insert, prepared

MAIN: Final = "main"
APP: Final = "app"
API: Final = "api"


class CredentialRow(NamedTuple):
    """A credential as it is stored; instants in milliseconds, `protocols` bits. Its repr shows no secret."""

    id: int
    account_id: AccountId
    kind: str
    name: str
    hash: bytes
    protocols: int
    created: int
    last_used: int | None
    expires: int | None
    scram_sha1: bytes | None
    scram_sha256: bytes | None
    cram_md5: bytes | None

    def __repr__(self) -> str:
        return f"CredentialRow(id={self.id}, account_id={self.account_id}, kind={self.kind!r}, name={self.name!r})"


class NewCredential(NamedTuple):
    """A credential to be added; its sealed columns come with `seal`, because they are bound to its id."""

    account_id: AccountId
    kind: str
    name: str
    hash: bytes
    protocols: int
    created: int
    expires: int | None

    def __repr__(self) -> str:
        return f"NewCredential(account_id={self.account_id}, kind={self.kind!r}, name={self.name!r})"


class Sealed(NamedTuple):
    """The sealed columns of a credential."""

    scram_sha1: bytes | None = None
    scram_sha256: bytes | None = None
    cram_md5: bytes | None = None


class SaltRow(NamedTuple):
    """What SCRAM keys of an account are derived with."""

    mechanism: str
    salt: bytes
    iterations: int


_COLUMNS = tuple(credential.c[name] for name in CredentialRow._fields)
_OF_ACCOUNT = credential.c.account_id == p("account")
_LISTED = prepared(select(*_COLUMNS).where(_OF_ACCOUNT).order_by(credential.c.id))
_BY_HASH = prepared(
    select(account.c.name, account.c.state, *_COLUMNS)
    .join(account, account.c.id == credential.c.account_id)
    .where(credential.c.hash == p("hash"), credential.c.kind == p("kind"))
)
_COUNT = prepared(select(func.count()).where(_OF_ACCOUNT))
_ADD = prepared(insert(credential).values({name: p(name) for name in NewCredential._fields}).returning(credential.c.id))
_SEAL = prepared(
    update(credential)
    .where(credential.c.id == p("credential"))
    .values({name: p(f"new_{name}") for name in Sealed._fields})
)
_REMOVE = prepared(delete(credential).where(_OF_ACCOUNT, credential.c.id == p("credential")))
_REMOVE_KIND = prepared(delete(credential).where(_OF_ACCOUNT, credential.c.kind == p("kind")))
_OPEN = prepared(
    update(credential).where(_OF_ACCOUNT, credential.c.kind == p("kind")).values(protocols=p("new_protocols"))
)
_USED = prepared(
    update(credential)
    .where(
        credential.c.id == p("credential"),
        credential.c.last_used.is_(None) | (credential.c.last_used < p("now")),
    )
    .values(last_used=p("now"))
)
_SALTS = prepared(
    select(scram_salt.c.mechanism, scram_salt.c.salt, scram_salt.c.iterations).where(
        scram_salt.c.account_id == p("account")
    )
)
_ADD_SALT = prepared(
    insert(scram_salt)
    .values(account_id=p("account"), mechanism=p("mechanism"), salt=p("salt"), iterations=p("iterations"))
    .on_conflict_do_nothing(index_elements=["account_id", "mechanism"])
)


def listed(tx: Transaction, account_id: int) -> list[CredentialRow]:
    """The credentials of an account in the order in which they came to be."""
    return [CredentialRow(*row) for row in tx.all(_LISTED, {"account": account_id})]


def count(tx: Transaction, account_id: AccountId) -> int:
    """How many credentials an account has."""
    row = tx.one(_COUNT, {"account": account_id})
    return int(row[0]) if row else 0


def by_hash(tx: Transaction, kind: str, digest: bytes) -> tuple[str, str, CredentialRow] | None:
    """The name and the state of the account, and the credential of this kind with this hash."""
    row = tx.one(_BY_HASH, {"hash": digest, "kind": kind})
    return None if row is None else (row[0], row[1], CredentialRow(*row[2:]))


def add(tx: Transaction, new: NewCredential) -> int:
    """Add a credential and return its id, which is never used again."""
    row = tx.one(_ADD, new._asdict())
    assert row is not None  # noqa: S101 - RETURNING of an INSERT has a row
    return int(row[0])


def seal(tx: Transaction, credential_id: int, sealed: Sealed) -> None:
    """Set the sealed columns."""
    tx.run(_SEAL, {"credential": credential_id} | {f"new_{name}": value for name, value in sealed._asdict().items()})


def remove(tx: Transaction, account_id: AccountId, credential_id: int) -> bool:
    """Delete a credential of an account; False when there is no such one."""
    return tx.run(_REMOVE, {"account": account_id, "credential": credential_id}) == 1


def remove_kind(tx: Transaction, account_id: AccountId, kind: str) -> None:
    """Delete the credentials of one kind of an account."""
    tx.run(_REMOVE_KIND, {"account": account_id, "kind": kind})


def open_kind(tx: Transaction, account_id: AccountId, kind: str, protocols: int) -> None:
    """Say what the credentials of one kind of an account open."""
    tx.run(_OPEN, {"account": account_id, "kind": kind, "new_protocols": protocols})


def used(tx: Transaction, credential_id: int, now: int) -> None:
    """Remember that a credential was used now."""
    tx.run(_USED, {"credential": credential_id, "now": now})


def salts(tx: Transaction, account_id: int) -> dict[str, SaltRow]:
    """The salts of an account by their mechanism."""
    return {row[0]: SaltRow(*row) for row in tx.all(_SALTS, {"account": account_id})}


def add_salts(tx: Transaction, account_id: AccountId, rows: Sequence[SaltRow]) -> None:
    """Set salts of an account; those that it has stay, because keys are derived with them."""
    tx.many(_ADD_SALT, [{"account": account_id, **row._asdict()} for row in rows])
