"""What the tables are made of: kinds of columns, and the names of constraints. `schema` says what they mean."""

from typing import Any, Final

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, MetaData, Table, Text, text

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives rowids to INTEGER PRIMARY KEY only; Postgres needs 64 bits.
Id: Final = BigInteger().with_variant(Integer, "sqlite")


def own_id() -> Column[int]:
    """The table's own id."""
    return Column("id", Id, primary_key=True, autoincrement=True)


def of_account(*, primary_key: bool = False) -> Column[int]:
    """The account that a row belongs to and goes with."""
    return Column(
        "account_id", Id, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key
    )


def count(name: str, default: int = 0) -> Column[int]:
    """A number that is always there."""
    return Column(name, BigInteger, nullable=False, server_default=text(str(default)))


def sealed(name: str) -> Column[bytes]:
    """What reveals content."""
    return Column(name, LargeBinary, nullable=False, server_default=text("''"))


def word(name: str) -> Column[str]:
    """Text that may be empty."""
    return Column(name, Text, nullable=False, server_default=text("''"))


def table(name: str, *parts: Any, **options: Any) -> Table:
    """A table of the schema."""
    return Table(name, metadata, *parts, **options)
