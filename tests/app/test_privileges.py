"""As root the program becomes the configured user, for good."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from mox_trio.app import privileges
from mox_trio.base.failure import Failure
from mox_trio.cli import tour
from tests.kit.runtime import USER

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
ROOT = Path(__file__).parents[2]


def test_a_missing_user_is_named_with_what_to_do() -> None:
    with pytest.raises(Failure, match="useradd"):
        privileges.lookup("no-such-user-here")


def test_without_root_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    privileges.drop("no-such-user-here", tmp_path / "data", fix=True)
    assert not (tmp_path / "data").exists()


@needs_root
def test_root_becomes_the_user_and_there_is_no_way_back(open_path: Path) -> None:
    script = (
        "import os; from mox_trio.app import privileges\n"
        f"privileges.become(privileges.lookup('{USER}'))\n"
        "try: os.setuid(0)\n"
        "except PermissionError: print(os.geteuid(), os.getgroups())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    nobody = privileges.lookup(USER)
    assert done.stdout == f"{nobody.uid} [{nobody.gid}]\n"


@needs_root
def test_what_root_left_is_given_over_and_nothing_that_only_looks_so(tmp_path: Path) -> None:
    nobody = privileges.lookup(USER)
    data = tmp_path / "data"
    (data / "bodies").mkdir(parents=True)
    (data / "bodies" / "left").write_text("by root")
    other = tmp_path / "other"
    other.write_text("not in the data directory")
    (data / "bodies" / "symbolic").symlink_to(other)
    (data / "bodies" / "hard").hardlink_to(other)
    privileges.prepare(data, nobody)
    assert {path.stat().st_uid for path in (data, data / "bodies", data / "bodies" / "left")} == {nobody.uid}
    assert (data / "bodies" / "symbolic").lstat().st_uid == nobody.uid
    assert other.stat().st_uid == 0


@needs_root
def test_a_directory_that_is_the_users_is_not_walked(tmp_path: Path) -> None:
    nobody = privileges.lookup(USER)
    deep = tmp_path / "data" / "bodies" / "deep"
    deep.mkdir(parents=True)
    privileges.prepare(tmp_path / "data", nobody)
    (deep / "left").write_text("by root")
    privileges.prepare(tmp_path / "data", nobody)
    assert (deep / "left").stat().st_uid == 0
    (tmp_path / "data" / "restored").write_text("by root")
    privileges.prepare(tmp_path / "data", nobody)
    assert (deep / "left").stat().st_uid == nobody.uid


@needs_root
def test_a_program_that_the_user_cannot_read_is_said_in_a_line(open_path: Path) -> None:
    hidden = open_path / "hidden"
    hidden.mkdir(mode=0o700)
    (hidden / "module.py").write_text("")
    script = (
        "import sys; from mox_trio.app import privileges\n"
        f"nobody = privileges.lookup('{USER}'); privileges.become(nobody)\n"
        "try: privileges.check_readable(nobody, (sys.argv[1],))\n"
        "except Exception as failure: print(type(failure).__name__, failure)\n"
    )
    command = [sys.executable, "-c", script, str(hidden / "module.py")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"Failure user {USER} cannot read the program")
    assert "install it where everybody can read it" in said
    assert said.count("\n") == 1


@dataclass(frozen=True)
class Machine:
    """A configured machine on which root runs commands."""

    python: list[str]
    etc: Path
    data: Path

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors of a command."""
        run = "from mox_trio.cli.main import main; main()"
        command = [*self.python, "-c", run, "--config", str(self.etc / "mox-trio.toml"), *arguments]
        password = "correct horse battery\n"
        done = subprocess.run(command, cwd=self.etc, input=password, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def well(self, *arguments: str) -> str:
        """The output of a command that must succeed."""
        code, said, errors = self(*arguments)
        assert (code, errors) == (0, "")
        return said


@pytest.fixture
def machine(open_path: Path, open_python: list[str]) -> Machine:
    etc, data = open_path / "etc", open_path / "var" / "mox-trio"
    etc.mkdir()
    data.mkdir(parents=True)
    (data / "domains.toml").write_text("# ours\n")
    (etc / "mox-trio.toml").write_text(
        f'hostname = "mail.example.org"\nuser = "{USER}"\ndata_directory = "{data}"\n'
        'keys.master = { file = "master.key" }\nstorage.stores.disk = { kind = "disk", encrypt = true }\n'
    )
    return Machine(open_python, etc, data)


@needs_root
def test_roots_commands_leave_nothing_of_roots(machine: Machine, open_path: Path) -> None:
    (open_path / "sample.mbox").write_text(tour.SAMPLE)
    (open_path / "sample.mbox").chmod(0o644)
    machine.well("keyring", "create", str(machine.etc / "master.key"))
    machine.well("config", "test")
    machine.well("domain", "add", "example.org")
    machine.well("account", "add", "ann", "ann@example.org")
    machine.well("account", "set-password", "ann")
    machine.well("import", "ann", str(open_path / "sample.mbox"), "--mailbox", "Inbox")
    assert machine.well("verify", "--bodies") == "all is well\n"
    files = [machine.data, *machine.data.rglob("*")]
    assert len(files) > 5
    assert {path.lstat().st_uid for path in files} == {privileges.lookup(USER).uid}
    assert (machine.etc / "mox-trio.toml").stat().st_uid == machine.etc.stat().st_uid == 0


@needs_root
def test_what_the_user_may_not_touch_is_said_in_a_line(machine: Machine, open_path: Path) -> None:
    machine.well("keyring", "create", str(machine.etc / "master.key"))
    (open_path / "secret.mbox").write_text(tour.SAMPLE)
    (open_path / "secret.mbox").chmod(0o600)
    machine.well("domain", "add", "example.org")
    machine.well("account", "add", "ann", "ann@example.org")
    code, _, errors = machine("import", "ann", str(open_path / "secret.mbox"))
    assert (code, errors.count("\n")) == (1, 1)
    assert "'secret.mbox' cannot be read" in errors
    static = machine.etc / "mox-trio.toml"
    (machine.data / "domains.toml").rename(machine.etc / "domains.toml")
    static.write_text(f'domains_file = "{machine.etc}/domains.toml"\n{static.read_text()}')
    code, _, errors = machine("domain", "add", "example.net")
    assert (code, errors.count("\n")) == (1, 1)
    assert "its directory must be writable" in errors
    static.write_text(static.read_text().replace(USER, "no-such-user-here"))
    code, _, errors = machine("keyring", "create", str(machine.etc / "new.key"))
    assert (code, "useradd" in errors, (machine.etc / "new.key").exists()) == (1, True, False)
