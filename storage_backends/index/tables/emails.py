"""Rows of mails: what never changes and exists once, however many mailboxes hold it."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import delete, exists, func, select, update

from storage_backends.index.api import AccountId, EmailId, Transaction
from storage_backends.index.schema import email, mailbox, message
from storage_backends.index.statement import insert, prepared

PAGE: Final = 500
"""Rows that are read at once where all are walked through."""


class Evidence(NamedTuple):
    """What a receiving server found out about a mail; empty for what did not come from outside."""

    remote_ip: str = ""
    remote_ip_masked1: str = ""
    remote_ip_masked2: str = ""
    remote_ip_masked3: str = ""
    ehlo_domain: str = ""
    mail_from: str = ""
    mail_from_localpart: str = ""
    mail_from_domain: str = ""
    rcpt_to_localpart: str = ""
    rcpt_to_domain: str = ""
    msg_from_domain: str = ""
    """Kept as a hash only, as is the next: `EmailRow.from_domain_key`."""
    msg_from_org_domain: str = ""
    ehlo_validation: str = ""
    mail_from_validation: str = ""
    msg_from_validation: str = ""
    dkim_domains: str = ""
    orig_ehlo_domain: str = ""
    orig_dkim_domains: str = ""
    tls_version: str = ""
    tls_cipher: str = ""
    require_tls: int = 0
    is_dsn: int = 0
    is_reject: int = 0
    is_forward: int = 0
    is_mailing_list: int = 0
    reason: str = ""
    destined_mailbox_id: int | None = None
    original_mailbox_id: int | None = None


class EmailRow(NamedTuple):
    """A mail to be inserted: all its columns but the id and the evidence. Sealed columns are sealed already."""

    account_id: AccountId
    object_id: str
    thread_id: str
    store: str
    ref: str
    prefix: bytes
    header: bytes
    header_size: int
    size: int
    envelope: bytes
    bodystructure: bytes
    parts: bytes
    summary: bytes
    parsed_version: int
    sent: int | None
    message_id_key: int | None
    subject_key: int | None
    from_key: int | None
    content_key: int | None
    from_domain_key: int | None = None
    from_org_domain_key: int | None = None


class Rendered(NamedTuple):
    """The columns that are made from the bytes of a mail and made again when `parsed_version` is another."""

    prefix: bytes
    header: bytes
    header_size: int
    envelope: bytes
    bodystructure: bytes
    parts: bytes
    summary: bytes
    parsed_version: int
    sent: int | None
    message_id_key: int | None
    subject_key: int | None
    from_key: int | None
    content_key: int | None


class Place(NamedTuple):
    """Where the bytes of a mail are. `size` counts prefix and body."""

    email_id: EmailId
    account_id: AccountId
    object_id: str
    store: str
    ref: str
    prefix: bytes
    size: int


_HASHED: Final = {"msg_from_domain", "msg_from_org_domain"}
_COLUMNS: Final = (*EmailRow._fields, *(name for name in Evidence._fields if name not in _HASHED))
_INSERT = prepared(insert(email).values({name: p(name) for name in _COLUMNS}).returning(email.c.id))
# Mail that did not come from outside leaves the evidence to its defaults.
_INSERT_LOCAL = prepared(insert(email).values({name: p(name) for name in EmailRow._fields}).returning(email.c.id))
_PLACE = (email.c.id, email.c.account_id, email.c.object_id, email.c.store, email.c.ref, email.c.prefix, email.c.size)
_PLACE_BY_ID = prepared(select(*_PLACE).where(email.c.account_id == p("account"), email.c.id == p("email")))
_PLACES = prepared(
    select(*_PLACE)
    .where(email.c.account_id == p("account"), email.c.id > p("after"))
    .order_by(email.c.id)
    .limit(p("most"))
)
_PLACES_IN_STORE = prepared(
    select(*_PLACE).where(email.c.store == p("store"), email.c.id > p("after")).order_by(email.c.id).limit(p("most"))
)
_MOVE = prepared(
    update(email)
    .where(email.c.id == p("email"), email.c.store == p("old_store"), email.c.ref == p("old_ref"))
    .values(store=p("new_store"), ref=p("new_ref"))
)
_RENDER = prepared(
    update(email).where(email.c.id == p("email")).values({name: p(f"new_{name}") for name in Rendered._fields})
)
_OLD = prepared(
    select(*_PLACE)
    .where(email.c.account_id == p("account"), email.c.id > p("after"), email.c.parsed_version != p("version"))
    .order_by(email.c.id)
    .limit(p("most"))
)
_DELETE = prepared(
    delete(email)
    .where(
        email.c.account_id == p("account"),
        email.c.id == p("email"),
        ~exists().where(message.c.email_id == email.c.id),
    )
    .returning(email.c.store, email.c.ref)
)
_COUNT_IN_STORE = prepared(select(func.count()).where(email.c.store == p("store")))
_CONTENT = prepared(
    select(email.c.content_key, email.c.parsed_version).where(
        email.c.account_id == p("account"), email.c.id == p("email")
    )
)
_WITHOUT_PLACEMENT = prepared(
    select(email.c.id)
    .where(
        email.c.account_id == p("account"),
        email.c.id > p("after"),
        ~exists().where(message.c.email_id == email.c.id),
    )
    .order_by(email.c.id)
    .limit(p("most"))
)
_REFS = prepared(select(email.c.ref).where(email.c.account_id == p("account"), email.c.store == p("store")))
_BY_CONTENT = prepared(
    select(email.c.id)
    .where(
        email.c.account_id == p("account"),
        email.c.content_key == p("key"),
        email.c.size == p("size"),
        exists().where(message.c.email_id == email.c.id, mailbox.c.id == message.c.mailbox_id, mailbox.c.gone == 0),
    )
    .limit(1)
)
_ERASE = prepared(
    delete(email).where(
        email.c.account_id == p("account"),
        email.c.id <= p("last"),
        ~exists().where(message.c.email_id == email.c.id),
    )
)


def add(tx: Transaction, row: EmailRow, evidence: Evidence | None = None) -> Callable[[], EmailId]:
    """Insert a mail; the answer is its id."""
    values: dict[str, Any] = row._asdict()
    rows = tx.ask(_INSERT_LOCAL, values) if evidence is None else tx.ask(_INSERT, values | evidence._asdict())
    return lambda: EmailId(rows()[0][0])


def place(tx: Transaction, account: AccountId, email_id: EmailId) -> Place | None:
    """Where the bytes of a mail are."""
    row = tx.one(_PLACE_BY_ID, {"account": account, "email": email_id})
    return None if row is None else Place(*row)


def places(tx: Transaction, account: AccountId, after: int, most: int = PAGE) -> list[Place]:
    """The next mails of an account in the order of their ids."""
    return [Place(*row) for row in tx.all(_PLACES, {"account": account, "after": after, "most": most})]


def places_in_store(tx: Transaction, store: str, after: int, most: int = PAGE) -> list[Place]:
    """The next mails of all accounts whose bodies are in a store."""
    return [Place(*row) for row in tx.all(_PLACES_IN_STORE, {"store": store, "after": after, "most": most})]


def places_parsed_otherwise(
    tx: Transaction, account: AccountId, version: int, after: int, most: int = PAGE
) -> list[Place]:
    """The next mails of an account that were rendered by another version."""
    parameters = {"account": account, "version": version, "after": after, "most": most}
    return [Place(*row) for row in tx.all(_OLD, parameters)]


def move(tx: Transaction, email_id: EmailId, old: tuple[str, str], new: tuple[str, str]) -> bool:
    """Set (store, ref) when it still is `old`; False when somebody was first."""
    parameters = {"email": email_id, "old_store": old[0], "old_ref": old[1], "new_store": new[0], "new_ref": new[1]}
    return tx.run(_MOVE, parameters) == 1


def render(tx: Transaction, email_id: EmailId, rendered: Rendered) -> None:
    """Replace what is made from the bytes."""
    tx.run(_RENDER, {"email": email_id} | {f"new_{name}": value for name, value in rendered._asdict().items()})


def remove(tx: Transaction, account: AccountId, email_id: EmailId) -> tuple[str, str] | None:
    """Delete a mail that no mailbox holds any more and return the (store, ref) of its body, else None."""
    row = tx.one(_DELETE, {"account": account, "email": email_id})
    return None if row is None else (row[0], row[1])


def without_placement(tx: Transaction, account: AccountId, after: int, most: int = PAGE) -> list[EmailId]:
    """The next mails that no mailbox holds."""
    return [EmailId(row[0]) for row in tx.all(_WITHOUT_PLACEMENT, {"account": account, "after": after, "most": most})]


def count_in_store(tx: Transaction, store: str) -> int:
    """How many mails have their body in this store."""
    row = tx.one(_COUNT_IN_STORE, {"store": store})
    return int(row[0]) if row else 0


def content(tx: Transaction, account: AccountId, email_id: EmailId) -> tuple[int | None, int] | None:
    """The hash of a mail's body, as the row says, and the version that rendered the row; None when it is gone."""
    row = tx.one(_CONTENT, {"account": account, "email": email_id})
    return None if row is None else (row[0], row[1])


def refs(tx: Transaction, account: AccountId, store: str) -> set[str]:
    """The references of all bodies that rows of an account name in a store."""
    return {row[0] for row in tx.all(_REFS, {"account": account, "store": store})}


def has_content(tx: Transaction, account: AccountId, content_key: int, size: int) -> bool:
    """Whether a mailbox of the account holds a mail of this content."""
    return tx.one(_BY_CONTENT, {"account": account, "key": content_key, "size": size}) is not None


def erase(tx: Transaction, account: AccountId, last: EmailId) -> None:
    """Delete the mails of an account that goes, up to an id, but for those that a message holds."""
    tx.run(_ERASE, {"account": account, "last": last})


def walk(tx: Transaction, account: AccountId) -> Iterator[Place]:
    """All mails of an account, page by page, in one transaction."""
    after = 0
    while page := places(tx, account, after):
        yield from page
        after = page[-1].email_id
