"""What README.md says works on a machine where nothing was done before."""

import getpass
import mailbox
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from mox_trio.cli import tour

ROOT = Path(__file__).parents[2]
ELSEWHERE = ("python3 -m venv", "useradd")
"""Lines about the machine: the program is installed already, and the user is the one of the test."""


def start() -> list[str]:
    """The commands under "Start"."""
    section = (ROOT / "README.md").read_text().split("\n## Start\n")[1].split("\n## ")[0]
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


def test_the_commands_of_the_start_work_as_they_are_written(tmp_path: Path) -> None:
    places = {f"/{each}/": f"{tmp_path}/{each}/" for each in ("etc", "var", "srv")}

    def here(text: str) -> str:
        for there, ours in places.items():
            text = text.replace(there, ours)
        return text

    shutil.copytree(ROOT / "config-examples", tmp_path / "config-examples")
    static = tmp_path / "config-examples" / "minimal" / "mox-trio.toml"
    static.write_text(here(static.read_text()) + f'\nuser = "{getpass.getuser()}"\n')
    (tmp_path / "srv").mkdir()
    (tmp_path / "sample.mbox").write_text(tour.SAMPLE)
    with closing(mailbox.mbox(tmp_path / "sample.mbox")) as sample:
        old = mailbox.Maildir(tmp_path / "srv" / "old-mail")
        for message in sample:
            old.add(message)
    commands = start()
    assert any(line.startswith("mox-trio import") for line in commands)
    script = "\n".join(here(line) for line in commands if not line.startswith(ELSEWHERE))
    done = subprocess.run(
        ["bash", "-euxc", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        input="correct horse battery\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "configuration is good" in done.stdout
    inbox = next(line for line in done.stdout.splitlines() if line.startswith("Inbox"))
    assert "3" in inbox.split(), done.stdout
    assert (tmp_path / "var/lib/mox-trio/index.db").exists()


def test_every_example_that_the_readme_names_is_there() -> None:
    named = [word.strip("`|") for word in (ROOT / "README.md").read_text().split() if "config-examples/" in word]
    assert named
    for each in named:
        assert (ROOT / each).exists(), each
