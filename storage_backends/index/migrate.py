"""Bring a database to the schema of this program: at start, one process at a time, in one transaction.

A fresh database is made whole from `schema` and stamped; an older one goes through the revisions of `migrations/`. When a
step fails the database is as it was. Refused: the database was made by a newer program, or is not one of this
program's at all, or it is older and must not be upgraded. Unavailable: it cannot be reached, or another process holds it
too long.

An older server that still runs on the database would meet tables that it does not know, so that only who takes its place
upgrades: without `upgrading` an older database is refused. A fresh one is made all the same.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, StaticPool, create_engine, exc, inspect, text

from storage_backends.errors import Refused
from storage_backends.index import schema, sqlite_connection, wake_local
from storage_backends.index.turnstile import Turnstile

HEAD: Final = "0008"
"""The revision that equals `schema`."""
VERSIONS: Final = "alembic_version"
LOCK: Final = 0x6D6F78
"""Of programs that upgrade the same Postgres database."""


def sqlite(path: Path, *, durable: bool = True, upgrading: bool = True) -> None:
    """Make or upgrade the database at `path`. Blocks."""
    turnstile = Turnstile(wake_local.directory_of(path))
    try:
        with turnstile.turn():
            sqlite_connection.create(path)
            raw = sqlite_connection.connect(path, durable=durable)
            try:
                _in_transaction("sqlite://", raw, ["BEGIN IMMEDIATE"], upgrading=upgrading)
            finally:
                raw.close()
    finally:
        turnstile.close()


def postgres(conninfo: str, *, keep: bool = True, upgrading: bool = True) -> None:
    """Make or upgrade the database; without `keep` only to see whether it works, and then as it was before. Blocks."""
    from storage_backends.index import postgres_connection  # only who uses Postgres loads its driver

    # An upgrade takes as long as it takes.
    no_end = {"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0"}
    raw = postgres_connection.Connector(conninfo).connect(**no_end)
    try:
        begin = ["BEGIN", f"SELECT pg_advisory_xact_lock({LOCK})"]
        _in_transaction("postgresql+psycopg://", raw, begin, keep=keep, upgrading=upgrading)
    finally:
        postgres_connection.close(raw)


def _in_transaction(url: str, raw: object, begin: Sequence[str], *, keep: bool = True, upgrading: bool = True) -> None:
    engine = create_engine(url, creator=lambda: raw, poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            for statement in begin:
                connection.exec_driver_sql(statement)
            upgrade(connection, upgrading=upgrading)
            if keep:
                connection.commit()
            else:
                connection.rollback()
    except exc.DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise sqlite_connection.translated(error.orig) from error
        raise


def upgrade(connection: Connection, *, upgrading: bool = True) -> None:
    """Bring the database to HEAD, in the connection's transaction; without `upgrading` only a fresh one. Refused."""
    found = inspect(connection).get_table_names()
    if VERSIONS in found:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if version != HEAD:
            run_revisions(connection, str(version), upgrading=upgrading)
    elif found:
        raise Refused("the database has tables but no version: it is not an index of mox-trio; name an empty one")
    else:
        schema.metadata.create_all(connection)
        stamp(connection)


def run_revisions(connection: Connection, version: str | None, *, upgrading: bool = True) -> None:
    """Run the revisions after `version` (None: all). Refused when it is none of them, or is not to be upgraded."""
    # Alembic takes longer to load than everything else here, and is hardly ever needed.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "storage_backends.index:migrations")
    config.set_main_option("path_separator", "os")
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise Refused(
            f"the database has schema {version}, this program knows up to {HEAD}: "
            "a newer mox-trio upgraded it; use that version or a newer one"
        )
    if not upgrading:
        raise Refused(
            f"the database has schema {version}, this program needs {HEAD}: start the new server in the place of the old one, "
            "which upgrades it, or stop the old one and run `mox-trio index upgrade`"
        )
    command.upgrade(config, HEAD)


def stamp(connection: Connection) -> None:
    """Say that the database is at HEAD, in the table of Alembic."""
    connection.execute(
        text(
            "CREATE TABLE alembic_version"
            " (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": HEAD})
