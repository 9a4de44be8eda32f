"""What docs/getting-started.md and docs/operating.md say works as it is written, one after the other, on one machine."""

import getpass
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mox_trio.cli import tour
from tests.kit import dovecot, localserve

ROOT = Path(__file__).parents[2]
MACHINE = ("python3 -m venv", "useradd", "ln -s /opt", "docker ", "kubectl ")
"""About the machine: installed already, or tested elsewhere (tests/config/test_deploying.py)."""


def commands(page: str) -> list[str]:
    text = re.sub(r"```.*?```", "", (ROOT / "docs" / page).read_text(), flags=re.DOTALL)
    return [line.strip() for line in text.splitlines() if re.match(r" {4}\S", line)]


@dataclass
class Machine:
    """A directory in the place of /, and an old server."""

    root: Path
    base: int
    old: dovecot.Dovecot

    def here(self, line: str) -> str:
        """A command of the page as it is run here."""
        config = f"{self.root}/etc/mox-trio"
        options = f"--skip-dns --hostname localhost.example.com --dir {config} --base-port {self.base}"
        options += f" --ip 127.0.0.1 --user {getpass.getuser()}"
        start = (
            f"(mox-trio serve > {self.root}/log 2>&1 &) ; until mox-trio status > /dev/null 2>&1; do sleep 0.2; done"
        )
        for there, ours in (
            ("mox-trio quickstart you@example.com", f"mox-trio quickstart you@example.com {options}"),
            ("systemctl enable --now /etc/mox-trio/mox-trio.service", f"test -s {config}/mox-trio.service; {start}"),
            ("systemctl start mox-trio", start),
            (
                "systemctl stop mox-trio",
                "mox-trio stop; while mox-trio status > /dev/null 2>&1; do sleep 0.2; done",
            ),
            ("mox-trio account set-password mary", "echo correct horse battery | mox-trio account set-password mary"),
            (
                "mox-trio migrate imap mary --from imap.old.example",
                f"echo {dovecot.PASSWORD} | mox-trio migrate imap mary --from localhost:{self.old.tls_port} "
                f"--ca {self.old.directory}/host.crt",
            ),
            ("/var/lib/mox-trio", f"{config}/data"),
            ("/etc/mox-trio/", f"{config}/"),
            ("/srv/", f"{self.root}/srv/"),
            (":8010/", f":{self.base + 8010}/"),
        ):
            if ours not in line:
                line = line.replace(there, ours)
        return line


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    for name in ("etc", "srv"):
        (tmp_path / name).mkdir()
    (tmp_path / "srv" / "old-mail").write_text(tour.SAMPLE)
    with dovecot.running() as old:
        yield Machine(tmp_path, localserve.free_base(), old)


def sendmail_settings(machine: Machine) -> str:
    """What the page has in its file, for here."""
    text: str = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/operating.md").read_text(), flags=re.DOTALL)[0]
    config = f"{machine.root}/etc/mox-trio"
    for there, ours in (
        ('"mail.example.com"', '"localhost"'),
        ("port = 465", f"port = {machine.base + 465}"),
        ("/etc/mox-trio/", f"{config}/"),
    ):
        assert there in text
        text = text.replace(there, ours)
    return text + f'ca_file = "{config}/tls/own.crt"\n'


@pytest.mark.timeout(900)  # some thirty starts of the program, on a machine that is busy with other tests
def test_a_new_server_is_set_up_filled_backed_up_lost_and_restored_as_the_pages_say(machine: Machine) -> None:
    lines = [*commands("getting-started.md"), *commands("operating.md")]
    assert sum(line.startswith("mox-trio ") for line in lines) >= 20
    script = [machine.here(line) for line in lines if not line.startswith(MACHINE)]
    config = machine.root / "etc" / "mox-trio"
    before_start = next(number for number, line in enumerate(script) if "mox-trio serve" in line)
    script.insert(before_start, 'export MOX_TRIO_SENDMAIL="$PWD/sendmail.toml"; sh prepare.sh')
    (machine.root / "sendmail.toml").write_text(sendmail_settings(machine))
    # The certificate of the test is for the name that programs reach it by.
    (machine.root / "prepare.sh").write_text(
        f"echo correct horse battery > {config}/sendmail.password\n"
        f"cp {machine.old.directory}/host.crt {config}/tls/fullchain.pem\n"
        f"cp {machine.old.directory}/host.key {config}/tls/privkey.pem\n"
        f"cp {machine.old.directory}/host.crt {config}/tls/own.crt\n"
    )
    done = subprocess.run(
        ["bash", "-euxc", "\n".join(["trap 'mox-trio stop || true' EXIT", *script])],
        cwd=machine.root,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "MOX_TRIO_CONFIG": str(config / "mox-trio.toml"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    log = machine.root / "log"
    assert done.returncode == 0, done.stdout + done.stderr + (log.read_text() if log.exists() else "")
    for said in (
        "configuration is good",
        "_dmarc.example.com. TXT",
        "messages pulled",
        "3 messages imported",
        "all is well",
        "mailboxes restored",
        "that of this program",
        '"status": "ok"',
        "moxtrio_connections_count",
        "in old-mail UID 1",
    ):
        assert said in done.stdout, said
