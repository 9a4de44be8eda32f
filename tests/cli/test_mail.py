"""Mail by the command line: import, look, export, verify, move to other stores."""

import mailbox
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mox_trio.cli import tour
from tests.cli.conftest import CommandLine

TWO_STORES = """
[storage]
default = "a"
[storage.stores.a]
kind = "disk"
directory = "a"
[storage.stores.b]
kind = "disk"
directory = "b"
encrypt = true
[keys]
master = { file = "master.key" }
"""


def filled(mox: CommandLine) -> CommandLine:
    source = mox.directory / "sample.mbox"
    source.write_text(tour.SAMPLE)
    mox("import", "ann", source, "--mailbox", "Inbox")
    return mox


def test_an_mbox_is_imported_and_looked_at(mox: CommandLine) -> None:
    filled(mox)
    inbox = {row["name"]: row for row in mox.json("mailbox", "list", "ann")}["Inbox"]
    assert inbox["messages"] == 3
    listed = mox.json("mailbox", "messages", "ann")
    assert [row["subject"] for row in listed] == ["Welcome", "Grüße", "Re: Welcome"]
    assert listed[0]["flags"] == ["\\Seen"]
    assert "Schöne Grüße" in listed[1]["preview"]
    shown = mox("mailbox", "show", "ann", "Inbox", "1").stdout_bytes
    assert shown.endswith(b"came out of an mbox file.\r\n")
    assert b"From ann@" not in shown


def test_what_is_exported_has_the_same_messages(mox: CommandLine) -> None:
    filled(mox)
    target = mox.directory / "out"
    mox("export", "ann", target, "--format", "maildir")
    subjects = sorted(
        str(mailbox.MaildirMessage(each)["subject"]) for path in target.rglob("cur/*") for each in [path.read_bytes()]
    )
    assert len(subjects) == 3
    assert "Welcome" in subjects


def test_a_target_that_ends_in_mbox_gets_an_mbox(mox: CommandLine) -> None:
    filled(mox)
    target = mox.directory / "inbox.mbox"
    mox("export", "ann", target, "--mailbox", "Inbox")
    with closing(mailbox.mbox(target)) as exported:
        assert [each["subject"] for each in exported][::2] == ["Welcome", "Re: Welcome"]
    assert "inbox.mbox" in mox("export", "ann", target, "--mailbox", "Inbox", code=1).stderr


def test_bodies_move_to_another_store_and_are_found_there(make_command_line: Callable[[str], CommandLine]) -> None:
    mox = make_command_line(TWO_STORES)
    mox("keyring", "create", mox.directory / "master.key")
    mox("domain", "add", "example.org")
    mox("account", "add", "ann", "ann@example.org")
    filled(mox)
    assert "still gets new bodies" in mox("move-store", "a", "b", code=1).stderr
    config = mox.directory / "mox-trio.toml"
    config.write_text(config.read_text().replace('default = "a"', 'default = "b"'))
    assert mox.json("move-store", "a", "b")["bodies"] == 3
    assert mox("verify", "--bodies").stdout == "all is well\n"
    assert mox.json("move-store", "a", "b")["bodies"] == 0
    assert b"mbox file" in mox("mailbox", "show", "ann", "Inbox", "1").stdout_bytes


def test_a_store_that_rows_name_must_stay_configured(make_command_line: Callable[[str], CommandLine]) -> None:
    mox = make_command_line(TWO_STORES)
    mox("keyring", "create", mox.directory / "master.key")
    mox("domain", "add", "example.org")
    mox("account", "add", "ann", "ann@example.org")
    filled(mox)
    make_command_line('[storage.stores.c]\nkind = "disk"\ndirectory = "c"\n')
    error = mox("account", "list", code=1).stderr
    assert "not configured: a" in error


def test_the_index_is_copied_and_verified(mox: CommandLine) -> None:
    filled(mox)
    text = (mox.directory / "mox-trio.toml").read_text()
    other = mox.directory / "other.toml"
    other.write_text(text + '[storage.index]\nkind = "sqlite"\nfile = "copy.db"\n')
    rows = mox.json("index", "copy", other)["rows"]
    assert rows["message"] == 3
    assert "empty" in mox("index", "copy", other, code=1).stderr
    other.rename(mox.directory / "mox-trio.toml")
    assert mox("verify", "--bodies").stdout == "all is well\n"
    mox("account", "add", "bob", "bob@example.org")


