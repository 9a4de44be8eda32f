"""Accounts, domains, addresses and passwords by the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import trio

from mox_trio.mailstore.attempts import Attempt, LoginAttempts
from mox_trio.mailstore.store import MailStore
from storage_backends.index import open as opening
from tests.cli.conftest import CommandLine
from tests.kit import wires


def test_an_account_is_added_listed_and_removed(mox: CommandLine) -> None:
    mox("account", "add", "bob", "bob@example.org", "@example.org")
    listed = {row["name"]: row for row in mox.json("account", "list")}
    assert listed["bob"]["addresses"] == ["bob@example.org", "@example.org"]
    assert listed["ann"]["state"] == "active"
    mox("account", "remove", "bob", "--yes")
    assert [row["name"] for row in mox.json("account", "list")] == ["ann"]
    assert "bob" not in (mox.directory / "domains.toml").read_text()


def test_removing_asks_and_without_a_terminal_needs_yes(mox: CommandLine) -> None:
    assert "--yes" in mox("account", "remove", "ann", code=2).stderr
    assert [row["name"] for row in mox.json("account", "list")] == ["ann"]


def test_comments_of_the_document_survive(mox: CommandLine) -> None:
    assert (mox.directory / "domains.toml").read_text().startswith("# ours\n")


def test_an_account_in_the_document_gets_its_mailboxes_at_first_use(mox: CommandLine) -> None:
    with (mox.directory / "domains.toml").open("a") as document:
        document.write('\n[accounts.carl]\naddresses = ["carl@example.org"]\n')
    assert {row["name"]: row["state"] for row in mox.json("account", "list")}["carl"] == "not used yet"
    assert "Inbox" in [row["name"] for row in mox.json("mailbox", "list", "carl")]
    assert {row["name"]: row["state"] for row in mox.json("account", "list")}["carl"] == "active"


def test_disabling_and_enabling(mox: CommandLine) -> None:
    mox("account", "disable", "ann")
    assert mox.json("account", "list")[0]["state"] == "disabled"
    mox("account", "enable", "ann")
    assert mox.json("account", "list")[0]["state"] == "active"


def test_addresses_come_and_go(mox: CommandLine) -> None:
    mox("address", "add", "ann", "sales@example.org")
    assert mox.json("account", "list")[0]["addresses"] == ["ann@example.org", "sales@example.org"]
    mox("address", "remove", "sales@example.org")
    assert mox.json("account", "list")[0]["addresses"] == ["ann@example.org"]


def test_a_domain_that_is_needed_is_not_removed(mox: CommandLine) -> None:
    assert "account ann" in mox("domain", "remove", "example.org", code=1).stderr
    assert [row["name"] for row in mox.json("domain", "list")] == ["example.org"]


def test_passwords_are_set_listed_and_never_shown(mox: CommandLine) -> None:
    mox("account", "set-password", "ann", stdin="correct horse battery\n")
    made = mox.json("account", "add-app-password", "ann", "phone", "-p", "imap")
    shown = mox("account", "credentials", "ann").stdout
    assert "phone" in shown
    assert made["secret"] not in shown
    assert "correct horse" not in shown
    mox("account", "remove-credential", "ann", str(made["id"]))
    assert [row["kind"] for row in mox.json("account", "credentials", "ann")] == ["main"]


def test_an_empty_password_is_refused_with_what_to_do(mox: CommandLine) -> None:
    assert "give it as one line" in mox("account", "set-password", "ann", code=1).stderr


def test_errors_are_one_line_that_says_what_to_do(mox: CommandLine) -> None:
    for arguments in (
        ("account", "add", "Ann", "x@example.org"),
        ("account", "add", "ann", "ann2@example.org"),
        ("account", "add", "bob", "bob@elsewhere.example"),
        ("account", "add", "bob", "not an address"),
        ("mailbox", "list", "nobody"),
        ("domain", "add", "not_a_domain"),
        ("address", "remove", "nobody@example.org"),
    ):
        result = mox(*arguments, code=1)
        assert result.stdout == ""
        assert result.stderr.startswith("mox-trio: ")
        assert result.stderr.count("\n") == 1
        assert "Traceback" not in result.stderr


def test_a_broken_configuration_is_reported_with_every_line(make_command_line: Callable[[str], CommandLine]) -> None:
    broken = make_command_line('hostnam = "x"\n[storage.stores.a]\nkind = "tape"\n')
    lines = broken("account", "list", code=1).stderr.splitlines()
    assert len(lines) == 2
    assert all("mox-trio.toml:" in line for line in lines)


def test_a_password_is_refused_where_only_generated_ones_are_allowed(mox: CommandLine) -> None:
    document = mox.directory / "domains.toml"
    document.write_text(document.read_text().replace("[accounts.ann]", "[accounts.ann]\ncustom_password = false"))
    assert "add-app-password" in mox("account", "set-password", "ann", code=1, stdin="correct horse\n").stderr
    assert mox.json("account", "credentials", "ann") == []
    assert mox.json("account", "add-app-password", "ann", "phone")["secret"]


def test_the_log_follows_the_configuration(make_command_line: Callable[[str], CommandLine]) -> None:
    assert make_command_line("")("domain", "add", "example.org").stderr == ""
    talking = make_command_line('log = { level = "info", format = "json" }\n')
    (event,) = map(json.loads, talking("domain", "add", "example.org").stderr.splitlines())
    assert (event["level"], event["room"], event["message"]) == ("info", "config", "configuration replaced")


def test_a_certificate_is_registered_for_an_address_of_the_account(mox: CommandLine) -> None:
    made = wires.certificate("laptop")
    path, _ = made.write(mox.directory)
    shown = mox.json("account", "add-certificate", "ann", "ann@example.org", path, "--no-preauth")
    assert (shown["kind"], shown["name"]) == ("certificate", "ann@example.org")
    (mox.directory / "laptop.der").write_bytes(made.der)
    again = mox("account", "add-certificate", "ann", "ann@example.org", mox.directory / "laptop.der", code=1)
    assert "registered already" in again.stderr
    assert "no address" in mox("account", "add-certificate", "ann", "bob@example.org", path, code=1).stderr
    (mox.directory / "bad.pem").write_text("nonsense")
    bad = mox("account", "add-certificate", "ann", "ann@example.org", mox.directory / "bad.pem", code=1)
    assert "no certificate" in bad.stderr
    mox("account", "remove-credential", "ann", str(shown["id"]))
    assert mox.json("account", "credentials", "ann") == []


def test_nobody_has_tried_to_log_in(mox: CommandLine) -> None:
    assert mox.json("account", "logins", "ann") == []
    assert "nobody tried" in mox("account", "logins", "ann").stdout


async def record(path: Path, attempt: Attempt) -> None:
    index = await opening.open_sqlite(path)
    recorded = LoginAttempts(MailStore(index, {}, ""))
    recorded.record(attempt)
    await recorded.flush()
    await index.aclose()


def test_attempts_to_log_in_are_listed(mox: CommandLine) -> None:
    (path,) = mox.directory.rglob("index.db")
    attempt = Attempt(
        "ann", "ann@example.org", "203.0.113.7", "192.0.2.25", "", "submission", "PLAIN", "bad-credentials"
    )
    trio.run(record, path, attempt)
    (row,) = mox.json("account", "logins", "ann")
    expected = {"login": "ann@example.org", "result": "bad-credentials", "times": 1, "remote_ip": "203.0.113.7"}
    assert row.items() >= expected.items()
    assert "203.0.113.7" in mox("account", "logins", "ann").stdout


def test_a_key_opens_what_it_is_made_for(mox: CommandLine) -> None:
    made = mox.json(
        "account", "add-api-key", "ann", "shop", "--scope", "send", "--address", "ann@example.org", "--days", "30"
    )
    assert made["secret"]
    assert made["expires"]
    refused = mox("account", "add-api-key", "ann", "shop", "--address", "bob@example.net", code=1)
    assert "may not send from bob@example.net" in refused.stderr
