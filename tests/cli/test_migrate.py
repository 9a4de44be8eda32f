"""`mox-trio migrate imap`: accounts are pulled from Dovecot and from our own server, again and again, and nothing comes twice."""

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mox_trio.mailstore.imap_source import Source
from tests.cli.conftest import CommandLine
from tests.kit import dovecot, localserve

DATE = '"05-Mar-2019 10:11:12 +0000"'


@dataclass(frozen=True)
class Old:
    """The server that mail is pulled from."""

    host: str
    ca: Path
    user: str
    password: str
    options: tuple[str, ...]
    port: int
    """With TLS."""

    @contextmanager
    def session(self) -> Iterator[imaplib.IMAP4_SSL]:
        context = ssl.create_default_context(cafile=str(self.ca))
        with imaplib.IMAP4_SSL("localhost", self.port, ssl_context=context) as client:
            client.login(self.user, self.password)
            yield client

    def append(self, folder: str, subject: str, flags: str = "", size: int = 10) -> None:
        text = f"From: a@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\n{'x' * size}\r\n"
        with self.session() as client:
            client.create(folder)
            answer = client.append(folder, flags, DATE, text.encode())
            assert answer[0] == "OK", answer

    def store(self, folder: str, number: str, change: str, flags: str) -> None:
        with self.session() as client:
            client.select(folder)
            assert client.store(number, change, flags)[0] == "OK"


@pytest.fixture(params=["dovecot", "dovecot-starttls", "mox-trio"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Old]:
    if request.param == "mox-trio":
        with localserve.running(tmp_path / "old") as server:
            port = server.base + 993
            ca = tmp_path / "old" / "localhost.crt"
            yield Old(f"localhost:{port}", ca, "mox@localhost", "moxmoxmox", (), port)
        return
    with dovecot.running() as running:
        ca = running.directory / "host.crt"
        options = ("--starttls",) if request.param.endswith("starttls") else ()
        port = running.port if options else running.tls_port
        yield Old(f"localhost:{port}", ca, dovecot.USER, dovecot.PASSWORD, options, running.tls_port)


def pull(mox: CommandLine, old: Old, code: int = 0) -> str:
    arguments = ["migrate", "imap", "ann", "--from", old.host, "--user", old.user, "--ca", str(old.ca), *old.options]
    return mox(*arguments, code=code, stdin=f"{old.password}\n").output


def shown(mox: CommandLine, mailbox: str) -> list[tuple[str, list[str], str]]:
    rows = mox.json("mailbox", "messages", "ann", mailbox)
    return [(row["subject"], sorted(row["flags"]), row["received"]) for row in rows]


def test_an_account_comes_once_however_often_it_is_pulled(mox: CommandLine, old: Old) -> None:
    old.append("INBOX", "one", "(\\Seen)")
    old.append("INBOX", "two", "(\\Flagged $Work)", size=400_000)
    old.append("Sent", "sent by me", "(\\Seen)")
    old.append("Projects/2019", "plan")
    said = pull(mox, old)
    assert "4 messages pulled" in said
    assert shown(mox, "Inbox") == [
        ("one", ["\\Seen"], "2019-03-05T10:11:12Z"),
        ("two", ["$Work", "\\Flagged"], "2019-03-05T10:11:12Z"),
    ]
    assert [row[0] for row in shown(mox, "Sent")] == ["sent by me"]
    assert [row[0] for row in shown(mox, "Projects/2019")] == ["plan"]
    assert "0 messages pulled" in pull(mox, old)
    old.append("INBOX", "three")
    old.store("INBOX", "1", "FLAGS", "(\\Answered)")
    again = pull(mox, old)
    assert "1 messages pulled" in again
    assert "1 got other flags" in again
    assert [(subject, flags) for subject, flags, _ in shown(mox, "Inbox")] == [
        ("one", ["\\Answered"]),
        ("two", ["$Work", "\\Flagged"]),
        ("three", []),
    ]
    assert mox("verify", "--bodies").stdout == "all is well\n"


@pytest.fixture
def dove(tmp_path: Path) -> Iterator[Old]:
    with dovecot.running() as running:
        port = running.tls_port
        yield Old(f"localhost:{port}", running.directory / "host.crt", dovecot.USER, dovecot.PASSWORD, (), port)


def test_a_folder_that_was_numbered_anew_does_not_come_twice(mox: CommandLine, dove: Old) -> None:
    dove.append("Letters", "one")
    dove.append("Copies", "one")
    assert "2 messages pulled" in pull(mox, dove)
    with dove.session() as client:
        first = validity = client.status("Letters", "(UIDVALIDITY)")
        while validity == first:  # Dovecot's is the second in which a folder was made
            client.delete("Letters")
            client.create("Letters")
            validity = client.status("Letters", "(UIDVALIDITY)")
    dove.append("Letters", "one")
    dove.append("Letters", "two")
    assert "1 messages pulled" in pull(mox, dove)
    assert [row[0] for row in shown(mox, "Letters")] == ["one", "two"]


def test_several_accounts_come_from_a_file(mox: CommandLine, dove: Old, tmp_path: Path) -> None:
    mox("account", "add", "bob", "bob@example.org")
    dove.append("INBOX", "for both")
    file = tmp_path / "accounts.csv"
    file.write_text(f"account,user,password\nann,{dove.user},{dove.password}\nbob,other,wrong\n")
    arguments = ("migrate", "imap", "--from", dove.host, "--ca", dove.ca, "--accounts", file)
    said = mox(*arguments, code=1).output
    assert "ann: 1 messages pulled" in said
    assert "bob: stopped" in said
    assert "wrong" not in said
    file.write_text("account,password\nann,x\n")
    assert "account,user,password" in mox(*arguments, code=1).stderr


def test_a_server_that_cannot_be_trusted_gets_no_password(mox: CommandLine, dove: Old) -> None:
    arguments = ("migrate", "imap", "ann", "--from", dove.host, "--user", dove.user)
    untrusted = mox(*arguments, code=75, stdin=f"{dove.password}\n").stderr
    assert "--ca" in untrusted
    assert "as its certificate does" in untrusted


def test_a_wrong_password_is_said(mox: CommandLine, dove: Old) -> None:
    arguments = ("migrate", "imap", "ann", "--from", dove.host, "--user", dove.user, "--ca", dove.ca)
    assert "refuses user" in mox(*arguments, code=1, stdin="wrong\n").stderr


def test_who_interrupts_it_is_told_in_a_line_and_goes_on_later(
    mox: CommandLine, dove: Old, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        dove.append(f"Folder-{number}", f"letter {number}")
    examine = Source.examine

    async def interrupted(source: Source, folder: str) -> int:
        if folder == "Folder-2":
            raise KeyboardInterrupt
        return await examine(source, folder)

    arguments = ("migrate", "imap", "ann", "--from", dove.host, "--user", dove.user, "--ca", dove.ca)
    with monkeypatch.context() as patch:
        patch.setattr(Source, "examine", interrupted)
        assert mox(*arguments, code=130, stdin=f"{dove.password}\n").stderr == "mox-trio: interrupted\n"
    assert [row[0] for row in shown(mox, "Folder-1")] == ["letter 1"]
    said = pull(mox, dove)
    assert "1 messages pulled" in said
    assert "2 were here" in said
