"""Bring a database to the schema of this program, at start, under a lock.

A fresh database is made whole from `schema`.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, StaticPool, create_engine, inspect

from storage_backends.index import schema
from storage_backends.index.sqlite_connection import connect

LOCK: Final = 0x6D6F78  # of programs that upgrade the same Postgres database


def sqlite(path: Path) -> None:
    """Make or upgrade the database at `path`. Blocks."""
    connection = connect(path)
    try:
        engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
        with engine.connect() as wrapped:
            wrapped.exec_driver_sql("BEGIN IMMEDIATE")
            _upgrade(wrapped)
            wrapped.exec_driver_sql("COMMIT")
    finally:
        connection.close()


def postgres(conninfo: str) -> None:
    """Make or upgrade the database. Blocks."""
    from storage_backends.index.postgres_connection import Connector

    connection = Connector(conninfo).connect(statement_timeout="0", lock_timeout="0")
    try:
        engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
        with engine.connect() as wrapped:
            wrapped.exec_driver_sql("BEGIN")
            wrapped.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            _upgrade(wrapped)
            wrapped.exec_driver_sql("COMMIT")
    finally:
        connection.close()


def _upgrade(connection: Connection) -> None:
    if not inspect(connection).has_table("account"):
        schema.metadata.create_all(connection)
