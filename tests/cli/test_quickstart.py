"""`mox-trio quickstart`: a configuration that passes its test and serves, and that overwrites nothing."""

import getpass
import imaplib
import json
import ssl
import stat
import subprocess
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dns.zone
import psycopg.conninfo
import pytest
from click.testing import CliRunner, Result

from mox_trio.cli.main import cli
from tests.kit import localserve, programs, shared_server, wires
from tests.kit.s3 import S3Server

ADDRESS = "you@example.com"


def quickstart(directory: Path, *options: str, code: int = 0) -> Result:
    command = ["--json", "quickstart", ADDRESS, "--dir", str(directory), "--skip-dns", "--hostname", "mail.example.com"]
    result = CliRunner().invoke(cli, [*command, "--user", getpass.getuser(), *options])
    assert result.exit_code == code, result.output
    return result


def made(directory: Path, *options: str) -> Any:
    return json.loads(quickstart(directory, *options).stdout)


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), *arguments])


def test_what_it_makes_passes_the_test_and_serves(tmp_path: Path) -> None:
    base = localserve.free_base()
    said = made(tmp_path / "mox", "--base-port", str(base), "--ip", "127.0.0.1", "--store", "encrypted")
    config = Path(said["config"])
    assert run(config, "config", "test").exit_code == 0
    log = tmp_path / "log"
    with programs.started(["--config", str(config), "serve"], log) as process:
        deadline = time.monotonic() + localserve.START
        while "message=serving" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)  # another process: there is no event to wait for
        context = ssl.create_default_context(cafile=str(tmp_path / "mox" / "tls" / "fullchain.pem"))
        context.check_hostname = False
        with imaplib.IMAP4_SSL("127.0.0.1", base + 993, ssl_context=context) as client:
            assert client.login(ADDRESS, said["password"])[0] == "OK"
            assert client.select("INBOX")[0] == "OK"
        # What curl and mbsync choose where it is offered.
        with imaplib.IMAP4_SSL("127.0.0.1", base + 993, ssl_context=context) as client:
            assert client.login_cram_md5(ADDRESS, said["password"])[0] == "OK"
    assert "level=warn" not in log.read_text()


def test_it_says_everything_in_words_and_as_a_zone(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        cli,
        [
            *("quickstart", ADDRESS, "--dir", str(tmp_path / "mox"), "--skip-dns", "--hostname", "mail.example.com"),
            *("--user", getpass.getuser(), "--existing-webserver", "--store", "encrypted", "--ip", "9.9.9.9"),
        ],
    )
    assert result.exit_code == 0, result.output
    for said in (
        "?? DNSSEC: nothing was asked",
        "certbot certonly --webroot",
        "systemctl enable --now",
        "Save it apart from the server",
        "/webmail/ -> http://127.0.0.1:1080/webmail/",
        "1. ",
        "2. ",
        "3. ",
    ):
        assert said in result.stdout
    zone = dns.zone.from_text(
        (tmp_path / "mox/data/dns-example.com.zone").read_text(), "example.com", check_origin=False
    )
    names = {str(name) for name in zone}
    assert {"@", "mail", "_dmarc", "_smtp._tls", "_imaps._tcp", "_submissions._tcp"} <= names
    assert len([name for name in names if name.endswith("._domainkey")]) == 2
    assert zone.get_rdataset("mail", "A") is not None
    listeners = tomllib.loads((tmp_path / "mox/mox-trio.toml").read_text())["listeners"]
    assert "webmail_https" not in listeners["public"]
    assert listeners["internal"]["webmail_http"]["forwarded"] is True


def test_secrets_are_for_their_user_alone(tmp_path: Path) -> None:
    made(tmp_path / "mox", "--store", "encrypted")
    secret = ("master.key", "tls/privkey.pem", "data/domains.toml", "data/server.key")
    for name in (
        *secret,
        *(str(each.relative_to(tmp_path / "mox")) for each in (tmp_path / "mox/data/dkim").iterdir()),
    ):
        assert stat.S_IMODE((tmp_path / "mox" / name).stat().st_mode) == 0o600, name


def test_nothing_is_overwritten_without_a_word(tmp_path: Path) -> None:
    first = made(tmp_path / "mox", "--store", "encrypted")
    before = {
        each: each.read_bytes() for each in (tmp_path / "mox").rglob("*") if each.is_file() and "index" not in each.name
    }
    refused = quickstart(tmp_path / "mox", "--store", "encrypted", code=2)
    assert "there already" in refused.stderr
    assert {each: each.read_bytes() for each in before} == before
    again = made(tmp_path / "mox", "--store", "encrypted", "--yes")
    assert len(again["put_aside"]) == 7
    assert all(Path(each).exists() for each in again["put_aside"])
    assert (tmp_path / "mox" / "master.key").read_bytes() == before[tmp_path / "mox" / "master.key"]
    assert again["password"] != first["password"]
    assert run(Path(again["config"]), "config", "test").exit_code == 0
    assert run(Path(again["config"]), "verify").stdout == "all is well\n"


