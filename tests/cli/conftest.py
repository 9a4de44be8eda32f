"""A configured directory, and the command line in it."""

import json
import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mox_trio.cli.main import cli


@dataclass(frozen=True)
class CommandLine:
    """Runs commands on one configuration."""

    directory: Path

    def __call__(self, *arguments: str | Path, code: int = 0, stdin: str | bytes = b"") -> Result:
        """Run a command and check its exit code."""
        config = str(self.directory / "mox-trio.toml")
        result = CliRunner().invoke(cli, ["--config", config, *map(str, arguments)], input=stdin)
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments: str | Path) -> Any:
        """Run a command with --json and parse what it prints."""
        return json.loads(self("--json", *arguments).stdout)


@pytest.fixture
def make_command_line(tmp_path: Path) -> Callable[[str], CommandLine]:
    def make(more: str) -> CommandLine:
        user = pwd.getpwuid(os.geteuid()).pw_name
        static = f'hostname = "mail.example.org"\nuser = "{user}"\ndomains_file = "{tmp_path}/domains.toml"\n{more}'
        (tmp_path / "mox-trio.toml").write_text(static)
        (tmp_path / "domains.toml").write_text("# ours\n")
        return CommandLine(tmp_path)

    return make


@pytest.fixture
def mox(make_command_line: Callable[[str], CommandLine]) -> CommandLine:
    """The command line on a server with one domain and one account."""
    made = make_command_line("")
    made("domain", "add", "example.org")
    made("account", "add", "ann", "ann@example.org")
    return made
