"""Attempts to log in say what program it was."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0006"
down_revision: Final = "0005"
branch_labels: Final = None
depends_on: Final = None

ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEPT: Final = "key, account_id, login, remote_ip, local_ip, tls, protocol, mechanism, result, first, last, times"


def upgrade() -> None:
    """Make the table anew: a column that is added later has another place in SQLite's text of it."""
    op.execute(f"CREATE TABLE login_attempt_before AS SELECT {KEPT} FROM login_attempt")  # noqa: S608 - a constant
    op.drop_table("login_attempt")
    _login_attempt()
    op.execute(f"INSERT INTO login_attempt ({KEPT}) SELECT {KEPT} FROM login_attempt_before")  # noqa: S608
    op.drop_table("login_attempt_before")


def _login_attempt() -> None:
    def word(name: str) -> sa.Column[str]:
        return sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)

    def count(name: str, default: int = 0) -> sa.Column[int]:
        return sa.Column(name, sa.BigInteger(), server_default=sa.text(str(default)), nullable=False)

    op.create_table(
        "login_attempt",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", ID, nullable=True),
        *map(word, ("login", "remote_ip", "local_ip", "tls", "protocol", "mechanism", "result", "user_agent")),
        count("first"),
        count("last"),
        count("times", 1),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_login_attempt_account_id_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name="pk_login_attempt"),
    )
    op.create_index("ix_login_attempt_account_id", "login_attempt", ["account_id", "last"], unique=False)
    op.create_index("ix_login_attempt_last", "login_attempt", ["last"], unique=False)