def test_verify_finds_and_fixes_wrong_counts(mox: CommandLine) -> None:
    filled(mox)
    (database,) = (mox.directory / "data").glob("*.db")
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE mailbox SET messages = 7 WHERE name = 'Inbox'")
    connection.close()
    assert "counts" in mox("verify", code=3).stdout
    assert "fixed" in mox("verify", "--fix").stdout
    assert mox("verify").stdout == "all is well\n"


def test_a_missing_body_is_reported_and_the_message_stays(mox: CommandLine) -> None:
    filled(mox)
    bodies = [path for path in (mox.directory / "data" / "bodies" / "1").rglob("*-*") if path.is_file()]
    assert len(bodies) == 3
    bodies[0].unlink()
    assert "body-missing" in mox("verify", "--fix", code=3).stdout
    assert {row["name"]: row["messages"] for row in mox.json("mailbox", "list", "ann")}["Inbox"] == 3


def test_keys_are_rotated_without_touching_bodies(
    make_command_line: Callable[[str], CommandLine], tmp_path: Path
) -> None:
    mox = make_command_line(TWO_STORES.replace('default = "a"', 'default = "b"'))
    mox("keyring", "create", mox.directory / "master.key")
    mox("domain", "add", "example.org")
    mox("account", "add", "ann", "ann@example.org")
    filled(mox)
    mox("keyring", "create", mox.directory / "new.key")
    rotated = TWO_STORES.replace(
        '{ file = "master.key" }', '{ file = "new.key" }\nprevious_masters = [{ file = "master.key" }]'
    )
    make = make_command_line
    document = (mox.directory / "domains.toml").read_text()
    make(rotated.replace('default = "a"', 'default = "b"'))
    (mox.directory / "domains.toml").write_text(document)
    assert mox.json("keyring", "rotate")["rewrapped"] == 1
    assert len(mox.json("keyring", "rotate")["unused"]) == 1
    assert b"mbox file" in mox("mailbox", "show", "ann", "Inbox", "1").stdout_bytes


def test_upkeep_expunges_what_the_document_keeps_no_longer(mox: CommandLine) -> None:
    filled(mox)
    mox("import", "ann", mox.directory / "sample.mbox", "--mailbox", "Trash", "--restart")
    document = mox.directory / "domains.toml"
    document.write_text(document.read_text().replace("[accounts.ann]", '[accounts.ann]\nretention.Trash = "1ms"'))
    assert mox.json("upkeep")["expunged"] == 3
    left = {row["name"]: row["messages"] for row in mox.json("mailbox", "list", "ann")}
    assert (left["Inbox"], left["Trash"]) == (3, 0)
    assert "expunged 0" in mox("upkeep").stdout
    assert mox("verify", "--bodies").stdout == "all is well\n"


def test_an_import_ends_at_the_quota_of_the_account(mox: CommandLine) -> None:
    document = mox.directory / "domains.toml"
    document.write_text(document.read_text().replace("[accounts.ann]", "[accounts.ann]\nquota = 300"))
    source = mox.directory / "sample.mbox"
    source.write_text(tour.SAMPLE)
    assert "full (300 bytes)" in mox("import", "ann", source, "--mailbox", "Inbox", code=75).stderr
    (listed,) = mox.json("account", "list")
    assert listed["size"] <= 300
    document.write_text(document.read_text().replace("quota = 300", 'quota = "1MiB"'))
    mox("import", "ann", source, "--mailbox", "Inbox")
    assert mox.json("account", "list")[0]["messages"] == 3


def test_an_index_that_is_alone_again_adopts_its_stores(mox: CommandLine) -> None:
    filled(mox)
    static = mox.directory / "mox-trio.toml"
    text = static.read_text()
    static.write_text(text + '[storage.index]\nkind = "sqlite"\nfile = "mistyped.db"\n')
    mox("account", "list")
    static.write_text(text)
    assert "marks of 2 indexes" in mox("verify", code=3).stdout
    assert "--yes" in mox("upkeep", "--adopt", code=2).stderr
    assert mox.json("upkeep", "--adopt", "--yes")["adopted"] == 1
    assert mox("verify", "--bodies").stdout == "all is well\n"
