"""`mox-trio sendmail`: called as programs call it, over TLS to our own server, with the exit codes that they know."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mox_trio.cli import sendmail_message
from mox_trio.cli.sendmail_message import Usage
from tests.kit import localserve, shared_server
from tests.kit.localserve import LocalServer

LETTER = b"To: mox@localhost\nCc: Other <two@localhost>\nBcc: secret@localhost\nSubject: from a program\n\nhello\n.\nnot sent\n"


@pytest.mark.parametrize(
    ("words", "recipients", "from_header", "dot_ends", "sender"),
    [
        (["-t", "-i"], [], True, False, None),
        (["-ti"], [], True, False, None),
        (["-it"], [], True, False, None),
        (["-oi", "-f", "a@x", "b@y"], ["b@y"], False, False, "a@x"),
        (["-fa@x", "-oem", "-bm", "--", "-odd@y"], ["-odd@y"], False, True, "a@x"),
        (["-FCron Daemon", "-odi", "-B8BITMIME", "-N", "never", "root"], ["root"], False, True, None),
        (["-r", "<>", "a@x"], ["a@x"], False, True, "<>"),
    ],
)
def test_arguments_are_taken_as_programs_give_them(
    words: Sequence[str], recipients: list[str], from_header: bool, dot_ends: bool, sender: str | None
) -> None:
    found = sendmail_message.parse(words)
    assert (found.recipients, found.from_header, found.dot_ends, found.sender) == (
        recipients,
        from_header,
        dot_ends,
        sender,
    )


@pytest.mark.parametrize("words", [["-bs"], ["-bd"], ["-bp"], ["-q"], ["-f"]])
def test_what_is_not_here_is_said(words: Sequence[str]) -> None:
    with pytest.raises(Usage):
        sendmail_message.parse(words)


@pytest.mark.parametrize(
    ("data", "kept"),
    [(b"a\n.\nb\n", b"a\n"), (b"a\n..\nb\n", b"a\n..\nb\n"), (b".\r\nb", b""), (b"a\n.", b"a\n"), (b"a.\n", b"a.\n")],
)
def test_a_dot_alone_ends_the_input(data: bytes, kept: bytes) -> None:
    assert sendmail_message.until_dot(data) == kept


def test_a_message_is_completed_and_loses_its_blind_copies() -> None:
    arguments = sendmail_message.parse(["-t", "-F", "Cron", "four@x"])
    made = sendmail_message.compose(LETTER, arguments, "me@x")
    assert made.recipients == ("four@x", "mox@localhost", "two@localhost", "secret@localhost")
    head = made.content.partition(b"\r\n\r\n")[0]
    assert b"From: Cron <me@x>\r\n" in head
    assert b"cc: secret" not in head
    assert b"\n" not in made.content.replace(b"\r\n", b"")
    body_only = sendmail_message.compose(b"just text\n", sendmail_message.parse(["a@x"]), "me@x")
    assert body_only.content == b"From: me@x\r\n\r\njust text\r\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LocalServer]:
    with localserve.running(tmp_path / "serve") as running:
        yield running


def send(
    settings: Path, *words: str, data: bytes = LETTER, program: str | Path = localserve.PROGRAM
) -> subprocess.CompletedProcess[bytes]:
    command = [str(program), *(["sendmail"] if program == localserve.PROGRAM else []), *words]
    environment = {**os.environ, "MOX_TRIO_SENDMAIL": str(settings)}
    return subprocess.run(command, input=data, env=environment, capture_output=True, check=False, timeout=120)


def settings(tmp_path: Path, server: LocalServer, more: str = "") -> Path:
    (tmp_path / "password").write_text("moxmoxmox\n")
    file = tmp_path / "sendmail.toml"
    file.write_text(f"""
host = "localhost"
port = {server.base + 465}
user = "mox@localhost"
password_file = "{tmp_path}/password"
from = "mox@localhost"
default_destination = "mox@localhost"
ca_file = "{server.directory}/localhost.crt"
{more}""")
    return file


def test_programs_send_by_it(tmp_path: Path, server: LocalServer) -> None:
    file = settings(tmp_path, server)
    done = send(file, "-t")
    assert (done.returncode, done.stderr) == (0, b"")
    server.wait_for_subject("from a program")
    (tmp_path / "sendmail").symlink_to(localserve.PROGRAM)
    cron = send(
        file, "-FCronDaemon", "-i", "-odi", "-oem", "root", data=b"Subject: cron\n\n.\n", program=tmp_path / "sendmail"
    )
    assert (cron.returncode, cron.stderr) == (0, b"")
    server.wait_for_subject("cron")


def test_exit_codes_are_those_that_programs_know(tmp_path: Path, server: LocalServer) -> None:
    file = settings(tmp_path, server)
    assert send(file, "-bs").returncode == os.EX_USAGE
    assert send(file).returncode == os.EX_USAGE
    assert send(file, "rcpttopermerror@localhost", data=b"Subject: x\n\nx\n").returncode == os.EX_NOUSER
    assert send(file, "rcpttotemperror@localhost", data=b"Subject: x\n\nx\n").returncode == os.EX_TEMPFAIL
    assert send(file, "-f", "somebody@else.example", "mox@localhost").returncode == os.EX_UNAVAILABLE
    (tmp_path / "password").write_text("wrong")
    assert send(file, "mox@localhost").returncode == os.EX_NOPERM
    assert send(tmp_path / "none.toml", "mox@localhost").returncode == os.EX_CONFIG
    file.write_text(file.read_text().replace("ca_file", "# ca_file"))
    assert send(file, "mox@localhost").returncode == os.EX_UNAVAILABLE
    file.write_text(file.read_text().replace(str(server.base + 465), str(shared_server.free_ports(1)[0])))
    assert send(file, "mox@localhost").returncode == os.EX_TEMPFAIL
    file.write_text('host = "mail.example.org"\nfrom = "a@x"\ntls = "none"\n')
    assert send(file, "mox@localhost").returncode == os.EX_CONFIG
