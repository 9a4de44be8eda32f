"""Mail comes in and goes out: the queue, what was sent to whom."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"
branch_labels: Final = None
depends_on: Final = None

ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the new tables, each after those that it refers to."""
    _client_certificate()
    _correspondent()
    _hold_rule()
    _login_attempt()
    _outgoing()
    _queued()
    _retired()
    _sent_count()
    _suppression()


def _words(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False) for name in names]


def _counts(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False) for name in names]


def _blocks(*names: str) -> list[sa.Column[bytes]]:
    return [sa.Column(name, sa.LargeBinary(), server_default=sa.text("''"), nullable=False) for name in names]


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id"], ["account.id"], name=f"fk_{table}_account_id_account", ondelete="CASCADE"
    )


def _from_id_index(table: str) -> None:
    op.create_index(
        f"ix_{table}_from_id",
        table,
        ["from_id"],
        unique=False,
        sqlite_where=sa.text("from_id <> ''"),
        postgresql_where=sa.text("from_id <> ''"),
    )


def _client_certificate() -> None:
    op.create_table(
        "client_certificate",
        sa.Column("credential_id", ID, autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["credential.id"],
            name="fk_client_certificate_credential_id_credential",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("credential_id", name="pk_client_certificate"),
        sqlite_with_rowid=False,
    )


def _correspondent() -> None:
    op.create_table(
        "correspondent",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("address_key", sa.BigInteger(), autoincrement=False, nullable=False),
        *_counts("domain_key", "org_domain_key"),
        *_blocks("address"),
        *_counts("first_sent", "last_sent", "messages", "failures"),
        _of_account("correspondent"),
        sa.PrimaryKeyConstraint("account_id", "address_key", name="pk_correspondent"),
    )
    op.create_index("ix_correspondent_domain_key", "correspondent", ["account_id", "domain_key"], unique=False)
    op.create_index("ix_correspondent_org_domain_key", "correspondent", ["account_id", "org_domain_key"], unique=False)


def _hold_rule() -> None:
    op.create_table(
        "hold_rule",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ID, nullable=True),
        *_words("sender_domain", "recipient_domain"),
        *_counts("created"),
        _of_account("hold_rule"),
        sa.PrimaryKeyConstraint("id", name="pk_hold_rule"),
        sqlite_autoincrement=True,
    )


def _login_attempt() -> None:
    op.create_table(
        "login_attempt",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", ID, nullable=True),
        *_words("login", "remote_ip", "local_ip", "tls", "protocol", "mechanism", "result"),
        *_counts("first", "last"),
        sa.Column("times", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        _of_account("login_attempt"),
        sa.PrimaryKeyConstraint("key", name="pk_login_attempt"),
    )
    op.create_index("ix_login_attempt_account_id", "login_attempt", ["account_id", "last"], unique=False)
    op.create_index("ix_login_attempt_last", "login_attempt", ["last"], unique=False)


def _outgoing() -> None:
    op.create_table(
        "outgoing",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        *_blocks("prefix", "summary"),
        *_counts("size"),
        *_words("body"),
        *_counts("smtputf8"),
        *_words("ret", "envelope_id", "release_request"),
        *_counts("queued", "waiting"),
        _of_account("outgoing"),
        sa.PrimaryKeyConstraint("id", name="pk_outgoing"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outgoing_account_id", "outgoing", ["account_id", "id"], unique=False)
    op.create_index("ix_outgoing_store", "outgoing", ["store", "id"], unique=False)


def _queued() -> None:
    op.create_table(
        "queued",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("outgoing_id", ID, nullable=False),
        *_words("sender", "from_id"),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("notify", sa.BigInteger(), nullable=True),
        *_words("original"),
        *_counts("held"),
        sa.Column("urgency", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        *_counts("next_attempt", "attempts", "max_attempts", "last_attempt", "expires", "delay_told"),
        sa.Column("require_tls", sa.BigInteger(), nullable=True),
        *_words("transport", "dialled", "results"),
        *_counts("claim"),
        *_words("holder"),
        *_counts("lease_until"),
        _of_account("queued"),
        sa.ForeignKeyConstraint(
            ["outgoing_id"], ["outgoing.id"], name="fk_queued_outgoing_id_outgoing", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_queued"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_queued_account_id", "queued", ["account_id", "id"], unique=False)
    op.create_index("ix_queued_due", "queued", ["lease_until", "held", "urgency", "next_attempt"], unique=False)
    op.create_index("ix_queued_outgoing_id", "queued", ["outgoing_id"], unique=False)
    _from_id_index("queued")


def _retired() -> None:
    op.create_table(
        "retired",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        *_counts("outgoing_id"),
        sa.Column("object_id", sa.Text(), nullable=False),
        *_blocks("summary"),
        *_counts("size"),
        *_words("sender", "from_id"),
        sa.Column("recipient", sa.Text(), nullable=False),
        *_counts("queued", "attempts", "retired"),
        *_words("outcome", "results"),
        *_counts("keep_until"),
        _of_account("retired"),
        sa.PrimaryKeyConstraint("id", name="pk_retired"),
    )
    op.create_index("ix_retired_account_id", "retired", ["account_id", "id"], unique=False)
    op.create_index("ix_retired_keep_until", "retired", ["keep_until"], unique=False)
    _from_id_index("retired")


def _sent_count() -> None:
    op.create_table(
        "sent_count",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        *_counts("recipients", "first_time"),
        _of_account("sent_count"),
        sa.PrimaryKeyConstraint("account_id", "hour", name="pk_sent_count"),
    )


def _suppression() -> None:
    op.create_table(
        "suppression",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("base_address", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        *_counts("manual"),
        *_words("reason"),
        *_counts("created"),
        _of_account("suppression"),
        sa.PrimaryKeyConstraint("id", name="pk_suppression"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_suppression_base_address", "suppression", ["account_id", "base_address"], unique=True)
