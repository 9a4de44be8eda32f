"""Ten thousand accounts, and documents of any content."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mox_trio.base.address import Address
from mox_trio.config import directory, load, schema, toml
from mox_trio.config.models.dynamic import Dynamic
from mox_trio.config.models.section import Section
from mox_trio.config.models.static import Static
from mox_trio.config.problems import ConfigErrors, KeyPath, Problem
from tests.kit import toml_documents

FILE = Path("/etc/mox-trio/mox-trio.toml")


def test_ten_thousand_accounts_are_all_found(settings: Static) -> None:
    built = directory.build(settings, load.dynamic(toml_documents.many_accounts(10_000), settings))
    assert built.of_address(Address.parse("First.Last9999@D100.example")) is not None
    assert built.of_address(Address.parse("user10000@d0.example")) is None


def found(read: Callable[[], object]) -> tuple[Problem, ...]:
    """The problems of reading something; any other exception is an error of the test."""
    try:
        read()
    except ConfigErrors as errors:
        return errors.problems
    return ()


def every_path(model: type[Section]) -> list[KeyPath]:
    """A path to every field of a model; tables with free names get one, arrays their first item."""
    found: list[KeyPath] = []

    def walk(section: type[Section], path: KeyPath) -> None:
        for name, field in section.model_fields.items():
            here: KeyPath = (*path, name)
            found.append(here)
            for inner in schema.kinds(field.annotation):
                walk(inner, here)
            item = schema.items(field.annotation)
            for inner in schema.kinds(item) if item is not None else ():
                is_table = schema.is_mapping(field.annotation)
                walk(inner, (*here, "x.example" if is_table else 0))

    walk(model, ())
    return found


def nested(path: KeyPath, value: object) -> object:
    for part in reversed(path):
        value = {part: value} if isinstance(part, str) else [value]
    return value


values = (
    toml_documents.values
    | st.floats()
    | st.dates()
    | st.sampled_from(["", "0s", "1MiB", "x.example", "a@x.example", "[::1]"])
)


@hypothesis_settings(max_examples=300)
@given(st.sampled_from(every_path(Static)), values)
def test_no_value_in_any_static_field_raises_anything_but_problems(path: KeyPath, value: object) -> None:
    document = nested(path, value)
    assert isinstance(document, dict)
    text = toml_documents.text({"hostname": "mx.example", **document})
    assert all(str(problem).startswith(str(FILE)) for problem in found(lambda: load.static_text(text, FILE)))


@hypothesis_settings(max_examples=300)
@given(st.sampled_from(every_path(Dynamic)), values)
def test_no_value_in_any_dynamic_field_raises_anything_but_problems(path: KeyPath, value: object) -> None:
    document = nested(path, value)
    assert isinstance(document, dict)
    text = toml_documents.text(document)
    known = load.static_text('hostname = "mx.example"', FILE)
    assert all(problem.advice for problem in found(lambda: directory.build(known, load.dynamic(text, known))))


@example('"[key]"=0')
@given(st.one_of(st.text(), toml_documents.texts))
def test_no_text_raises_anything_but_problems(text: str) -> None:
    assert found(lambda: load.static_text(text, FILE)) or "hostname" in text


def test_importing_the_models_is_cheap() -> None:
    code = "import sys, mox_trio.config.models.static, mox_trio.config.load; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"trio", "tomlkit", "cryptography", "sqlalchemy", "structlog"} & set(done.stdout.split())


def test_the_kit_writes_what_it_means() -> None:
    document = {"a": 1, "b": {"c": [True, {"d": "e\x7f"}]}}
    assert tomllib.loads(toml_documents.text(document)) == document
    assert toml.value({"x": ()}) == "{ x = [] }"
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads("x")
