"""Programs that read mail work with our IMAP server: mbsync and offlineimap both ways, mutt, fetchmail."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.kit import imap_clients, nameservers
from tests.kit.imap_clients import Client
from tests.kit.imap_served import PASSWORD, Place

LIMIT = 60.0
"""Seconds a program may take; the machine may be busy with other tests."""


def message(subject: str) -> bytes:
    return (
        f"From: Ann <ann@far.example>\r\nTo: mia@here.example\r\nSubject: {subject}\r\n"
        f"Date: Sat, 28 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{subject.replace(' ', '.')}@far.example>\r\n\r\n"
        f"The text of {subject}.\r\n"
    ).encode()


def run(*command: str, codes: Sequence[int] = (0,), home: Path, given: bytes = b"") -> str:
    """Run a program to its end; what it printed."""
    env = {**os.environ, "HOME": str(home), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, timeout=LIMIT, check=False
    )
    text = done.stdout.decode(errors="replace")
    assert done.returncode in codes, text
    return text


def on_server(client: Client, mailbox: str) -> dict[str, frozenset[bytes]]:
    """Subjects in a mailbox with their flags."""
    client.ok(f'EXAMINE "{mailbox}"')
    answer = client.ok("FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])") if exists(client) else None
    found = {}
    for items in answer.fetched().values() if answer else ():
        subject = items[b"BODY[HEADER.FIELDS (SUBJECT)]"]
        assert isinstance(subject, bytes)
        found[subject.decode().partition(":")[2].strip()] = imap_clients.names(items[b"FLAGS"]) - {b"\\Recent"}
    return found


def exists(client: Client) -> int:
    """How many messages are in the mailbox that is selected."""
    return imap_clients.number(client.ok("SEARCH RETURN (COUNT) ALL").of(b"ESEARCH")[0].values[-1])


FLAG_OF = {"S": b"\\Seen", "F": b"\\Flagged", "R": b"\\Answered", "D": b"\\Draft", "T": b"\\Deleted"}


def in_maildir(directory: Path) -> dict[str, frozenset[bytes]]:
    """The same of a maildir."""
    found = {}
    for file in [*(directory / "cur").iterdir(), *(directory / "new").iterdir()]:
        flags = frozenset(FLAG_OF[letter] for letter in file.name.partition(":2,")[2] if letter in FLAG_OF)
        found[subject_of(file)] = flags
    return found


def subject_of(file: Path) -> str:
    return next(line[9:].strip() for line in file.read_text().splitlines() if line.startswith("Subject: "))


def file_of(directory: Path, subject: str) -> Path:
    """The file of a message in a maildir."""
    files = [*(directory / "cur").iterdir(), *(directory / "new").iterdir()]
    return next(file for file in files if subject_of(file) == subject)


def flag_locally(directory: Path, subject: str, letters: str) -> None:
    """Set the flags of a message in a maildir."""
    file = file_of(directory, subject)
    file.rename(directory / "cur" / f"{file.name.partition(':2,')[0]}:2,{letters}")


def set_on_server(client: Client, mailbox: str, subject: str, change: str) -> None:
    """STORE, by subject."""
    client.ok(f'SELECT "{mailbox}"')
    (number,) = client.ok(f'SEARCH SUBJECT "{subject}"').found()
    client.ok(f"STORE {number} {change}")


def changes_on_both_sides(client: Client, directory: Path) -> None:
    """A new message here and there, flags of one message here and there, one that goes here and one there, and both at once."""
    (directory / "new" / "1.local.host").write_bytes(message("new here").replace(b"\r\n", b"\n"))
    client.append("INBOX", message("new there"))
    flag_locally(directory, "flagged by both", "S")
    set_on_server(client, "INBOX", "flagged by both", r"+FLAGS (\Flagged)")
    file_of(directory, "goes here").unlink()
    file_of(directory, "answered there, gone near").unlink()
    set_on_server(client, "INBOX", "answered there, gone near", r"+FLAGS (\Answered)")
    set_on_server(client, "INBOX", "goes there", r"+FLAGS (\Deleted)")
    flag_locally(directory, "flagged here, gone far", "F")
    set_on_server(client, "INBOX", "flagged here, gone far", r"+FLAGS (\Deleted)")
    set_on_server(client, "INBOX", "goes on both sides", r"+FLAGS (\Deleted)")
    file_of(directory, "goes on both sides").unlink()
    client.ok("EXPUNGE")


BEFORE = (
    "stays",
    "flagged by both",
    "goes here",
    "goes there",
    "goes on both sides",
    "answered there, gone near",
    "flagged here, gone far",
)


def fill(client: Client) -> None:
    """What both sides begin with."""
    for subject in BEFORE:
        client.append("INBOX", message(subject))
    client.run("CREATE Archive")  # it may be there from the beginning
    client.ok("CREATE Archive/2026")
    client.append("Archive/2026", message("kept"), r"\Seen \Flagged")
    client.ok('CREATE "Gr&APwA3w-e"')
    client.append("Gr&APwA3w-e", message("hallo"), r"\Answered")


MBSYNC = """
IMAPAccount server
Host localhost
Port {port}
User {user}
Pass "{password}"
SSLType IMAPS
SystemCertificates no
CertificateFile {certificate}

