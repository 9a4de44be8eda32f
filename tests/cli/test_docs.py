"""What docs/getting-started.md and docs/operating.md say works as it is written, one after the other, on one machine.

A command of the program runs in the process of the test, everything else in a shell; test_readme.py types commands as they are.
"""

import getpass
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mox_trio.cli import tour
from tests.kit import dovecot, localserve, programs, served

ROOT = Path(__file__).parents[2]
MACHINE = ("python3 -m venv", "useradd", "ln -s /opt", "docker ", "kubectl ")
"""About the machine: installed already, or tested elsewhere (tests/config/test_deploying.py)."""

ANSWERS = {
    "account set-password mary": "correct horse battery\n",
    "migrate imap mary": f"{dovecot.PASSWORD}\n",
}
"""What commands ask for."""


def commands(page: str) -> list[str]:
    text = re.sub(r"```.*?```", "", (ROOT / "docs" / page).read_text(), flags=re.DOTALL)
    return [line.strip() for line in text.splitlines() if re.match(r" {4}\S", line)]


@dataclass
class Machine:
    """A directory in the place of /, and an old server."""

    root: Path
    base: int
    old: dovecot.Dovecot
    running: ExitStack = field(default_factory=ExitStack)
    """The server, while it runs."""
    said: str = ""
    """What all commands printed."""

    @property
    def config(self) -> Path:
        """In the place of /etc/mox-trio."""
        return self.root / "etc" / "mox-trio"

    def here(self, line: str) -> str:
        """A command of the page as it is run here."""
        options = f"--skip-dns --hostname localhost.example.com --dir {self.config} --base-port {self.base}"
        options += f" --ip 127.0.0.1 --user {getpass.getuser()}"
        for there, ours in (
            ("mox-trio quickstart you@example.com", f"mox-trio quickstart you@example.com {options}"),
            (
                "mox-trio migrate imap mary --from imap.old.example",
                f"mox-trio migrate imap mary --from localhost:{self.old.tls_port} --ca {self.old.directory}/host.crt",
            ),
            ("/var/lib/mox-trio", f"{self.config}/data"),
            ("/etc/mox-trio/", f"{self.config}/"),
            ("/srv/", f"{self.root}/srv/"),
            (":8010/", f":{self.base + 8010}/"),
        ):
            if ours not in line:
                line = line.replace(there, ours)
        return line

    def type(self, line: str) -> None:
        """Do what a line of the page says."""
        if line.startswith("systemctl stop"):
            self.running.close()
        elif line.startswith("systemctl "):
            assert (self.config / "mox-trio.service").stat().st_size
            self.running.enter_context(served.serving(self.config / "mox-trio.toml", self.root / "log"))
        elif line.startswith("mox-trio ") and "|" not in line:
            words = shlex.split(self.here(line))[1:]
            self.said += programs.run(*words, stdin=ANSWERS.get(" ".join(words[:3]), ""))
        else:
            done = subprocess.run(
                ["bash", "-euc", self.here(line)],
                cwd=self.root,
                capture_output=True,
                text=True,
                check=False,
                timeout=200,
            )
            assert done.returncode == 0, line + done.stdout + done.stderr
            self.said += done.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    for name in ("etc", "srv"):
        (tmp_path / name).mkdir()
    (tmp_path / "srv" / "old-mail").write_text(tour.SAMPLE)
    with dovecot.running() as old:
        machine = Machine(tmp_path, localserve.free_base(), old)
        with machine.running:
            yield machine


def prepare(machine: Machine) -> None:
    """What an administrator does before the start: a certificate for the name that programs reach it by, and their password."""
    for there, ours in (("host.crt", "fullchain.pem"), ("host.key", "privkey.pem"), ("host.crt", "own.crt")):
        shutil.copyfile(machine.old.directory / there, machine.config / "tls" / ours)
    (machine.config / "sendmail.password").write_text("correct horse battery\n")
    (machine.root / "sendmail.toml").write_text(sendmail_settings(machine))


def sendmail_settings(machine: Machine) -> str:
    """What the page has in its file, for here."""
    text: str = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/operating.md").read_text(), flags=re.DOTALL)[0]
    for there, ours in (
        ('"mail.example.com"', '"localhost"'),
        ("port = 465", f"port = {machine.base + 465}"),
        ("/etc/mox-trio/", f"{machine.config}/"),
    ):
        assert there in text
        text = text.replace(there, ours)
    return text + f'ca_file = "{machine.config}/tls/own.crt"\n'


def test_a_new_server_is_set_up_filled_backed_up_lost_and_restored_as_the_pages_say(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("MOX_TRIO_CONFIG", str(machine.config / "mox-trio.toml"))
    monkeypatch.setenv("MOX_TRIO_SENDMAIL", str(machine.root / "sendmail.toml"))
    lines = [*commands("getting-started.md"), *commands("operating.md")]
    assert sum(line.startswith("mox-trio ") for line in lines) >= 20
    for line in lines:
        if line.startswith("systemctl enable"):
            prepare(machine)
        if not line.startswith(MACHINE):
            machine.type(line)
    for said in (
        "configuration is good",
        "_dmarc.example.com. TXT",
        "mta-sts.example.com. CNAME localhost.example.com.",
        "messages pulled",
        "3 messages imported",
        "all is well",
        "mailboxes restored",
        "that of this program",
        '"status": "ok"',
        "moxtrio_connections_count",
        "in old-mail UID 1",
    ):
        assert said in machine.said, said
