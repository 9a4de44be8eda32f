"""Every command that a page names is there, with the options that the page gives it."""

import re
from pathlib import Path

import click
import pytest

from mox_trio.cli.main import cli
from mox_trio.config import load
from tests.cli.conftest import CommandLine

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMED = re.compile(r"(?:^ {4,}|`|\| |&& |; | {3,})mox-trio((?: [^ `|;&\n]+)+)", re.MULTILINE)
QUEUE = {"list", "hold", "schedule", "fail"}


def commands(page: Path) -> list[list[str]]:
    """What follows `mox-trio`, in blocks and in the text."""
    text = re.sub(r"(`[^`\n]*)\n *([^`\n]*`)", r"\1 \2", page.read_text())  # a command that a line's end cuts
    return [found[1].split(" #")[0].split() for found in NAMED.finditer(text)]


def known(words: list[str]) -> str:
    """What is wrong with a command; empty for a good one."""
    command: click.Command = cli
    context = click.Context(cli)
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            return f"there is no command {words[0]}"
        command, words = found, words[1:]
    options = {name for each in [*command.params, *cli.params] for name in (*each.opts, *each.secondary_opts)} | {
        "--help"
    }
    missing = [word for word in words if word.startswith("--") and word.partition("=")[0] not in options]
    return f"it has no {', '.join(missing)}" if missing else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_are_there(page: Path) -> None:
    wrong = {" ".join(words): known(words) for words in commands(page)}
    assert {words: why for words, why in wrong.items() if why} == {}


def test_commands_are_found_in_blocks_and_in_text() -> None:
    assert sum(len(commands(page)) for page in PAGES) >= 55
    assert ["move-store", "OLD", "NEW"] in commands(ROOT / "docs" / "storage.md")
    assert known(["account", "nothing"]) == "there is no command nothing"
    assert known(["verify", "--nothing"]) == "it has no --nothing"


def test_the_queue_is_worked_as_the_page_says(mox: CommandLine) -> None:
    shown = [words[1:] for words in commands(ROOT / "docs" / "mail.md") if words[0] == "queue"]
    assert {words[0] for words in shown} == QUEUE
    for words in shown:
        mox("queue", *words, *(["--yes"] if words[0] in ("fail", "drop") else []))


def test_the_store_of_another_package_is_configured_as_the_page_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "storage.md").read_text()
    block = re.findall(r"(?:^ {4}\S.*\n)+", page, re.MULTILINE)[0]
    static = load.static_text(
        f'hostname = "mail.example.com"\n{re.sub("(?m)^ {4}", "", block)}', tmp_path / "mox-trio.toml"
    )
    assert static.storage.stores["tapes"].kind == "other"
