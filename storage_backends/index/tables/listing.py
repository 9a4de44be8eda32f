"""What lists of messages are made of: all messages of a mailbox with their threads, and all mails of some threads."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import select

from storage_backends.index.api import AccountId, EmailId, MailboxId, Row, Transaction, Uid
from storage_backends.index.schema import email, mailbox, message
from storage_backends.index.statement import any_of, prepared


class Member(NamedTuple):
    """A placement of a mail of a thread; `received` in milliseconds."""

    thread_id: str
    mailbox_id: MailboxId
    uid: Uid
    email_id: EmailId
    received: int
    flags: int
    keywords: int


EVIDENCE = (
    "remote_ip", "ehlo_domain", "mail_from", "rcpt_to_localpart", "rcpt_to_domain", "ehlo_validation",
    "mail_from_validation", "msg_from_validation", "dkim_domains", "tls_version", "tls_cipher", "require_tls", "is_dsn",
    "is_reject", "is_forward", "is_mailing_list", "reason",
)  # fmt: skip
"""Columns of `email` that say what the receiving server found out."""

_PLAIN = prepared(
    select(message.c.uid, message.c.received).where(message.c.mailbox_id == p("mailbox")).order_by(message.c.uid)
)
_WITH_EMAIL = prepared(
    select(message.c.uid, message.c.received, message.c.email_id)
    .where(message.c.mailbox_id == p("mailbox"))
    .order_by(message.c.uid)
)
_WITH_THREAD = prepared(
    select(message.c.uid, message.c.received, email.c.thread_id)
    .join(email, email.c.id == message.c.email_id)
    .where(message.c.mailbox_id == p("mailbox"))
    .order_by(message.c.uid)
)
_LAST_WITH_THREAD = prepared(
    select(message.c.uid, message.c.received, email.c.thread_id)
    .join(email, email.c.id == message.c.email_id)
    .where(message.c.mailbox_id == p("mailbox"))
    .order_by(message.c.uid.desc())
    .limit(p("most"))
)
_RECEIVED_AT = prepared(
    select(message.c.received)
    .where(message.c.mailbox_id == p("mailbox"), message.c.uid <= p("uid"))
    .order_by(message.c.uid.desc())
    .limit(1)
)
_SOME_WITH_THREAD = prepared(
    select(message.c.uid, message.c.received, email.c.thread_id)
    .join(email, email.c.id == message.c.email_id)
    .where(message.c.mailbox_id == p("mailbox"), any_of(message.c.uid, "uids"))
    .order_by(message.c.uid)
)
_THREADS = prepared(
    select(email.c.id, email.c.thread_id)
    .where(email.c.account_id == p("account"))
    .order_by(email.c.thread_id, email.c.id)
)
_MEMBERS = prepared(
    select(
        email.c.thread_id,
        message.c.mailbox_id,
        message.c.uid,
        message.c.email_id,
        message.c.received,
        message.c.flags,
        message.c.keywords,
    )
    .join(message, message.c.email_id == email.c.id)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(email.c.account_id == p("account"), any_of(email.c.thread_id, "threads"), mailbox.c.gone == 0)
    .order_by(message.c.received, message.c.mailbox_id, message.c.uid)
)
_EVIDENCE = prepared(
    select(*(email.c[name] for name in EVIDENCE)).where(email.c.account_id == p("account"), email.c.id == p("email"))
)


def plain(tx: Transaction, mailbox_id: MailboxId) -> list[Row]:
    """(uid, received) of all messages in the order of their UIDs."""
    return tx.all(_PLAIN, {"mailbox": mailbox_id})


def with_email(tx: Transaction, mailbox_id: MailboxId) -> list[Row]:
    """(uid, received, email id) of all messages in the order of their UIDs."""
    return tx.all(_WITH_EMAIL, {"mailbox": mailbox_id})


def with_thread(tx: Transaction, mailbox_id: MailboxId) -> list[Row]:
    """(uid, received, thread id) of all messages in the order of their UIDs."""
    return tx.all(_WITH_THREAD, {"mailbox": mailbox_id})


def last_with_thread(tx: Transaction, mailbox_id: MailboxId, most: int) -> list[Row]:
    """The same of the last ones, the last first."""
    return tx.all(_LAST_WITH_THREAD, {"mailbox": mailbox_id, "most": most})


def received_at(tx: Transaction, mailbox_id: MailboxId, uids: Sequence[int]) -> list[int]:
    """When the messages were received that have these UIDs or, where there is none, the next lower ones."""
    asked = [tx.ask(_RECEIVED_AT, {"mailbox": mailbox_id, "uid": uid}) for uid in uids]
    return [int(row[0]) for each in asked for row in each()]


def some_with_thread(tx: Transaction, mailbox_id: MailboxId, uids: Sequence[int]) -> list[Row]:
    """The same of some."""
    return tx.all(_SOME_WITH_THREAD, {"mailbox": mailbox_id, "uids": list(uids)})


def threads(tx: Transaction, account: AccountId) -> list[Row]:
    """(email id, thread id) of all mails of an account: read from an index alone."""
    return tx.all(_THREADS, {"account": account})


def members(tx: Transaction, account: AccountId, thread_ids: Sequence[str]) -> list[Member]:
    """All placements of the mails of threads, the oldest first."""
    return [Member(*row) for row in tx.all(_MEMBERS, {"account": account, "threads": list(thread_ids)})]


def evidence(tx: Transaction, account: AccountId, email_id: EmailId) -> Row | None:
    """The columns of `EVIDENCE` of a mail."""
    return tx.one(_EVIDENCE, {"account": account, "email": email_id})