def test_what_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("S3_ACCESS_KEY", "S3_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    s3 = ("--store", "s3", "--bucket", "mail", "--endpoint", "http://127.0.0.1:9")
    assert "S3_ACCESS_KEY" in quickstart(tmp_path / "mox", *s3, code=1).stderr
    for name in ("S3_ACCESS_KEY", "S3_SECRET_KEY"):
        monkeypatch.setenv(name, "x")
    quickstart(tmp_path / "mox", "--store", "s3", code=1)
    quickstart(tmp_path / "mox", *s3, code=75)
    assert not (tmp_path / "mox").exists()
    monkeypatch.setenv("PGPASSWORD", "x")
    away = (
        "--index",
        "postgres",
        "--postgres-host",
        "127.0.0.1",
        "--postgres-port",
        str(shared_server.free_ports(1)[0]),
    )
    quickstart(tmp_path / "mox", *away, code=75)
    left = [each for each in (tmp_path / "mox").rglob("*") if each.is_file()]
    assert left == []


def test_certificates_that_are_there_are_used(tmp_path: Path) -> None:
    own = made(tmp_path / "own")
    files = [str(tmp_path / "own/tls" / name) for name in ("fullchain.pem", "privkey.pem")]
    said = made(tmp_path / "mox", "--cert", files[0], "--key", files[1])
    assert not (tmp_path / "mox" / "tls").exists()
    assert files[0] in Path(said["config"]).read_text()
    assert "certbot" not in " ".join(said["next"])
    assert "certbot" in own["next"][0]
    quickstart(tmp_path / "other", "--cert", files[0], code=2)


@pytest.mark.parametrize(
    ("names", "days", "outcome", "text"),
    [
        (["mail.example.com", "*.example.com"], 30, "good", "until"),
        (["*.com"], 30, "not good", "others refuse it as mail.example.com"),
        (["mail.example.com"], 30, "not good", "others refuse it as autoconfig.example.com, mta-sts.example.com"),
        (["*.example.com"], -1, "not good", "it ended on"),
    ],
)
def test_a_certificate_that_is_for_other_names_or_has_ended_is_said(
    tmp_path: Path, names: list[str], days: int, outcome: str, text: str
) -> None:
    certificate, key = wires.certificate(*names, days=days).write(tmp_path)
    said = made(tmp_path / "mox", "--cert", str(certificate), "--key", str(key))
    (check,) = [each for each in said["checks"] if each["name"] == "certificate"]
    assert check["outcome"] == outcome
    assert text in check["text"]


@pytest.mark.parametrize("name", ["bad host", "localhost", "192.0.2.1", "mail..example.com", ""])
def test_a_name_that_no_machine_can_have_is_refused_and_no_other_taken_for_it(tmp_path: Path, name: str) -> None:
    refused = quickstart(tmp_path / "mox", "--hostname", name, code=1)
    assert "name one such as mail.example.com" in refused.stderr
    assert not (tmp_path / "mox").exists()


def test_the_hook_of_certbot_brings_the_new_certificate(tmp_path: Path) -> None:
    made(tmp_path / "mox")
    renewed = tmp_path / "live"
    renewed.mkdir()
    (renewed / "fullchain.pem").write_text("new chain")
    (renewed / "privkey.pem").write_text("new key")
    subprocess.run(
        [tmp_path / "mox/certbot-hook"], env={"RENEWED_LINEAGE": str(renewed), "PATH": "/usr/bin:/bin"}, check=True
    )
    assert (tmp_path / "mox/tls/fullchain.pem").read_text() == "new chain"
    assert (tmp_path / "mox/tls/privkey.pem").read_text() == "new key"
    assert stat.S_IMODE((tmp_path / "mox/tls/privkey.pem").stat().st_mode) == 0o600


def test_the_unit_names_what_is_there(tmp_path: Path) -> None:
    said = made(tmp_path / "mox")
    unit = (tmp_path / "mox/mox-trio.service").read_text()
    start = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    program, _, config, command = start.removeprefix("ExecStart=").split()
    assert (Path(program).exists(), config, command) == (True, said["config"], "serve")
    assert f"ReadWritePaths={said['data']}" in unit


@pytest.mark.parametrize("address", ["you", "you@", "@example.com"])
def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    result = CliRunner().invoke(cli, ["quickstart", address, "--dir", str(tmp_path / "mox"), "--skip-dns"])
    assert result.exit_code == 1
    assert "no mail address" in result.stderr


def test_bodies_go_to_s3_and_rows_to_postgres(
    tmp_path: Path, moto: S3Server, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database: Mapping[str, Any] = psycopg.conninfo.conninfo_to_dict(postgres_database)
    monkeypatch.setenv("S3_ACCESS_KEY", moto.access_key)
    monkeypatch.setenv("S3_SECRET_KEY", moto.secret_key)
    monkeypatch.setenv("PGPASSWORD", str(database.get("password") or "unused"))
    said = made(
        tmp_path / "mox",
        *("--store", "s3", "--bucket", moto.bucket, "--endpoint", moto.endpoint, "--region", moto.region),
        *("--index", "postgres", "--postgres-host", str(database["host"]), "--postgres-port", str(database["port"])),
        *("--postgres-user", str(database["user"]), "--postgres-database", str(database["dbname"])),
    )
    config = Path(said["config"])
    assert run(config, "config", "test").exit_code == 0
    assert "EnvironmentFile=" in (tmp_path / "mox/mox-trio.service").read_text()
    environment = tmp_path / "mox/environment"
    assert f"S3_SECRET_KEY={moto.secret_key}\n" in environment.read_text()
    assert stat.S_IMODE(environment.stat().st_mode) == 0o600
    assert moto.secret_key not in config.read_text()
    assert ADDRESS in run(config, "account", "list").stdout
