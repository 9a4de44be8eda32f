"""Statements to Postgres and their answers: any number of them in one round trip.

libpq's pipeline mode is driven here directly: what is asked together is sent in one go, waited for once, and read in one
go. The thread waits in poll() and never inside libpq, which would keep the interpreter from the other threads. A statement is
prepared on the server with its first use on a connection; the server infers the types of parameters.

- A statement fails: the server runs none of those sent behind it. `converse` raises the driver's error, with the server's
  first line only, because the details quote values. The connection can go on, in a transaction with a rollback.
- Anything else goes wrong between sending and the last answer (the connection breaks, memory ends): the connection
  cannot be used any more and `lost` says so.
"""

import re
import select
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import errors, pq
from psycopg.adapt import Transformer

from storage_backends.index.api import Parameters, Row
from storage_backends.index.statement import NONE

NAMED: Final = 500
"""Prepared statements of a connection at most: more than this program has. What comes then is sent with its text."""
BINARY: Final = 1
"""The format of all values that are read, and of bytes that are sent."""
TEXT: Final = 0
PARAMETER: Final = re.compile(r"%(?:\((\w+)\)s|(%))")

Dumper = Callable[[Any], bytes]


@dataclass(slots=True, eq=False)
class Asked:
    """A statement, with `%(name)s` where a parameter goes, and what became of it."""

    sql: str
    values: Parameters = field(default_factory=lambda: NONE)
    result: pq.abc.PGresult | None = None
    """None until the server ran it."""


@dataclass(slots=True, eq=False)
class _Known:
    """A statement as the server takes it."""

    text: bytes
    parameters: tuple[str, ...]
    name: bytes
    """Empty: not to be prepared."""
    is_prepared: bool = False


@dataclass(slots=True, eq=False)
class _Ready:
    """A statement whose values are bytes."""

    asked: Asked
    known: _Known
    values: list[bytes | None]
    formats: list[int]


