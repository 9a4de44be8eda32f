"""Statements that are built once, at import, and run as plain text on either driver.

`prepared(clause)` takes any SQLAlchemy Core clause with named `bindparam`s. The first run on an engine compiles it to
that engine's text (SQLite `:name`, psycopg `%(name)s`); from then on a run costs what the driver costs, because no
SQLAlchemy connection, result or type stands between. That is why the columns of `schema` are integers, text, bytes and
NULL only.

Values written into the clause (`table.c.gone == 0`, `column.in_((1, 2))`) travel with the statement. What the engines
spell differently is here too: `any_of`, `greatest`, `least`, `last_id`, `clock`. `insert` has `on_conflict_do_nothing` and
`on_conflict_do_update` for both engines; `returning` works on both. A parameter that is missing at a run is the
driver's error.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, BindParameter, Column, ColumnElement, Text, bindparam, create_mock_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

insert: Final = postgresql.insert
"""Like sqlalchemy.insert, with ON CONFLICT, whose text is the same in SQLite."""

NONE: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement as one driver takes it: its text, the values written into it, and its parameters that are lists."""

    sql: str
    constants: Mapping[str, Any]
    lists: tuple[str, ...]

    def parameters(self, given: Mapping[str, Any], pack: Callable[[Any], object]) -> Mapping[str, Any]:
        """What the driver gets: the constants, the given values, and lists as `pack` makes them."""
        if not self.constants and not self.lists:
            return given
        merged = {**self.constants, **given}
        for name in self.lists:
            merged[name] = pack(merged[name])
        return merged


class Prepared:
    """A prebuilt statement; the engines ask it for their text."""

    __slots__ = ("_clause", "_postgres", "_sqlite")

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._sqlite: Compiled | None = None
        self._postgres: Compiled | None = None

    def sqlite(self, given: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Text and parameters for sqlite3; a list travels as JSON."""
        # Two threads that come first at the same moment compile the same text twice.
        compiled = self._sqlite = self._sqlite or _compiled(self._clause, "sqlite")
        return compiled.sql, compiled.parameters(given, json_list)

    def postgres(self, given: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Text and parameters for psycopg; a list travels as an array."""
        compiled = self._postgres = self._postgres or _compiled(self._clause, "postgresql+psycopg")
        return compiled.sql, compiled.parameters(given, list)


def prepared(clause: ClauseElement) -> Prepared:
    """Make a statement of `clause`. Nothing is compiled before its first run."""
    return Prepared(clause)


def json_list(values: Any) -> str:
    """A list of integers or text as SQLite's json_each reads it."""
    return json.dumps(list(values))


PARAMSTYLES: Final = {"sqlite": "named", "postgresql+psycopg": "pyformat"}


def _compiled(clause: ClauseElement, engine: str) -> Compiled:
    # A mock engine is a dialect with its options, without a connection.
    mock = create_mock_engine(f"{engine}://", executor=lambda *_: None, paramstyle=PARAMSTYLES[engine])
    compiled = clause.compile(dialect=mock.dialect)
    if not isinstance(compiled, SQLCompiler):
        raise TypeError(f"{clause} defines the schema: only migrations do that")
    open_binds = {name for name, bind in compiled.binds.items() if bind.required}
    state = compiled.construct_expanded_state(dict.fromkeys(open_binds))
    constants = {name: value for name, value in state.parameters.items() if name not in open_binds}
    lists = tuple(name for name, bind in compiled.binds.items() if isinstance(bind.type, ARRAY))
    return Compiled(state.statement, constants, lists)


class AnyOf(ColumnElement[bool]):
    """See `any_of`."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], values: BindParameter[Any]) -> None:
        self.column = column
        self.values = values


def any_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether `column` (integers or text) is one of the list given as parameter `name`, of any length."""
    kind = Text if isinstance(column.type, Text) else BigInteger
    return AnyOf(column, bindparam(name, type_=ARRAY(kind)))


@compiles(AnyOf, "sqlite")
def _any_of_sqlite(element: AnyOf, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = compiler.process(element.column, **kw), compiler.process(element.values, **kw)
    return "".join((column, " IN (SELECT value FROM json_each(", values, "))"))


@compiles(AnyOf, "postgresql")
def _any_of_postgres(element: AnyOf, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{compiler.process(element.column, **kw)} = ANY({compiler.process(element.values, **kw)})"


class Extreme(ColumnElement[int]):
    """See `greatest` and `least`."""

    inherit_cache = False
    type = BigInteger()

    def __init__(self, sqlite: str, postgres: str, operands: tuple[ColumnElement[Any], ...]) -> None:
        self.sqlite = sqlite
        self.postgres = postgres
        self.operands = operands


def greatest(*operands: ColumnElement[Any]) -> ColumnElement[int]:
    """The largest of the operands, which are not NULL (SQLite and Postgres differ there)."""
    return Extreme("max", "greatest", operands)


def least(*operands: ColumnElement[Any]) -> ColumnElement[int]:
    """The smallest of the operands, which are not NULL."""
    return Extreme("min", "least", operands)


@compiles(Extreme, "sqlite")
def _extreme_sqlite(element: Extreme, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{element.sqlite}({', '.join(compiler.process(each, **kw) for each in element.operands)})"


@compiles(Extreme, "postgresql")
def _extreme_postgres(element: Extreme, compiler: SQLCompiler, **kw: Any) -> str:
    return f"{element.postgres}({', '.join(compiler.process(each, **kw) for each in element.operands)})"


class LastId(ColumnElement[int]):
    """See `last_id`."""

    inherit_cache = False
    type = BigInteger()

    def __init__(self, column: Column[Any]) -> None:
        self.sequence = f"{column.table.name}_{column.name}_seq"


def last_id(column: Column[Any]) -> ColumnElement[int]:
    """The id of the row that this connection inserted last into the column's table, with no other INSERT since."""
    return LastId(column)


@compiles(LastId, "sqlite")
def _last_id_sqlite(element: LastId, compiler: SQLCompiler, **kw: Any) -> str:
    return "last_insert_rowid()"


@compiles(LastId, "postgresql")
def _last_id_postgres(element: LastId, compiler: SQLCompiler, **kw: Any) -> str:
    return f"currval('{element.sequence}')"


class Clock(ColumnElement[int]):
    """See `clock`."""

    inherit_cache = False
    type = BigInteger()


def clock() -> ColumnElement[int]:
    """The database's clock in milliseconds since 1970 UTC, read when the statement runs."""
    return Clock()


@compiles(Clock, "sqlite")
def _clock_sqlite(element: Clock, compiler: SQLCompiler, **kw: Any) -> str:
    return "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)"


@compiles(Clock, "postgresql")
def _clock_postgres(element: Clock, compiler: SQLCompiler, **kw: Any) -> str:
    # Not now(), which stands still in a transaction.
    return "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)"
