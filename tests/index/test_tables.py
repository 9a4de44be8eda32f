"""Every statement of `tables/` is planned by both engines: a wrong name or an untyped parameter shows here."""

import importlib
import pkgutil
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storage_backends.index import migrate, tables
from storage_backends.index.statement import Prepared


def statements() -> Iterator[tuple[str, Prepared]]:
    for module in pkgutil.iter_modules(tables.__path__):
        contents = vars(importlib.import_module(f"{tables.__name__}.{module.name}"))
        for name, value in contents.items():
            for label, each in flattened(name, value):
                yield f"{module.name}.{label}", each


def flattened(name: str, value: Any) -> Iterator[tuple[str, Prepared]]:
    if isinstance(value, Prepared):
        yield name, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from flattened(f"{name}[{key}]", each)
    elif isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        for number, each in enumerate(value):
            yield from flattened(f"{name}[{number}]", each)


def lists_of(statement: Prepared) -> dict[str, Any]:
    """The list parameters, empty: the statement does not compile without them."""
    given: dict[str, Any] = {}
    while True:
        try:
            statement.sqlite(given)
        except KeyError as missing:
            given[missing.args[0]] = []
        else:
            return given


ALL = dict(statements())


def test_there_are_statements() -> None:
    assert len(ALL) > 50


def test_sqlite_plans_every_statement(tmp_path: Path) -> None:
    migrate.sqlite(tmp_path / "index.db")
    raw = sqlite3.connect(tmp_path / "index.db")
    for name, statement in ALL.items():
        sql, given = statement.sqlite(lists_of(statement))
        try:
            raw.execute(f"EXPLAIN {sql}", dict.fromkeys(re.findall(r":(\w+)", sql)) | dict(given)).fetchall()
        except sqlite3.Error as error:
            pytest.fail(f"{name}: {error}\n{sql}")
    raw.close()


def test_postgres_plans_every_statement(postgres_database: str) -> None:
    migrate.postgres(postgres_database)
    with psycopg.connect(postgres_database, autocommit=True) as raw:
        for name, statement in ALL.items():
            sql, given = statement.postgres(lists_of(statement))
            values = dict.fromkeys(re.findall(r"%\((\w+)\)s", sql)) | dict(given)
            try:
                raw.execute(f"EXPLAIN {sql}".encode(), values)
            except psycopg.Error as error:
                pytest.fail(f"{name}: {error}\n{sql}")
