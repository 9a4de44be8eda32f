"""The house stays small: modules, functions and parameter lists have a size that a reader can hold."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("mox_trio", "storage_backends", "webui")
MODULE_LINES = 400
FUNCTION_LINES = 60
PARAMETERS = 7

# What may be larger, and why.
EXCEPTIONS: dict[str, str] = {}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> list[Path]:
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(path for path in found if "node_modules" not in path.parts)


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def findings(path: Path) -> Iterator[tuple[str, str]]:
    name = str(path.relative_to(ROOT))
    source = path.read_text()
    if (lines := source.count("\n")) > MODULE_LINES:
        yield name, f"{lines} lines"
    for node in functions(ast.parse(source)):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
        parameters = [each.arg for each in arguments if each.arg not in ("self", "cls")]
        if lines > FUNCTION_LINES:
            yield f"{name}:{node.name}", f"{lines} lines"
        if len(parameters) > PARAMETERS:
            yield f"{name}:{node.name}", f"{len(parameters)} parameters"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_larger_than_a_reader_can_hold(path: Path) -> None:
    assert [f"{name}: {what}" for name, what in findings(path) if name not in EXCEPTIONS] == []


def test_every_exception_is_still_needed() -> None:
    found = {name for path in modules() for name, _ in findings(path)}
    assert set(EXCEPTIONS) <= found
