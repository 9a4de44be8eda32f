"""The HTTP API, and calls to customers' URLs."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"
branch_labels: Final = None
depends_on: Final = None

ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the new tables."""
    _api_key()
    _hook()
    _idempotency()
    _message_extra()
    _webhook()


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _words(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False) for name in names]


def _counts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False) for name in names]


def _sealed(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), server_default=sa.text("''"), nullable=False)


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id"], ["account.id"], name=f"fk_{table}_account_id_account", ondelete="CASCADE"
    )


def _api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("credential_id", ID, autoincrement=False, nullable=False),
        *_counts("scopes"),
        *_words("addresses"),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name="fk_api_key_credential_id_credential", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("credential_id", name="pk_api_key"),
    )


def _hook() -> None:
    op.create_table(
        "hook",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        *_texts("object_id", "direction", "url", "event"),
        *_counts("queued_id"),
        _sealed("payload"),
        *_texts("state"),
        *_counts("created", "next_attempt", "attempts", "finished", "superseded_by"),
        *_words("results"),
        *_counts("keep_until"),
        _of_account("hook"),
        sa.PrimaryKeyConstraint("id", name="pk_hook"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_hook_account_id", "hook", ["account_id", "id"], unique=False)
    op.create_index("ix_hook_keep_until", "hook", ["keep_until"], unique=False)
    op.create_index(
        "ix_hook_queued_id",
        "hook",
        ["queued_id"],
        unique=False,
        sqlite_where=sa.text("queued_id <> 0"),
        postgresql_where=sa.text("queued_id <> 0"),
    )
    op.create_index("ix_hook_state", "hook", ["state", "next_attempt"], unique=False)


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("account_id", ID, nullable=False),
        *_texts("name"),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        _sealed("answer"),
        sa.Column("created", sa.BigInteger(), nullable=False),
        _of_account("idempotency"),
        sa.PrimaryKeyConstraint("account_id", "name", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_created", "idempotency", ["created"], unique=False)


def _message_extra() -> None:
    op.create_table(
        "message_extra",
        sa.Column("outgoing_id", ID, autoincrement=False, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        *_texts("object_id"),
        _sealed("extra"),
        _of_account("message_extra"),
        sa.PrimaryKeyConstraint("outgoing_id", name="pk_message_extra"),
    )
    op.create_index("ix_message_extra_account_id", "message_extra", ["account_id"], unique=False)


def _webhook() -> None:
    op.create_table(
        "webhook",
        sa.Column("account_id", ID, nullable=False),
        *_texts("direction", "url"),
        sa.Column("authorization", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        *_words("events"),
        *_counts("changed"),
        _of_account("webhook"),
        sa.PrimaryKeyConstraint("account_id", "direction", name="pk_webhook"),
    )
