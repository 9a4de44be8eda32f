"""From one machine to stateless nodes: bodies move to S3, rows to Postgres, and back."""

from collections.abc import Callable
from pathlib import Path

import psycopg.conninfo
import pytest

from mox_trio.cli import tour
from tests.cli.conftest import CommandLine
from tests.kit.s3 import S3Server

STORES = """
[keys]
master = {{ environment = "TEST_MASTER_KEY" }}
server = {{ environment = "TEST_MASTER_KEY" }}
[storage]
default = "{default}"
[storage.stores.near]
kind = "disk"
directory = "{near}"
[storage.stores.far]
kind = "s3"
endpoint = "{endpoint}"
region = "{region}"
bucket = "{bucket}"
prefix = "{prefix}"
path_style = true
access_key = {{ environment = "TEST_ACCESS_KEY" }}
secret_key = {{ environment = "TEST_SECRET_KEY" }}
encrypt = true
cache = {{ directory = "cache", size = "10MiB" }}
"""

POSTGRES = """
[storage.index]
kind = "postgres"
host = "{host}"
port = {port}
user = "{user}"
database = "{dbname}"
sslmode = "disable"
"""


def stores(server: S3Server, default: str, directory: Path) -> str:
    return STORES.format(
        default=default,
        near=directory / "near",
        endpoint=server.endpoint,
        region=server.region,
        bucket=server.bucket,
        prefix=f"{directory.name}/",
    )


def test_a_server_moves_to_s3_and_postgres_and_back(
    make_command_line: Callable[[str], CommandLine],
    moto: S3Server,
    postgres_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEST_ACCESS_KEY", moto.access_key)
    monkeypatch.setenv("TEST_SECRET_KEY", moto.secret_key)
    monkeypatch.setenv("TEST_MASTER_KEY", "5a" * 32)
    mox = make_command_line(stores(moto, "near", tmp_path))
    mox("domain", "add", "example.org")
    mox("account", "add", "ann", "ann@example.org")
    (tmp_path / "sample.mbox").write_text(tour.SAMPLE)
    mox("import", "ann", tmp_path / "sample.mbox", "--mailbox", "Inbox")
    document = (tmp_path / "domains.toml").read_text()

    mox = make_command_line(stores(moto, "far", tmp_path))
    (tmp_path / "domains.toml").write_text(document)
    assert mox.json("move-store", "near", "far")["bodies"] == 3
    assert mox("verify", "--bodies").stdout == "all is well\n"

    here = (tmp_path / "mox-trio.toml").read_text()
    there = here + POSTGRES.format_map(psycopg.conninfo.conninfo_to_dict(postgres_database))
    (tmp_path / "postgres.toml").write_text(there)
    assert mox.json("index", "copy", tmp_path / "postgres.toml")["rows"]["message"] == 3

    # Nothing lies in the near store any more, and the node has none.
    there = there.replace('[storage.stores.near]\nkind = "disk"\ndirectory = "near"\n', "")
    on_postgres = CommandLine(tmp_path / "node")
    on_postgres.directory.mkdir()
    (on_postgres.directory / "mox-trio.toml").write_text(there)
    (on_postgres.directory / "domains.toml").write_text(document)
    assert on_postgres("verify", "--bodies").stdout == "all is well\n"
    assert [row["subject"] for row in on_postgres.json("mailbox", "messages", "ann")] == [
        "Welcome",
        "Grüße",
        "Re: Welcome",
    ]
    on_postgres("import", "ann", tmp_path / "sample.mbox", "--mailbox", "Again")
    on_postgres("account", "add", "bob", "bob@example.org")

    back = here.replace("[storage]", '[storage]\nindex = { kind = "sqlite", file = "back.db" }')
    (tmp_path / "back.toml").write_text(back)
    rows = on_postgres.json("index", "copy", tmp_path / "back.toml")["rows"]
    assert rows["message"] == 6
    assert rows["account"] == 2
    mox = CommandLine(tmp_path)
    (tmp_path / "mox-trio.toml").write_text(back)
    assert mox("verify", "--bodies").stdout == "all is well\n"
    mox("account", "add", "carl", "carl@example.org")
