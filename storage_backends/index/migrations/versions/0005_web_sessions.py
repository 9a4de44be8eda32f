"""Web sessions, and an index by which mails of a thread are found."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"
branch_labels: Final = None
depends_on: Final = None

ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table and the index."""
    words = [
        sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)
        for name in ("login", "remote_ip", "user_agent")
    ]
    times = [
        sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        for name in ("created", "last_used")
    ]
    op.create_table(
        "web_session",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        *words,
        *times,
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_web_session_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name="pk_web_session"),
    )
    op.create_index("ix_web_session_account_id", "web_session", ["account_id", "last_used"], unique=False)
    op.create_index("ix_web_session_last_used", "web_session", ["last_used"], unique=False)
    op.create_index("ix_email_thread_id", "email", ["account_id", "thread_id", "id"], unique=False)
