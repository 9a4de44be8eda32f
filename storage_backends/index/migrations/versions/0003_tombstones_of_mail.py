"""Tombstones say what the message was, so that who has not heard of its going can read it until it is erased."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"
branch_labels: Final = None
depends_on: Final = None

ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table anew: a column that is added later has another place in SQLite's text of it."""
    op.execute("CREATE TABLE expunged_before AS SELECT mailbox_id, uid, modseq, at FROM expunged")
    op.drop_table("expunged")
    _expunged()
    op.execute(
        "INSERT INTO expunged (mailbox_id, uid, modseq, at) SELECT mailbox_id, uid, modseq, at FROM expunged_before"
    )
    op.drop_table("expunged_before")


def _expunged() -> None:
    op.create_table(
        "expunged",
        sa.Column("mailbox_id", ID, autoincrement=False, nullable=False),
        sa.Column("uid", sa.BigInteger(), autoincrement=False, nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            for name in ("modseq", "at", "email_id", "createseq", "flags", "keywords", "received", "saved", "size")
        ),
        sa.ForeignKeyConstraint(
            ["mailbox_id"], ["mailbox.id"], name="fk_expunged_mailbox_id_mailbox", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("mailbox_id", "uid", name="pk_expunged"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_expunged_at", "expunged", ["at"], unique=False)
    op.create_index("ix_expunged_modseq", "expunged", ["mailbox_id", "modseq"], unique=False)
