"""Ten thousand accounts, and documents of any content."""

import gc
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
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


def many(accounts: int) -> str:
    """A document with this many accounts of two addresses each, in 101 domains."""
    domains = "".join(f'[domains."d{number}.example"]\n' for number in range(101))
    return domains + "".join(
        f'[accounts.user{number}]\naddresses = ["user{number}@d{number % 100}.example", "first.last{number}@d100.example"]\n'
        f'full_name = "User Number {number}"\n'
        for number in range(accounts)
    )


def test_ten_thousand_accounts_take_less_than_two_seconds(settings: Static) -> None:
    text = many(10_000)
    start = time.process_time()
    found = directory.build(settings, load.dynamic(text, settings))
    assert time.process_time() - start < 2
    assert found.of_address(Address.parse("First.Last9999@D100.example")) is not None


def test_loading_does_not_keep_other_threads_waiting(settings: Static) -> None:
    text = many(10_000)
    own: list[float] = []
    done = threading.Event()

    def watch() -> None:
        # CPU time of the process that passes between two turns of this thread: what another thread held on to the GIL.
        last = time.process_time()
        while not done.is_set():
            now = time.process_time()
            own.append(now - last)
            last = now
            done.wait(0.001)

    gc.collect()
    gc.freeze()  # what the tests before have left in memory is no part of loading
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        load.dynamic(text, settings)
    finally:
        done.set()
        watcher.join()
        gc.unfreeze()
    assert len(own) > 20
    assert max(own) < 0.05


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
