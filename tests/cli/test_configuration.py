"""config test, describe, show; help, completion, output."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mox_trio.cli import output, progress
from mox_trio.cli.main import COMMANDS, cli
from mox_trio.config import load
from mox_trio.mailstore.progress import Pace
from tests.cli.conftest import CommandLine


def test_a_good_configuration_is_called_good(mox: CommandLine) -> None:
    assert mox.json("config", "test")["accounts"] == 1


def test_the_description_is_a_configuration(mox: CommandLine, tmp_path: Path) -> None:
    described = tmp_path / "described.toml"
    described.write_text(mox("config", "describe").stdout)
    assert str(load.static(described).hostname)
    assert "[domains" in mox("config", "describe", "dynamic").stdout


def test_show_names_where_secrets_are_and_not_what(mox: CommandLine) -> None:
    with (mox.directory / "mox-trio.toml").open("a") as document:
        document.write('[keys]\nserver = { file = "secret.key" }\n')
    (mox.directory / "secret.key").write_text("ab" * 32 + "\n")
    (mox.directory / "secret.key").chmod(0o600)
    shown = mox("config", "show").stdout
    assert "secret.key" in shown
    assert "abab" not in shown


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for(shell: str) -> None:
    assert "_MOX_TRIO_COMPLETE" in CliRunner().invoke(cli, ["completion", shell]).output


def test_completion_knows_the_commands() -> None:
    environment = {**os.environ, "COMP_WORDS": "mox-trio acc", "COMP_CWORD": "1", "_MOX_TRIO_COMPLETE": "bash_complete"}
    program = Path(sys.executable).with_name("mox-trio")
    done = subprocess.run([program], env=environment, capture_output=True, text=True, check=False)
    assert "account" in done.stdout


def test_names_with_control_characters_do_not_reach_the_terminal() -> None:
    shown = output.table([{"name": "a\x1b[2Jb"}], {"name": "name"}, "")
    assert "\x1b" not in shown.text


def test_the_bar_says_rate_and_time_left() -> None:
    pace = Pace()
    pace.feed(0, 0, 1000)
    pace.feed(5, 250, 1000)
    shown = progress.line("importing ", 250, 1000, "messages", pace)
    assert shown == "importing [######..................] 250/1000 messages, 50 messages/s, 15s left"
    pace.feed(5, 250)
    assert progress.line("importing ", 250, 0, "messages", pace) == "importing 250 messages, 50 messages/s"
    assert progress.duration(7500) == "2h05m"
