"""Copy all rows of one index to another, empty one, and verify the copy: from SQLite to Postgres or back.

Rows are read in the order of their primary keys, page by page, and written a page a transaction; a sum over the rows
of each table is made on the way and again from what arrived. Servers must be stopped: when something changed
meanwhile, the copy is refused. Stopped half-way, the target holds rows and is refused too: give another empty one.

Raises Refused (target not empty, source changed), Corrupt (what arrived is not what was read), Unavailable.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import Table, bindparam, select, tuple_

from storage_backends.errors import Corrupt, Refused
from storage_backends.index import schema
from storage_backends.index.api import NO_ACCOUNT, Index, Parameters, Row, Transaction
from storage_backends.index.statement import Prepared, insert, prepared
from storage_backends.index.tables import documents

PAGE: Final = 500
"""Rows a transaction: well under 50 ms."""
_MASK: Final = (1 << 128) - 1

COPIED: Final = "copied"
"""The document that is left in the source: it does not know everything about its body stores any more."""
_WATCHED: Final = (schema.account, schema.document, schema.outgoing, schema.queued)
"""Whatever changes in a source, mail, configuration or queue, changes a row of these."""


@dataclass(frozen=True, slots=True)
class _Spelled:
    """A statement that the engines spell differently."""

    on_sqlite: str
    on_postgres: str

    def sqlite(self, given: Parameters) -> tuple[str, Parameters]:
        return self.on_sqlite, given

    def postgres(self, given: Parameters) -> tuple[str, Parameters]:
        return self.on_postgres, given


async def copy(source: Index, target: Index, progress: Callable[[int], None] = lambda rows: None) -> dict[str, int]:
    """Copy everything; return the number of rows of each table. `progress` hears the rows done so far."""
    tables = schema.metadata.sorted_tables
    for table in tables:
        if await target.read(partial(_any_row, table=table)):
            raise Refused(f"the target is not empty: table {table.name} has rows; give an empty database")
    before = [await _sum_table(source, table) for table in _WATCHED]
    done = 0
    counts: dict[str, int] = {}
    for table in tables:
        counts[table.name], read = await _copy_table(source, target, table, partial(_progressed, progress, done))
        arrived = await _sum_table(target, table)
        if arrived != (counts[table.name], read):
            raise Corrupt(
                f"table {table.name} did not arrive as it was read; give another empty database and try again"
            )
        done += counts[table.name]
        last = await source.read(partial(last_id, table=table))
        await target.write(NO_ACCOUNT, partial(set_last_id, table=table, last=last))
    if [await _sum_table(source, table) for table in _WATCHED] != before:
        raise Refused("something changed while it was copied; stop all servers, give an empty database and try again")
    await target.write(NO_ACCOUNT, forget)
    await source.write(NO_ACCOUNT, partial(_note, text="This index was copied to another database."))
    return counts


def was_copied(tx: Transaction) -> bool:
    """Whether another database was made of this one, which may know more by now."""
    return bool(documents.load(tx, COPIED).text)


def forget(tx: Transaction) -> None:
    """Let this database count again: the one that was made of it does not."""
    _note(tx, text="")


def _note(tx: Transaction, *, text: str) -> None:
    before = documents.load(tx, COPIED)
    if before.text != text:
        documents.replace(tx, COPIED, text, seen=before.version, now=0)


def _progressed(progress: Callable[[int], None], before: int, rows: int) -> None:
    progress(before + rows)


async def _copy_table(source: Index, target: Index, table: Table, progress: Callable[[int], None]) -> tuple[int, int]:
    rows = total = 0
    columns = [column.name for column in table.columns]
    filling = prepared(insert(table).values({name: bindparam(name) for name in columns}))
    async for page in _pages(source, table):
        total = (total + _sum(page)) & _MASK
        parameters = [dict(zip(columns, row, strict=True)) for row in page]
        await target.write(NO_ACCOUNT, partial(_fill, statement=filling, parameters=parameters))
        rows += len(page)
        progress(rows)
    return rows, total


async def _sum_table(index: Index, table: Table) -> tuple[int, int]:
    rows = total = 0
    async for page in _pages(index, table):
        rows += len(page)
        total = (total + _sum(page)) & _MASK
    return rows, total


async def _pages(index: Index, table: Table) -> AsyncIterator[list[Row]]:
    """Pages of rows in the order of the primary key."""
    keys = list(table.primary_key.columns)
    positions = [list(table.columns).index(key) for key in keys]
    first = prepared(select(table).order_by(*keys).limit(PAGE))
    after = tuple_(*(bindparam(f"after_{key.name}", type_=key.type) for key in keys))
    following = prepared(select(table).where(tuple_(*keys) > after).order_by(*keys).limit(PAGE))
    page = await index.read(lambda tx: tx.all(first, {}))
    while page:
        yield page
        last = {f"after_{key.name}": page[-1][position] for key, position in zip(keys, positions, strict=True)}
        page = await index.read(partial(_following, statement=following, last=last))


def _following(tx: Transaction, *, statement: Prepared, last: dict[str, Any]) -> list[Row]:
    return tx.all(statement, last)


def _fill(tx: Transaction, *, statement: Prepared, parameters: Sequence[dict[str, Any]]) -> None:
    tx.many(statement, parameters)


def _any_row(tx: Transaction, *, table: Table) -> bool:
    return tx.one(prepared(select(*table.primary_key.columns).limit(1)), {}) is not None


def _gives_ids(table: Table) -> bool:
    column = table.autoincrement_column
    return column is not None and column.autoincrement is True


def last_id(tx: Transaction, *, table: Table) -> int:
    """The highest id that a table ever gave: of a row that is gone, perhaps, and never to be given again."""
    if not _gives_ids(table):
        return 0
    asked = _Spelled(
        f"SELECT seq FROM sqlite_sequence WHERE name = '{table.name}'",  # noqa: S608 - a name of the schema
        f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {table.name}_id_seq",  # noqa: S608 - the same
    )
    row = tx.one(asked, {})
    return int(row[0]) if row else 0


def set_last_id(tx: Transaction, *, table: Table, last: int) -> None:
    if last == 0:
        return
    nothing = "SELECT 1"
    forget = f"DELETE FROM sqlite_sequence WHERE name = '{table.name}'"  # noqa: S608 - a name of the schema
    remember = f"INSERT INTO sqlite_sequence (name, seq) VALUES ('{table.name}', :last)"  # noqa: S608 - the same
    tx.run(_Spelled(forget, nothing), {})
    tx.run(_Spelled(remember, f"SELECT setval('{table.name}_id_seq', %(last)s)"), {"last": last})


def _sum(page: Sequence[Row]) -> int:
    """A sum that does not depend on the order of rows; bytes are the same whatever type the driver gives them."""
    total = 0
    for row in page:
        plain = tuple(bytes(value) if isinstance(value, bytes | memoryview) else value for value in row)
        total += int.from_bytes(blake2b(repr(plain).encode(), digest_size=16).digest(), "big")
    return total & _MASK
