"""One-time codes, and certificates that IMAP waits for a login with."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0007"
down_revision: Final = "0006"
branch_labels: Final = None
depends_on: Final = None

ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEPT: Final = "credential_id, address, certificate"


def upgrade() -> None:
    """Make the tables, and that of certificates anew: its new column has a place before the constraints."""
    _totp()
    _recovery_code()
    op.execute(f"CREATE TABLE certificate_before AS SELECT {KEPT} FROM client_certificate")  # noqa: S608 - a constant
    op.drop_table("client_certificate")
    _client_certificate()
    op.execute(f"INSERT INTO client_certificate ({KEPT}) SELECT {KEPT} FROM certificate_before")  # noqa: S608
    op.drop_table("certificate_before")


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id"], ["account.id"], name=f"fk_{table}_account_id_account", ondelete="CASCADE"
    )


def _totp() -> None:
    op.create_table(
        "totp",
        sa.Column("account_id", ID, autoincrement=False, nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        *map(_count, ("confirmed", "step", "wrong", "wrong_since")),
        _of_account("totp"),
        sa.PrimaryKeyConstraint("account_id", name="pk_totp"),
    )


def _recovery_code() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        _of_account("recovery_code"),
        sa.PrimaryKeyConstraint("account_id", "hash", name="pk_recovery_code"),
    )


def _client_certificate() -> None:
    op.create_table(
        "client_certificate",
        sa.Column("credential_id", ID, autoincrement=False, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        _count("asks"),
        sa.ForeignKeyConstraint(
            ["credential_id"],
            ["credential.id"],
            name="fk_client_certificate_credential_id_credential",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("credential_id", name="pk_client_certificate"),
        sqlite_with_rowid=False,
    )
