"""Rows of annotations (RFC 5464) and of users' settings. What is taken away stays as a tombstone."""

from typing import NamedTuple

from sqlalchemy import bindparam as p
from sqlalchemy import func, select, update

from storage_backends.index.api import AccountId, ModSeq, Transaction
from storage_backends.index.schema import annotation, setting
from storage_backends.index.statement import insert, prepared


class AnnotationRow(NamedTuple):
    """An annotation; `mailbox_id` 0 is the account, `value` is sealed, `gone` marks a tombstone."""

    mailbox_id: int
    entry: str
    value: bytes
    gone: int
    modseq: ModSeq


class SettingRow(NamedTuple):
    """A setting; `value` is sealed JSON, `gone` marks a tombstone."""

    name: str
    value: bytes
    gone: int


_SET = prepared(
    insert(annotation)
    .values(
        account_id=p("account"),
        mailbox_id=p("mailbox"),
        entry=p("entry"),
        value=p("value"),
        gone=p("gone"),
        createseq=p("modseq"),
        modseq=p("modseq"),
    )
    .on_conflict_do_update(
        index_elements=["account_id", "mailbox_id", "entry"],
        set_={"value": p("value"), "gone": p("gone"), "modseq": p("modseq")},
    )
)
_COLUMNS = tuple(annotation.c[name] for name in AnnotationRow._fields)
_OF_MAILBOX = prepared(
    select(*_COLUMNS)
    .where(annotation.c.account_id == p("account"), annotation.c.mailbox_id == p("mailbox"), annotation.c.gone == 0)
    .order_by(annotation.c.entry)
)
_CHANGED = prepared(
    select(*_COLUMNS)
    .where(annotation.c.account_id == p("account"), annotation.c.modseq > p("since"))
    .order_by(annotation.c.mailbox_id, annotation.c.entry)
)
_TOTALS = prepared(
    select(func.count(), func.coalesce(func.sum(func.length(annotation.c.value)), 0)).where(
        annotation.c.account_id == p("account"), annotation.c.gone == 0
    )
)
_DROP = prepared(
    update(annotation)
    .where(annotation.c.account_id == p("account"), annotation.c.mailbox_id == p("mailbox"), annotation.c.gone == 0)
    .values(gone=1, value=b"", modseq=p("new_modseq"))
)
_SEAL = prepared(
    update(annotation)
    .where(
        annotation.c.account_id == p("account"),
        annotation.c.mailbox_id == p("mailbox"),
        annotation.c.entry == p("of_entry"),
        annotation.c.value == p("old"),
    )
    .values(value=p("new_value"))
)
_SET_SETTING = prepared(
    insert(setting)
    .values(account_id=p("account"), name=p("name"), value=p("value"), gone=p("gone"), modseq=p("modseq"))
    .on_conflict_do_update(
        index_elements=["account_id", "name"],
        set_={"value": p("value"), "gone": p("gone"), "modseq": p("modseq")},
    )
)
_SETTINGS = prepared(
    select(setting.c.name, setting.c.value, setting.c.gone)
    .where(setting.c.account_id == p("account"), setting.c.modseq > p("since"))
    .order_by(setting.c.name)
)
_SETTING = prepared(
    select(setting.c.name, setting.c.value, setting.c.gone).where(
        setting.c.account_id == p("account"), setting.c.name == p("name")
    )
)
_SETTING_TOTALS = prepared(
    select(func.count(), func.coalesce(func.sum(func.length(setting.c.value)), 0)).where(
        setting.c.account_id == p("account"), setting.c.gone == 0
    )
)
_SEAL_SETTING = prepared(
    update(setting)
    .where(setting.c.account_id == p("account"), setting.c.name == p("of_name"), setting.c.value == p("old"))
    .values(value=p("new_value"))
)


def put(tx: Transaction, account: AccountId, mailbox_id: int, entry: str, value: bytes | None) -> None:
    """Set an entry to a sealed value, or take it away with None."""
    tx.run(
        _SET,
        {
            "account": account,
            "mailbox": mailbox_id,
            "entry": entry,
            "value": value or b"",
            "gone": int(value is None),
            "modseq": tx.modseq(account),
        },
    )


def of_mailbox(tx: Transaction, account: AccountId, mailbox_id: int) -> list[AnnotationRow]:
    """The entries of a mailbox, or of the account with 0, in order."""
    return [AnnotationRow(*row) for row in tx.all(_OF_MAILBOX, {"account": account, "mailbox": mailbox_id})]


def changed(tx: Transaction, account: AccountId, since: int) -> list[AnnotationRow]:
    """Entries that changed after `since`, also those that are gone."""
    return [AnnotationRow(*row) for row in tx.all(_CHANGED, {"account": account, "since": since})]


def seal(tx: Transaction, account: AccountId, row: AnnotationRow, value: bytes) -> bool:
    """Write the same value in another form, unless it was changed meanwhile; nobody is told."""
    parameters = {"account": account, "mailbox": row.mailbox_id, "of_entry": row.entry}
    return tx.run(_SEAL, {**parameters, "old": row.value, "new_value": value}) == 1


def totals(tx: Transaction, account: AccountId) -> tuple[int, int]:
    """How many entries an account has, and the bytes of their values as stored."""
    row = tx.one(_TOTALS, {"account": account})
    return (int(row[0]), int(row[1])) if row else (0, 0)


def drop_mailbox(tx: Transaction, account: AccountId, mailbox_id: int) -> None:
    """Take away all entries of a mailbox."""
    tx.run(_DROP, {"account": account, "mailbox": mailbox_id, "new_modseq": tx.modseq(account)})


def put_setting(tx: Transaction, account: AccountId, name: str, value: bytes | None) -> None:
    """Set a setting to a sealed value, or take it away with None."""
    tx.run(
        _SET_SETTING,
        {
            "account": account,
            "name": name,
            "value": value or b"",
            "gone": int(value is None),
            "modseq": tx.modseq(account),
        },
    )


def settings(tx: Transaction, account: AccountId, since: int = 0) -> list[SettingRow]:
    """Settings that changed after `since`, also those that are gone."""
    return [SettingRow(*row) for row in tx.all(_SETTINGS, {"account": account, "since": since})]


def maybe_setting(tx: Transaction, account: AccountId, name: str) -> SettingRow | None:
    """The setting of this name, also one that is gone; None where there never was one."""
    row = tx.one(_SETTING, {"account": account, "name": name})
    return None if row is None else SettingRow(*row)


def setting_totals(tx: Transaction, account: AccountId) -> tuple[int, int]:
    """How many settings an account has, and the bytes of their values as stored."""
    row = tx.one(_SETTING_TOTALS, {"account": account})
    return (int(row[0]), int(row[1])) if row else (0, 0)


def seal_setting(tx: Transaction, account: AccountId, row: SettingRow, value: bytes) -> bool:
    """Write the same value in another form, unless it was changed meanwhile; nobody is told."""
    parameters = {"account": account, "of_name": row.name, "old": row.value, "new_value": value}
    return tx.run(_SEAL_SETTING, parameters) == 1