IMAPStore far
Account server

MaildirStore near
SubFolders Verbatim
Path {directory}/
Inbox {directory}/INBOX

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove None
Expunge Both
SyncState *
"""


def test_mbsync_syncs_both_ways(imap_place: Place, tmp_path: Path) -> None:
    mbsync = nameservers.program("mbsync")
    local, config = tmp_path / "mail", tmp_path / "mbsyncrc"
    local.mkdir()
    config.write_text(
        MBSYNC.format(
            port=imap_place.tls_port,
            user=imap_place.user("mbsync"),
            password=PASSWORD,
            certificate=imap_place.certificate,
            directory=local,
        )
    )
    with imap_place.client("mbsync") as client:
        fill(client)
        run(mbsync, "-c", str(config), "-a", home=tmp_path)
        assert in_maildir(local / "INBOX") == on_server(client, "INBOX") == dict.fromkeys(BEFORE, frozenset())
        assert in_maildir(local / "Archive" / "2026") == {"kept": {b"\\Seen", b"\\Flagged"}}
        changes_on_both_sides(client, local / "INBOX")
        run(mbsync, "-c", str(config), "-a", home=tmp_path)
        expected = {
            "stays": frozenset(),
            "new here": frozenset(),
            "new there": frozenset(),
            "flagged by both": frozenset((b"\\Seen", b"\\Flagged")),
        }
        here, there = in_maildir(local / "INBOX"), on_server(client, "INBOX")
        assert here == there
        # A message that is changed on one side and goes on the other may stay or go, but the same on both.
        assert {name: there[name] for name in expected} == expected
        assert there.keys() - expected.keys() <= {"answered there, gone near", "flagged here, gone far"}
        run(mbsync, "-c", str(config), "-a", home=tmp_path)
        assert (in_maildir(local / "INBOX"), on_server(client, "INBOX")) == (here, there)
        # Folders made here are made there.
        for name in ("cur", "new", "tmp"):
            (local / "made here" / name).mkdir(parents=True)
        (local / "made here" / "new" / "1.x.host").write_bytes(message("first").replace(b"\r\n", b"\n"))
        run(mbsync, "-c", str(config), "-a", home=tmp_path)
        assert on_server(client, "made here") == {"first": frozenset()}


OFFLINEIMAP = """
[general]
accounts = Test
metadata = {directory}/state
maxsyncaccounts = 1
ui = basic

[Account Test]
localrepository = Near
remoterepository = Far

[Repository Near]
type = Maildir
localfolders = {directory}/mail
sep = /
utime_from_header = no

[Repository Far]
type = IMAP
remotehost = localhost
remoteport = {port}
remoteuser = {user}
remotepass = {password}
ssl = yes
sslcacertfile = {certificate}
ssl_version = tls1_2
tls_level = tls_secure
auth_mechanisms = PLAIN
"""


def test_offlineimap_syncs_both_ways(imap_place: Place, tmp_path: Path) -> None:
    program, config = nameservers.program("offlineimap"), tmp_path / "offlineimaprc"
    config.write_text(
        OFFLINEIMAP.format(
            port=imap_place.tls_port,
            user=imap_place.user("offlineimap"),
            password=PASSWORD,
            certificate=imap_place.certificate,
            directory=tmp_path,
        )
    )
    with imap_place.client("offlineimap") as client:
        fill(client)
        run(program, "-o", "-c", str(config), home=tmp_path)
        (inbox,) = (each for each in (tmp_path / "mail").iterdir() if each.name.upper() == "INBOX")
        assert in_maildir(inbox) == on_server(client, "INBOX") == dict.fromkeys(BEFORE, frozenset())
        assert in_maildir(tmp_path / "mail" / "Archive" / "2026") == {"kept": {b"\\Seen", b"\\Flagged"}}
        changes_on_both_sides(client, inbox)
        run(program, "-o", "-c", str(config), home=tmp_path)
        run(program, "-o", "-c", str(config), home=tmp_path)
        here, there = in_maildir(inbox), on_server(client, "INBOX")
        assert here == there
        assert there["flagged by both"] == {b"\\Seen", b"\\Flagged"}
        assert {"stays", "new here", "new there"} <= there.keys()
        assert not there.keys() & {"goes here", "goes there", "goes on both sides"}


MUTTRC = """
set imap_user = "{user}"
set imap_pass = "{password}"
set folder = "imaps://localhost:{port}/"
set spoolfile = "+INBOX"
set ssl_starttls = yes
set certificate_file = "{certificate}"
set imap_qresync = yes
set imap_condstore = yes
set imap_idle = no
set imap_check_subscribed = no
set header_cache = "{directory}/cache"
set message_cachedir = "{directory}/bodies"
set delete = yes
set move = no
set confirmappend = no
set confirmcreate = no
set wait_key = no
set pager_stop = yes
set timeout = 1
set mail_check = 1
"""


def in_terminal(command: Sequence[str], env: Mapping[str, str]) -> str:
    """Run a program in a terminal to its end; what it drew."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], list(command), env)
    drawn, ends = bytearray(), time.monotonic() + LIMIT
    while time.monotonic() < ends:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:  # the program has ended
            break
        if not data:
            break
        drawn += data
    else:
        os.kill(pid, 9)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    text = drawn.decode(errors="replace")
    assert os.waitstatus_to_exitcode(status) == 0, text[-3000:]
    return text


