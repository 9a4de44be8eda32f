"""The commands of docs/performance.md exist, with the options that it gives them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"python -m (bench\.\w+)((?: --?\w+(?: \w+)?)*)")


def commands() -> list[tuple[str, str]]:
    return sorted(set(COMMAND.findall((ROOT / "docs" / "performance.md").read_text())))


def test_there_are_commands() -> None:
    assert {"bench.compare", "bench.durability", "bench.soak"} <= {module for module, _ in commands()}


@pytest.mark.parametrize(("module", "options"), commands())
def test_a_command_is_there_with_its_options(module: str, options: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, *options.split(), "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for option in re.findall(r"--\w+", options):
        assert option in done.stdout
