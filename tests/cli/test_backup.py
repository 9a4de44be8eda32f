"""Backups: made while mail arrives, verified, and restored into an empty place."""

import json
import os
import signal
import smtplib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg.conninfo
import pytest
from click.testing import CliRunner, Result

from mox_trio.cli import tour
from mox_trio.cli.main import cli
from tests.cli.conftest import CommandLine
from tests.cli.test_far_stores import POSTGRES, stores
from tests.kit import localserve
from tests.kit.localserve import LocalServer
from tests.kit.s3 import S3Server


def run(config: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["--config", str(config), *arguments])
    assert result.exit_code == code, result.output
    return result


def elsewhere(config: Path, directory: Path) -> Path:
    """The same configuration with its data in another directory."""
    directory.mkdir()
    for each in config.parent.iterdir():
        if each.is_file():
            (directory / each.name).write_bytes(each.read_bytes())
    return directory / "mox-trio.toml"


class Deliveries:
    """Delivers messages one after another until it is told to stop, and notes what was acknowledged."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._deliver)
        self.acknowledged: list[str] = []

    def __enter__(self) -> "Deliveries":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for(self, count: int) -> None:
        while len(self.acknowledged) < count:
            assert self._thread.is_alive()
            self._stop.wait(0.01)  # its messages come when they come

    def _deliver(self) -> None:
        number = 0
        with self._server.smtp() as client:
            while not self._stop.is_set():
                subject = f"number {number}"
                message = f"From: a@example.org\r\nTo: mox@localhost\r\nSubject: {subject}\r\n\r\n{'x' * 500 * (number % 9)}\r\n"
                try:
                    client.sendmail("a@example.org", ["mox@localhost"], message)
                except (OSError, smtplib.SMTPException):
                    return
                self.acknowledged.append(subject)
                number += 1


def test_what_was_acknowledged_before_a_backup_began_is_in_it(tmp_path: Path) -> None:
    with localserve.running(tmp_path / "serve") as server, Deliveries(server) as deliveries:
        deliveries.wait_for(20)
        before = list(deliveries.acknowledged)
        first = server.json("backup", str(tmp_path / "first"), "--copy")
        deliveries.wait_for(len(deliveries.acknowledged) + 10)
        between = list(deliveries.acknowledged)
        second = server.json("backup", str(tmp_path / "second"), "--previous", str(tmp_path / "first"), "--copy")
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(60)
    assert (first["linked"], first["gone"]) == (0, [])
    assert second["linked"] >= len(before)
    assert second["bodies"] > second["linked"]
    config = tmp_path / "serve" / "mox-trio.toml"
    for name, expected in (("first", before), ("second", between)):
        assert run(config, "verify", "--backup", str(tmp_path / name)).stdout == "all is well\n"
        restored = elsewhere(config, tmp_path / f"restored-{name}")
        run(restored, "restore", str(tmp_path / name))
        assert run(restored, "verify", "--bodies").stdout == "all is well\n"
        listed = json.loads(run(restored, "--json", "mailbox", "messages", "mox", "Inbox", "-n", "10000").stdout)
        subjects = [row["subject"] for row in listed]
        assert set(expected) <= set(subjects)
        assert len(subjects) == len(set(subjects))


@pytest.fixture
def filled(mox: CommandLine, tmp_path: Path) -> CommandLine:
    (tmp_path / "sample.mbox").write_text(tour.SAMPLE)
    mox("import", "ann", tmp_path / "sample.mbox", "--mailbox", "Inbox")
    return mox


def test_mailboxes_get_new_uidvalidities(filled: CommandLine, tmp_path: Path) -> None:
    filled("backup", tmp_path / "backup")
    before = {row["name"]: row["uidvalidity"] for row in _validities(filled)}
    restored = CommandLine(_empty_place(filled, tmp_path))
    said = restored.json("restore", tmp_path / "backup")
    after = {row["name"]: row["uidvalidity"] for row in _validities(restored)}
    assert said["mailboxes"] == len(before) == len(after)
    assert all(after[name] > max(before.values()) for name in before)
    assert len(set(after.values())) == len(after)
    assert restored("verify", "--bodies").stdout == "all is well\n"


def _validities(mox: CommandLine) -> list[dict[str, Any]]:
    import sqlite3

    with sqlite3.connect(mox.directory / "data" / "index.db") as opened:
        rows = opened.execute("SELECT name, uidvalidity FROM mailbox").fetchall()
    opened.close()
    return [{"name": name, "uidvalidity": value} for name, value in rows]


def _empty_place(mox: CommandLine, tmp_path: Path) -> Path:
    place = tmp_path / "empty"
    place.mkdir()
    text = (mox.directory / "mox-trio.toml").read_text().replace(f"{tmp_path}/domains.toml", f"{place}/domains.toml")
    (place / "mox-trio.toml").write_text(text)
    return place


def test_a_backup_goes_to_an_empty_place_and_comes_back_to_one(filled: CommandLine, tmp_path: Path) -> None:
    filled("backup", tmp_path / "backup")
    assert "finished backup" in filled("backup", tmp_path / "backup", code=1).stderr
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("mine")
    assert "not empty" in filled("backup", tmp_path / "other", code=1).stderr
    assert "empty place" in filled("restore", tmp_path / "backup", code=1).stderr
    assert "no finished backup" in filled("restore", tmp_path / "other", code=1).stderr


def test_a_backup_that_was_cut_off_is_gone_on_with(filled: CommandLine, tmp_path: Path) -> None:
    filled("backup", tmp_path / "backup", "--copy")
    (tmp_path / "backup" / "backup.json").unlink()
    bodies = [each for each in (tmp_path / "backup" / "bodies").rglob("*") if each.is_file()]
    bodies[0].unlink()
    assert "no finished backup" in filled("verify", "--backup", tmp_path / "backup", code=1).stderr
    said = filled.json("backup", tmp_path / "backup", "--copy")
    assert (said["bodies"], said["linked"]) == (len(bodies), len(bodies) - 1)
    assert filled("verify", "--backup", tmp_path / "backup").stdout == "all is well\n"


def test_what_is_damaged_in_a_backup_is_found(filled: CommandLine, tmp_path: Path) -> None:
    filled("backup", tmp_path / "backup", "--copy")
    bodies = sorted(each for each in (tmp_path / "backup" / "bodies" / "disk").glob("[1-9]*/*/*"))
    bodies[0].write_bytes(b"?" + bodies[0].read_bytes()[1:])
    bodies[1].unlink()
    said = filled("verify", "--backup", tmp_path / "backup", code=3).stdout
    assert "body-corrupt" in said
    assert "body-missing" in said


def test_bodies_are_linked_unless_they_shall_be_copied(filled: CommandLine, tmp_path: Path) -> None:
    assert filled.json("backup", tmp_path / "linked")["linked"] == 4
    copied = filled.json("backup", tmp_path / "copied", "--copy")
    assert copied["linked"] == 0
    links = {each.stat().st_nlink for each in (tmp_path / "copied" / "bodies").rglob("*") if each.is_file()}
    assert links == {1}


def test_nothing_is_erased_while_a_backup_runs(filled: CommandLine, tmp_path: Path) -> None:
    import trio

    from mox_trio.app import build
    from mox_trio.base.failure import Failure, Kind
    from mox_trio.mailstore import backing_up, upkeep

    async def main() -> None:
        static = await build.read_static(filled.directory / "mox-trio.toml")
        async with build.services(static) as services:

            async def work() -> str:
                with pytest.raises(Failure) as refused:
                    await upkeep.run(services.mail)
                assert refused.value.kind is Kind.IN_USE
                return "done"

            assert await backing_up.while_paused(services.mail.index, work) == "done"
            await upkeep.run(services.mail)

    trio.run(main)


def test_s3_and_postgres_are_backed_up_and_come_back(
    make_command_line: Callable[[str], CommandLine],
    moto: S3Server,
    postgres_database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEST_ACCESS_KEY", moto.access_key)
    monkeypatch.setenv("TEST_SECRET_KEY", moto.secret_key)
    monkeypatch.setenv("TEST_MASTER_KEY", "5a" * 32)
    there = stores(moto, "far", tmp_path)
    mox = make_command_line(there + POSTGRES.format_map(psycopg.conninfo.conninfo_to_dict(postgres_database)))
    mox("domain", "add", "example.org")
    mox("account", "add", "ann", "ann@example.org")
    (tmp_path / "sample.mbox").write_text(tour.SAMPLE)
    mox("import", "ann", tmp_path / "sample.mbox", "--mailbox", "Inbox")
    said = mox.json("backup", tmp_path / "backup")
    assert said["bodies"] >= 3
    assert mox("verify", "--backup", tmp_path / "backup").stdout == "all is well\n"
    place = tmp_path / "empty"
    place.mkdir()
    settings = there.replace(f'prefix = "{tmp_path.name}/"', f'prefix = "again-{os.getpid()}/"')
    static = (tmp_path / "mox-trio.toml").read_text().split("\n[keys]")[0]
    static = static.replace(f"{tmp_path}/domains.toml", f"{place}/domains.toml")
    (place / "mox-trio.toml").write_text(static + settings.replace(str(tmp_path / "near"), str(place / "near")))
    again = CommandLine(place)
    assert again.json("restore", tmp_path / "backup")["gone"] == []
    assert again("verify", "--bodies").stdout == "all is well\n"
    assert "Inbox" in again("mailbox", "list", "ann").stdout


def test_outgoing_mail_is_held_when_it_comes_back(tmp_path: Path) -> None:
    with localserve.running(tmp_path / "serve") as server:
        with server.submission() as client:
            client.login("mox@localhost", "moxmoxmox")
            text = "From: mox@localhost\r\nSubject: waits\r\n\r\nhi\r\n"
            client.sendmail("mox@localhost", ["queuetemperror@example.org"], text)
        server.wait_for_line("451")
        server.run("backup", str(tmp_path / "backup"))
        assert server.stop() == 0
    config = tmp_path / "serve" / "mox-trio.toml"
    restored = elsewhere(config, tmp_path / "restored")
    said = json.loads(run(restored, "--json", "restore", str(tmp_path / "backup")).stdout)
    assert said["held"] == 1
    assert [row["state"] for row in json.loads(run(restored, "--json", "queue", "list").stdout)] == ["held"]
    assert run(restored, "verify", "--bodies").stdout == "all is well\n"


def test_a_message_that_left_the_queue_meanwhile_is_not_in_the_backup(filled: CommandLine, tmp_path: Path) -> None:
    """Its body is gone while the snapshot still names it: nobody shall send it again."""
    import trio

    from mox_trio.app import build
    from mox_trio.mailstore import backing_up
    from mox_trio.mailstore.backing_up import Body, Copied, Target
    from storage_backends.index.tables import queue_admin

    async def main() -> None:
        static = await build.read_static(filled.directory / "mox-trio.toml")
        async with build.services(static) as services:
            target = Target(tmp_path / "bodies", services.mail.bodies, {})
            gone, mail = Copied(), Copied()

            async def copied(body: Body, done: Copied) -> None:
                await backing_up.copy_one(services.mail.index, target, body, done)

            await copied(Body("disk", "1/ab/" + "0" * 32 + "-5", outgoing=7), gone)
            await copied(Body("disk", "1/ab/" + "0" * 32 + "-5"), mail)
            assert (gone.left, gone.gone) == (1, [])
            assert (mail.left, len(mail.gone)) == (0, 1)
            assert await services.mail.index.read(lambda tx: queue_admin.body(tx, 7)) is None

    trio.run(main)
