"""Fresh, older, newer and foreign databases."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import trio
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

from storage_backends import errors
from storage_backends.index import migrate, open, schema

POSTGRES_SHAPE = (
    "SELECT table_name, ordinal_position, column_name, data_type, column_default, is_nullable, is_identity"
    " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
)


def from_schema(connection: Connection) -> None:
    migrate.upgrade(connection)


def from_revisions(connection: Connection) -> None:
    migrate.run_revisions(connection, None)


def sqlite_shape(path: Path, make: Callable[[Connection], None]) -> list[tuple[str, str]]:
    with create_engine(f"sqlite:///{path}").begin() as connection:
        make(connection)
    raw = sqlite3.connect(path)
    rows = raw.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    raw.close()
    return [(name, "".join(sql.split())) for name, sql in rows]


def postgres_shape(conninfo: str, make: Callable[[Connection], None]) -> list[object]:
    with psycopg.connect(conninfo) as raw:
        engine = create_engine("postgresql+psycopg://", creator=lambda: raw)
        with engine.connect() as connection:
            make(connection)
            shape = [raw.execute(query.encode()).fetchall() for query in POSTGRES_SHAPE]
        raw.rollback()
        return list(shape)


def test_head_is_the_last_revision() -> None:
    config = Config()
    config.set_main_option("script_location", "storage_backends.index:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == migrate.HEAD


def test_a_fresh_sqlite_equals_a_migrated_one(tmp_path: Path) -> None:
    fresh = sqlite_shape(tmp_path / "fresh", from_schema)
    assert len(fresh) > len(schema.metadata.tables)
    assert sqlite_shape(tmp_path / "migrated", from_revisions) == fresh


def test_a_fresh_postgres_equals_a_migrated_one(postgres_database: str) -> None:
    fresh = postgres_shape(postgres_database, from_schema)
    assert all(fresh)
    assert postgres_shape(postgres_database, from_revisions) == fresh


FIRST_DATA = (
    "INSERT INTO account (name, state, created) VALUES ('ann', 'active', 5)",
    "INSERT INTO mailbox (account_id, name, uidvalidity) VALUES (1, 'Inbox', 7)",
    "INSERT INTO email (account_id, object_id, thread_id, store, ref) VALUES (1, 'M1', 'T1', 'main', 'r')",
    "INSERT INTO message (mailbox_id, uid, email_id) VALUES (1, 1, 1)",
    "INSERT INTO expunged (mailbox_id, uid, modseq, at) VALUES (1, 9, 3, 4)",
    "INSERT INTO setting (account_id, name) VALUES (1, 'x')",
)
COUNTS = "SELECT name, modseq, created, (SELECT count(*) FROM message), (SELECT count(*) FROM queued) FROM account"
TOMBSTONES = "SELECT mailbox_id, uid, modseq, at, email_id FROM expunged"


def of_the_first_release(connection: Connection) -> None:
    """A database as the first release left it, with an account and a mail."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "storage_backends.index:migrations")
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "0001")
    for statement in FIRST_DATA:
        connection.exec_driver_sql(statement)


def test_a_sqlite_of_the_first_release_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with create_engine(f"sqlite:///{path}").begin() as connection:
        of_the_first_release(connection)
    migrate.sqlite(path)
    raw = sqlite3.connect(path)
    assert raw.execute(COUNTS).fetchall() == [("ann", 1, 5, 1, 0)]
    assert raw.execute(TOMBSTONES).fetchall() == [(1, 9, 3, 4, 0)]
    assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(migrate.HEAD,)]
    raw.close()


def test_a_postgres_of_the_first_release_keeps_its_rows(postgres_database: str) -> None:
    with psycopg.connect(postgres_database) as raw:
        engine = create_engine("postgresql+psycopg://", creator=lambda: raw)
        with engine.connect() as connection:
            of_the_first_release(connection)
            connection.commit()
    migrate.postgres(postgres_database)
    with psycopg.connect(postgres_database) as raw:
        assert raw.execute(COUNTS).fetchall() == [("ann", 1, 5, 1, 0)]
        assert raw.execute(TOMBSTONES).fetchall() == [(1, 9, 3, 4, 0)]
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(migrate.HEAD,)]


def test_certificates_keep_what_they_are_for(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "storage_backends.index:migrations")
        config.set_main_option("path_separator", "os")
        command.upgrade(config, "0006")
        for statement in (
            "INSERT INTO account (name, state) VALUES ('ann', 'active')",
            "INSERT INTO credential (account_id, kind, hash) VALUES (1, 'certificate', 'h')",
            "INSERT INTO client_certificate VALUES (1, 'ann@example.org', 'der')",
        ):
            connection.exec_driver_sql(statement)
    migrate.sqlite(path)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT * FROM client_certificate").fetchall() == [(1, "ann@example.org", "der", 0)]


async def test_many_processes_open_a_fresh_sqlite_at_once(tmp_path: Path) -> None:
    async def one() -> None:
        await (await open.open_sqlite(tmp_path / "index.db")).aclose()

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(one)
    with closing(sqlite3.connect(tmp_path / "index.db")) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(migrate.HEAD,)]


async def test_many_processes_open_a_fresh_postgres_at_once(postgres_database: str) -> None:
    async def one() -> None:
        await (await open.open_postgres(postgres_database)).aclose()

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(one)
    with psycopg.connect(postgres_database) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(migrate.HEAD,)]


async def test_a_newer_sqlite_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    await (await open.open_sqlite(path)).aclose()
    raw = sqlite3.connect(path)
    with raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(errors.Refused, match=r"schema 9999.*newer"):
        await open.open_sqlite(path)
    assert raw.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)
    raw.close()


async def test_a_newer_postgres_is_refused(postgres_database: str) -> None:
    await (await open.open_postgres(postgres_database)).aclose()
    with psycopg.connect(postgres_database) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(errors.Refused, match=r"schema 9999.*newer"):
        await open.open_postgres(postgres_database)


async def test_somebody_else_s_database_is_refused(tmp_path: Path) -> None:
    raw = sqlite3.connect(tmp_path / "other.db")
    raw.execute("CREATE TABLE theirs (x)")
    raw.close()
    with pytest.raises(errors.Refused, match="not an index"):
        await open.open_sqlite(tmp_path / "other.db")


async def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, but long enough to be looked at" * 100)
    with pytest.raises(errors.Corrupt):
        await open.open_sqlite(tmp_path / "text")


async def test_a_directory_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable):
        await open.open_sqlite(tmp_path / "nowhere" / "index.db")


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable):
        await open.open_postgres(f"host={tmp_path} user=nobody")
