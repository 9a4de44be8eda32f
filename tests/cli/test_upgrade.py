"""`mox-trio index upgrade`: what an upgrade does is seen on a copy first."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from mox_trio.app import build
from mox_trio.config import load
from storage_backends.errors import Refused
from storage_backends.index import migrate
from tests.cli.conftest import CommandLine


def of_the_first_release(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "storage_backends.index:migrations")
        config.set_main_option("path_separator", "os")
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO document (name, text, version, changed) VALUES ('x', 'kept', 1, 0)"))
        connection.commit()
    engine.dispose()


def version(file: Path) -> str:
    with closing(sqlite3.connect(file)) as opened:
        return str(opened.execute("SELECT version_num FROM alembic_version").fetchone()[0])


@pytest.fixture
def old(mox: CommandLine) -> Path:
    """The index of the command line, as the first release made it."""
    file = mox.directory / "data" / "index.db"
    for each in file.parent.glob("index.db*"):
        if each.is_file():
            each.unlink()
    of_the_first_release(file)
    return file


def test_an_upgrade_is_tried_on_a_copy_and_then_made(mox: CommandLine, old: Path) -> None:
    file = old
    tried = mox.json("index", "upgrade", "--dry-run")
    assert (tried["before"], tried["after"], tried["problems"]) == ("0001", migrate.HEAD, [])
    assert version(file) == "0001"
    assert "in a copy" in mox("index", "upgrade", "--dry-run").stdout
    assert mox.json("index", "upgrade")["after"] == migrate.HEAD
    assert version(file) == migrate.HEAD
    assert not list(file.parent.glob(".upgrade-*"))
    with closing(sqlite3.connect(file)) as opened:
        assert opened.execute("SELECT text FROM document WHERE name = 'x'").fetchall() == [("kept",)]
    assert "that of this program" in mox("index", "upgrade").stdout


def test_an_index_of_a_newer_program_is_refused_and_stays(mox: CommandLine) -> None:
    file = mox.directory / "data" / "index.db"
    with closing(sqlite3.connect(file)) as opened:
        opened.execute("UPDATE alembic_version SET version_num = '9999'")
        opened.commit()
    assert "newer" in mox("index", "upgrade", code=1).stderr
    assert version(file) == "9999"


@pytest.mark.parametrize(
    "command", [["account", "add", "bob", "bob@example.org"], ["mailbox", "list", "ann"], ["verify"], ["upkeep"]]
)
def test_commands_leave_an_older_index_to_the_server_that_may_run_on_it(
    mox: CommandLine, old: Path, command: list[str]
) -> None:
    said = mox(*command, code=1).stderr
    assert "schema 0001" in said
    assert "mox-trio index upgrade" in said
    assert len(said.splitlines()) == 1
    assert version(old) == "0001"


async def test_a_server_upgrades_the_index_that_it_opens(mox: CommandLine, old: Path) -> None:
    static = load.static(mox.directory / "mox-trio.toml")
    with pytest.raises(Refused, match="start the new server"):
        async with build.services(static):
            pass
    async with build.services(static, upgrading=True):
        assert version(old) == migrate.HEAD
