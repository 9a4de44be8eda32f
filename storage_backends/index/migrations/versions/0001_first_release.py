"""The schema of the first release."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None
branch_labels: Final = None
depends_on: Final = None

ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables, each after those that it refers to."""
    _account()
    _body_store()
    _document()
    _lease()
    _annotation()
    _credential()
    _email()
    _import_progress()
    _keyword()
    _mailbox()
    _release()
    _scram_salt()
    _setting()
    _subscription()
    _thread_key()
    _expunged()
    _message()


def _words(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False) for name in names]


def _counts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False) for name in names]


def _blocks(*names: str) -> list[sa.Column[bytes]]:
    return [sa.Column(name, sa.LargeBinary(), server_default=sa.text("''"), nullable=False) for name in names]


def _maybe(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=True) for name in names]


def _account() -> None:
    op.create_table(
        "account",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        *_words("state"),
        sa.Column("modseq", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        *_counts("next_uidvalidity", "created"),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_account_name",
        "account",
        ["name"],
        unique=True,
        sqlite_where=sa.text("state <> 'removing'"),
        postgresql_where=sa.text("state <> 'removing'"),
    )


def _body_store() -> None:
    op.create_table(
        "body_store",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_body_store"),
    )


def _document() -> None:
    op.create_table(
        "document",
        sa.Column("name", sa.Text(), nullable=False),
        *_counts("version"),
        sa.Column("text", sa.Text(), nullable=False),
        *_counts("changed"),
        sa.PrimaryKeyConstraint("name", name="pk_document"),
    )


def _lease() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        *_counts("claim"),
        *_words("holder"),
        *_counts("expires"),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )


def _annotation() -> None:
    op.create_table(
        "annotation",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("mailbox_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        *_blocks("value"),
        *_counts("gone", "createseq", "modseq"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_annotation_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "mailbox_id", "entry", name="pk_annotation"),
    )


def _credential() -> None:
    op.create_table(
        "credential",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        *_words("name"),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        *_counts("protocols", "created"),
        *_maybe("last_used", "expires"),
        sa.Column("scram_sha1", sa.LargeBinary(), nullable=True),
        sa.Column("scram_sha256", sa.LargeBinary(), nullable=True),
        sa.Column("cram_md5", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_credential_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_credential"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_credential_account_id", "credential", ["account_id"], unique=False)
    op.create_index("ix_credential_hash", "credential", ["hash"], unique=False)


def _email() -> None:
    op.create_table(
        "email",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        *_blocks("prefix", "header"),
        *_counts("header_size", "size"),
        *_blocks("envelope", "bodystructure", "parts", "summary"),
        *_counts("parsed_version"),
        *_maybe("sent", "message_id_key", "subject_key", "from_key", "from_domain_key", "from_org_domain_key"),
        *_maybe("content_key"),
        *_words(
            "remote_ip",
            "remote_ip_masked1",
            "remote_ip_masked2",
            "remote_ip_masked3",
            "ehlo_domain",
            "mail_from",
            "mail_from_localpart",
            "mail_from_domain",
            "rcpt_to_localpart",
            "rcpt_to_domain",
            "ehlo_validation",
            "mail_from_validation",
            "msg_from_validation",
            "dkim_domains",
            "orig_ehlo_domain",
            "orig_dkim_domains",
            "tls_version",
            "tls_cipher",
        ),
        *_counts("require_tls", "is_dsn", "is_reject", "is_forward", "is_mailing_list"),
        *_words("reason"),
        *_maybe("destined_mailbox_id", "original_mailbox_id"),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_email_account_id_account", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_email"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_email_content_key", "email", ["account_id", "content_key"], unique=False)
    op.create_index("ix_email_message_id_key", "email", ["account_id", "message_id_key"], unique=False)
    op.create_index("ix_email_account_id", "email", ["account_id", "id"], unique=False)
    op.create_index("ix_email_store", "email", ["store", "id"], unique=False)


def _import_progress() -> None:
    op.create_table(
        "import_progress",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        *_blocks("position"),
        *_counts("imported", "at"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_import_progress_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "source", name="pk_import_progress"),
    )


def _keyword() -> None:
    op.create_table(
        "keyword",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("bit", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        *_counts("modseq"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_keyword_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "bit", name="pk_keyword"),
    )
    op.create_index("uq_keyword_name", "keyword", ["account_id", sa.literal_column("lower(name)")], unique=True)


def _mailbox() -> None:
    op.create_table(
        "mailbox",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        *_counts("uidvalidity"),
        sa.Column("uidnext", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        *_counts(
            "createseq",
            "modseq",
            "highest_modseq",
            "pruned_modseq",
            "special_use",
            "gone",
            "messages",
            "unseen",
            "deleted",
            "size",
            "deleted_size",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_mailbox_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_mailbox"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_mailbox_modseq", "mailbox", ["account_id", "modseq"], unique=False)
    op.create_index(
        "uq_mailbox_name",
        "mailbox",
        ["account_id", "name"],
        unique=True,
        sqlite_where=sa.text("gone = 0"),
        postgresql_where=sa.text("gone = 0"),
    )


def _release() -> None:
    op.create_table(
        "release",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        *_maybe("email_id"),
        sa.Column("store", sa.Text(), nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        *_counts("due"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_release_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_release"),
    )
    op.create_index("ix_release_account_id", "release", ["account_id"], unique=False)
    op.create_index("ix_release_due", "release", ["due"], unique=False)
    op.create_index("ix_release_store", "release", ["store"], unique=False)


def _scram_salt() -> None:
    op.create_table(
        "scram_salt",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("mechanism", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        *_counts("iterations"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_scram_salt_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "mechanism", name="pk_scram_salt"),
    )


def _setting() -> None:
    op.create_table(
        "setting",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        *_blocks("value"),
        *_counts("gone", "modseq"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_setting_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "name", name="pk_setting"),
    )


def _subscription() -> None:
    op.create_table(
        "subscription",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("subscribed", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        *_counts("modseq"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_subscription_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "name", name="pk_subscription"),
    )


def _thread_key() -> None:
    op.create_table(
        "thread_key",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("thread_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_thread_key_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "key", name="pk_thread_key"),
        sqlite_with_rowid=False,
    )


def _expunged() -> None:
    op.create_table(
        "expunged",
        sa.Column("mailbox_id", ID, autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        *_counts("modseq", "at"),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailbox.id"], name="fk_expunged_mailbox_id_mailbox", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mailbox_id", "uid", name="pk_expunged"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_expunged_at", "expunged", ["at"], unique=False)
    op.create_index("ix_expunged_modseq", "expunged", ["mailbox_id", "modseq"], unique=False)


def _message() -> None:
    op.create_table(
        "message",
        sa.Column("mailbox_id", ID, autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("email_id", ID, nullable=False),
        *_counts("modseq", "createseq", "flags", "keywords", "received", "saved", "size"),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailbox.id"], name="fk_message_mailbox_id_mailbox", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["email_id"], ["email.id"], name="fk_message_email_id_email"),
        sa.PrimaryKeyConstraint("mailbox_id", "uid", name="pk_message"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_message_email_id", "message", ["email_id"], unique=False)
    op.create_index("ix_message_modseq", "message", ["mailbox_id", "modseq"], unique=False)