class Wire:
    """A connection in pipeline mode. One thread uses it."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        """`connection` is in autocommit; it belongs to the wire from now on."""
        self._connection = connection
        self._libpq = connection.pgconn
        self._libpq.nonblocking = 1
        self._libpq.enter_pipeline_mode()
        self._loading = Transformer(connection)
        self._known: dict[str, _Known] = {}
        self._conversing = False
        self._readable = select.poll()
        self._readable.register(self._libpq.socket, select.POLLIN)
        self._either = select.poll()
        self._either.register(self._libpq.socket, select.POLLIN | select.POLLOUT)
        self.backend = self._libpq.backend_pid
        """The process id of the server's side."""

    @property
    def lost(self) -> bool:
        """Whether the connection is of no use any more."""
        return self._conversing or self._connection.closed

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction was begun and has not ended."""
        return self._libpq.transaction_status != pq.TransactionStatus.IDLE

    @property
    def in_error(self) -> bool:
        """Whether a statement of the transaction failed, so that only a rollback is left."""
        return self._libpq.transaction_status == pq.TransactionStatus.INERROR

    def close(self) -> None:
        """Close without complaint."""
        with suppress(psycopg.Error):
            self._connection.close()

    def converse(self, asked: Sequence[Asked]) -> None:
        """Run statements, in this order and in one round trip. Raises psycopg.Error: of the first that failed."""
        ready = [self._made_ready(each) for each in asked]
        if self.lost:
            raise psycopg.OperationalError("the connection is lost")
        self._conversing = True
        preparing = self._send(ready)
        failed: pq.abc.PGresult | None = None
        for each in ready:
            if each.known in preparing:
                preparing.remove(each.known)
                result = self._answer()
                each.known.is_prepared = result.status == pq.ExecStatus.COMMAND_OK
                failed = failed or _failure(result)
            result = self._answer()
            if (failure := _failure(result)) is None:
                each.asked.result = result
            else:
                failed = failed or failure
        self._answer(separated=False)  # of the sync
        self._conversing = False
        if failed is not None:
            raise _error(failed)

    def rows(self, asked: Asked) -> list[Row]:
        """The rows of a statement that was run."""
        result = asked.result
        if result is None or not (count := result.ntuples):
            return []
        return self._loaded(result, count)

    def first(self, asked: Asked) -> Row | None:
        """The first of the rows, or None."""
        result = asked.result
        if result is None or not result.ntuples:
            return None
        return self._loaded(result, 1)[0]

    def _loaded(self, result: pq.abc.PGresult, count: int) -> list[Row]:
        self._loading.set_pgresult(result)
        rows = self._loading.load_rows(0, count, tuple)
        self._loading.set_pgresult(None)  # else it would stay in memory until the next
        return rows

    def _made_ready(self, asked: Asked) -> _Ready:
        known = self._known.get(asked.sql)
        if known is None:
            known = self._known_from_now(asked.sql)
        given = asked.values
        values: list[bytes | None] = []
        formats: list[int] = []
        for name in known.parameters:
            try:
                value = given[name]
            except KeyError:
                raise psycopg.ProgrammingError(f"the parameter {name} is missing") from None
            if value is None:
                values.append(None)
                formats.append(TEXT)
            else:
                dump, kind = DUMPERS.get(type(value)) or _inherited(type(value))
                values.append(dump(value))
                formats.append(kind)
        return _Ready(asked, known, values, formats)

    def _known_from_now(self, sql: str) -> _Known:
        parameters: list[str] = []

        def numbered(match: re.Match[str]) -> str:
            if match[2]:
                return "%"
            if match[1] not in parameters:
                parameters.append(match[1])
            return f"${parameters.index(match[1]) + 1}"

        text = PARAMETER.sub(numbered, sql).encode()
        # What takes no parameters is short or seldom: BEGIN, COMMIT.
        name = b"s%d" % len(self._known) if parameters and len(self._known) < NAMED else b""
        known = _Known(text, tuple(parameters), name)
        if len(self._known) < NAMED:
            self._known[sql] = known
        return known

    def _send(self, ready: list[_Ready]) -> list[_Known]:
        """Send all, up to the last byte. Returns what is prepared on the way."""
        preparing: list[_Known] = []
        libpq = self._libpq
        for each in ready:
            known = each.known
            if not known.name:
                libpq.send_query_params(known.text, each.values, None, each.formats, BINARY)
                continue
            if not known.is_prepared and known not in preparing:
                libpq.send_prepare(known.name, known.text)
                preparing.append(known)
            libpq.send_query_prepared(known.name, each.values, each.formats, BINARY)
        libpq.pipeline_sync()
        while libpq.flush():
            # The server may stop reading until its answers are read.
            if any(event & ~select.POLLOUT for _, event in self._either.poll()):
                libpq.consume_input()
        return preparing

    def _answer(self, *, separated: bool = True) -> pq.abc.PGresult:
        libpq = self._libpq
        while libpq.is_busy():
            self._readable.poll()
            libpq.consume_input()
        result = libpq.get_result()
        if result is None:
            raise psycopg.InternalError("an answer of the server is missing")
        if separated:
            libpq.get_result()  # None: it is there at once
        return result


def _failure(result: pq.abc.PGresult) -> pq.abc.PGresult | None:
    if result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        return None
    return result


def _error(result: pq.abc.PGresult) -> psycopg.Error:
    error = errors.error_from_result(result)
    if (first_line := error.diag.message_primary) is not None:
        error.args = (first_line,)
    return error


def _from_text(value: str) -> bytes:
    if "\0" in value:
        raise psycopg.DataError("text with a NUL character cannot be stored")  # libpq would cut it there
    return value.encode()


def _from_list(values: Sequence[Any]) -> bytes:
    """An array; of integers or of text."""
    return b"{%b}" % b",".join(_quoted(value) if isinstance(value, str) else b"%d" % value for value in values)


def _quoted(value: str) -> bytes:
    return b'"%b"' % _from_text(value).replace(b"\\", b"\\\\").replace(b'"', b'\\"')


DUMPERS: Final[dict[type, tuple[Dumper, int]]] = {
    int: (b"%d".__mod__, TEXT),
    str: (_from_text, TEXT),
    bytes: (bytes, BINARY),
    bytearray: (bytes, BINARY),
    memoryview: (bytes, BINARY),
    bool: (lambda value: b"t" if value else b"f", TEXT),
    list: (_from_list, TEXT),
}


def _inherited(kind: type) -> tuple[Dumper, int]:
    for base in kind.__mro__:
        if base in DUMPERS:
            return DUMPERS[base]
    raise psycopg.ProgrammingError(f"cannot send a {kind.__name__}")
