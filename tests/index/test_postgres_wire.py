"""Statements in one round trip: what goes in comes out, and what fails is told at its place."""

import enum
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage_backends.index import postgres_wire
from storage_backends.index.api import Row
from storage_backends.index.postgres_connection import Connector
from storage_backends.index.postgres_wire import Asked, Wire

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
INTEGERS = st.integers(-(2**63), 2**63 - 1)
ANSWERED = "SELECT %(number)s::bigint"


@pytest.fixture
def wire(postgres_server: str) -> Iterator[Wire]:
    wire = Connector(postgres_server).wire()
    yield wire
    wire.close()


def row(wire: Wire, sql: str, **values: object) -> Row | None:
    asked = Asked(sql, values)
    wire.converse([asked])
    return wire.first(asked)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=INTEGERS, words=TEXT, octets=st.binary(), numbers=st.lists(INTEGERS), texts=st.lists(TEXT))
def test_values_come_back_as_they_went_in(
    wire: Wire, number: int, words: str, octets: bytes, numbers: list[int], texts: list[str]
) -> None:
    sql = (
        "SELECT %(number)s::bigint, %(words)s::text, %(octets)s::bytea, %(numbers)s::bigint[], %(texts)s::text[],"
        " %(number)s::bigint"
    )
    got = row(wire, sql, number=number, words=words, octets=octets, numbers=numbers, texts=texts)
    assert got == (number, words, octets, numbers, texts, number)


def test_values_of_other_types_are_sent_as_what_they_derive_from(wire: Wire) -> None:
    class Color(enum.IntFlag):
        RED = 2

    class Word(enum.StrEnum):
        GO = "go"

    sql = "SELECT %(a)s::bigint, %(b)s::text, %(c)s::bytea, %(d)s::bytea, %(e)s::boolean, %(f)s::bigint"
    values = {"a": Color.RED, "b": Word.GO, "c": bytearray(b"\0x"), "d": memoryview(b"y"), "e": True, "f": None}
    assert row(wire, sql, **values) == (2, "go", b"\0x", b"y", True, None)


def test_sums_keep_their_type_and_a_percent_sign_is_written_twice(wire: Wire) -> None:
    sql = "SELECT sum(n), 7 %% 4 FROM generate_series(1, %(most)s::bigint) AS n"
    assert row(wire, sql, most=4) == (Decimal(10), 3)


@pytest.mark.parametrize(
    ("value", "error"), [("a\0b", psycopg.DataError), (["a\0b"], psycopg.DataError), (1.5, psycopg.ProgrammingError)]
)
def test_what_cannot_be_sent_is_refused_before_anything_is(
    wire: Wire, value: object, error: type[psycopg.Error]
) -> None:
    before = Asked("BEGIN")
    with pytest.raises(error):
        wire.converse([before, Asked("SELECT %(value)s::text", {"value": value})])
    assert before.result is None
    assert not wire.lost
    assert not wire.in_transaction


def test_a_missing_parameter_is_the_drivers_error(wire: Wire) -> None:
    with pytest.raises(psycopg.ProgrammingError, match="parameter number is missing"):
        row(wire, ANSWERED)


def test_rows_in_any_number(wire: Wire) -> None:
    none, some, nothing = (
        Asked("SELECT n FROM generate_series(1, %(most)s::bigint) AS n", {"most": most}) for most in (0, 3, None)
    )
    said = Asked("SET LOCAL lock_timeout = 1000")
    wire.converse([none, some, nothing, said])
    assert [wire.rows(each) for each in (none, some, nothing, said)] == [[], [(1,), (2,), (3,)], [], []]
    assert [wire.first(each) for each in (none, some, nothing, said)] == [None, (1,), None, None]


@pytest.mark.parametrize("mistake", ["SELECT 1 / %(zero)s::bigint", "SELEKT %(zero)s", "SELECT %(zero)s::nonsense"])
def test_nothing_behind_a_failure_runs_and_the_connection_goes_on(wire: Wire, mistake: str) -> None:
    for _ in range(2):
        statements = (ANSWERED, mistake, ANSWERED + " + 1")
        before, failing, behind = (Asked(sql, {"number": 1, "zero": 0}) for sql in statements)
        with pytest.raises(psycopg.Error):
            wire.converse([Asked("BEGIN"), before, failing, behind])
        assert wire.first(before) == (1,)
        assert failing.result is None
        assert behind.result is None
        assert wire.in_error
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            wire.converse([behind])
        wire.converse([Asked("ROLLBACK"), behind])
        assert wire.first(behind) == (2,)
        assert not wire.lost


def test_an_error_does_not_quote_values(wire: Wire) -> None:
    wire.converse([Asked("BEGIN"), Asked("CREATE TEMPORARY TABLE t (name TEXT UNIQUE) ON COMMIT DROP")])
    add = "INSERT INTO t VALUES (%(name)s)"
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        wire.converse([Asked(add, {"name": "secret"}), Asked(add, {"name": "secret"})])
    assert "secret" not in str(caught.value)
    assert "duplicate key" in str(caught.value)


def test_far_more_than_any_buffer_holds_goes_both_ways_at_once(wire: Wire) -> None:
    octets = bytes(range(256)) * 4096
    asked = [Asked("SELECT %(octets)s::bytea", {"octets": octets}) for _ in range(30)]
    wire.converse(asked)
    assert all(wire.first(each) == (octets,) for each in asked)


def test_an_answer_that_was_read_while_sending_is_not_waited_for(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    send = wire._send

    def slow(ready: list[Any]) -> list[Any]:
        preparing = send(ready)
        wire._readable.poll()
        wire._libpq.consume_input()  # all of the answer, as can happen between two parts of what is sent
        assert not wire._readable.poll(0)
        return preparing

    monkeypatch.setattr(wire, "_send", slow)
    assert row(wire, ANSWERED, number=1) == (1,)


def test_a_statement_is_prepared_once(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_wire, "NAMED", 3)
    names = "SELECT count(*) FROM pg_prepared_statements WHERE name <> %(number)s::text"
    for turn in range(3):
        wire.converse([Asked(ANSWERED, {"number": turn}), Asked(ANSWERED, {"number": turn})])
        for number in range(5):
            assert row(wire, f"{ANSWERED} + {number}", number=1) == (1 + number,)
    assert row(wire, names, number="") == (3,)


def test_a_connection_that_the_server_ends_is_lost(wire: Wire) -> None:
    end = Asked("SELECT pg_terminate_backend(%(backend)s)", {"backend": wire.backend})
    with pytest.raises(psycopg.OperationalError):
        wire.converse([Asked("BEGIN"), end, Asked(ANSWERED, {"number": 1})])
    assert wire.lost
    with pytest.raises(psycopg.OperationalError):
        row(wire, ANSWERED, number=1)
