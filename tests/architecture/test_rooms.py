"""Rules about rooms that import-linter does not see."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("mox_trio", "storage_backends", "webui")
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}


def modules() -> list[Path]:
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(path for path in found if "node_modules" not in path.parts)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    if path.name == "__init__.py":
        assert len(tree.body) == 1, "an __init__.py is a docstring only"


def test_no_room_has_a_vague_name() -> None:
    names = {part for path in modules() for part in (*path.relative_to(ROOT).parts[:-1], path.stem)}
    assert names & VAGUE == set()


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_leading_underscore_never_crosses_a_file(path: Path) -> None:
    imported = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PACKAGES
        for alias in node.names
        if alias.name.startswith("_")
    ]
    assert imported == []


def test_the_layers_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_help_answers_without_importing_what_is_heavy() -> None:
    probe = (
        "import sys; from mox_trio.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'boto3', 'sqlalchemy', 'alembic', 'pydantic', 'cryptography', 'psycopg', 'tomlkit', 'structlog', 'trio'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "account" in done.stdout