def mutt(place: Place, directory: Path, *keys: str) -> str:
    """Run mutt with keys that are pressed for it; the last have to leave it."""
    config = directory / "muttrc"
    config.write_text(
        MUTTRC.format(
            user=place.user("mutt"),
            password=PASSWORD,
            port=place.tls_port,
            certificate=place.certificate,
            directory=directory,
        )
    )
    (directory / "cache").mkdir(exist_ok=True)
    env = {**os.environ, "HOME": str(directory), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    command = [nameservers.program("mutt"), "-n", "-F", str(config), "-f", "+INBOX", "-e", f"push '{''.join(keys)}'"]
    return in_terminal(command, env)


def test_mutt_reads_flags_copies_and_deletes(imap_place: Place, tmp_path: Path) -> None:
    with imap_place.client("mutt") as client:
        for subject in ("first", "second", "third", "fourth"):
            client.append("INBOX", message(subject))
        client.ok("CREATE kept")
        read = tmp_path / "read"
        pipe = f"<pipe-message>cat >> {read}<enter>"
        mutt(
            imap_place,
            tmp_path,
            f"<first-entry><display-message><exit>{pipe}",
            "<jump>2<enter><flag-message>",
            "<jump>3<enter><delete-message>",
            "<jump>4<enter><copy-message>=kept<enter>",
            "<sync-mailbox><quit>",
        )
        assert "The text of first." in read.read_text()
        there = on_server(client, "INBOX")
        assert there.keys() == {"first", "second", "fourth"}
        assert b"\\Seen" in there["first"]
        assert b"\\Flagged" in there["second"]
        assert on_server(client, "kept").keys() == {"fourth"}
        # Comes back with QRESYNC and what it has cached.
        set_on_server(client, "INBOX", "first", r"+FLAGS (\Deleted)")
        client.ok("EXPUNGE")
        set_on_server(client, "INBOX", "fourth", r"+FLAGS (\Flagged)")
        client.append("INBOX", message("fifth"))
        mutt(
            imap_place,
            tmp_path,
            f"<limit>fifth<enter><display-message><exit>{pipe}<limit>all<enter><sync-mailbox><quit>",
        )
        assert "The text of fifth." in read.read_text()
        there = on_server(client, "INBOX")
        assert there.keys() == {"second", "fourth", "fifth"}
        assert {b"\\Seen"} <= there["fifth"]
        assert b"\\Flagged" in there["fourth"]


@pytest.mark.parametrize("keep", [True, False])
def test_fetchmail_fetches(imap_place: Place, tmp_path: Path, keep: bool) -> None:
    fetchmail, taken, config = nameservers.program("fetchmail"), tmp_path / "taken", tmp_path / "fetchmailrc"
    config.write_text(
        f"poll localhost service {imap_place.tls_port} protocol imap auth password\n"
        f'  user "{imap_place.user("fetchmail")}" password "{PASSWORD}" ssl sslcertck sslcertfile "{imap_place.certificate}"\n'
        f'  {"keep" if keep else "nokeep"} mda "cat >> {taken}"\n'
    )
    config.chmod(0o600)
    subjects = {f"{keep} one", f"{keep} two"}
    with imap_place.client("fetchmail") as client:
        for subject in sorted(subjects):
            client.append("INBOX", message(subject))
        options = ["--fetchmailrc", str(config), "--nodetach", "--pidfile", str(tmp_path / "pid")]
        run(fetchmail, *options, home=tmp_path)
        text = taken.read_text()
        assert all(f"The text of {subject}." in text for subject in subjects)
        there = on_server(client, "INBOX")
        assert {name: b"\\Seen" in flags for name, flags in there.items() if name in subjects} == (
            dict.fromkeys(subjects, True) if keep else {}
        )
        # 1 is: there was no mail.
        run(fetchmail, *options, codes=(1,), home=tmp_path)
        assert taken.read_text() == text
        client.ok("SELECT INBOX")
        client.ok(r"UID STORE 1:* +FLAGS.SILENT (\Deleted)")
        client.ok("EXPUNGE")
