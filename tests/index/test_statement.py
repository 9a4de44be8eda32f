"""One clause, the text of two engines."""

from typing import Any

import pytest
from sqlalchemy import bindparam, delete, literal, select, update
from sqlalchemy.sql.elements import ClauseElement

from storage_backends.index import schema, statement

ACCOUNT = schema.account.c
SETTING = schema.setting.c


def texts(clause: ClauseElement, **given: Any) -> tuple[str, dict[str, Any], str, dict[str, Any]]:
    prepared = statement.prepared(clause)
    sqlite, sqlite_parameters = prepared.sqlite(given)
    postgres, postgres_parameters = prepared.postgres(given)
    return " ".join(sqlite.split()), dict(sqlite_parameters), " ".join(postgres.split()), dict(postgres_parameters)


def test_named_parameters_are_spelled_for_each_driver() -> None:
    sqlite, given, postgres, _ = texts(select(ACCOUNT.name).where(ACCOUNT.id == bindparam("id")), id=7)
    assert sqlite == "SELECT account.name FROM account WHERE account.id = :id"
    assert postgres == "SELECT account.name FROM account WHERE account.id = %(id)s::BIGINT"
    assert given == {"id": 7}


def test_values_in_the_clause_travel_with_the_statement() -> None:
    clause = select(ACCOUNT.id).where(ACCOUNT.modseq == 5, ACCOUNT.name == bindparam("name"))
    _, sqlite, _, postgres = texts(clause, name="a")
    assert sqlite == postgres == {"modseq_1": 5, "name": "a"}


def test_a_fixed_list_in_the_clause_is_expanded() -> None:
    sqlite, given, postgres, _ = texts(
        select(ACCOUNT.id).where(ACCOUNT.state.in_(("a", "b")), ACCOUNT.id > bindparam("i"))
    )
    assert "POSTCOMPILE" not in sqlite + postgres
    assert sorted(given.values()) == ["a", "b"]


def test_a_list_parameter_is_json_for_sqlite_and_an_array_for_postgres() -> None:
    sqlite, given, postgres, array = texts(
        delete(schema.account).where(statement.any_of(ACCOUNT.id, "ids")), ids=(1, 2)
    )
    assert sqlite == "DELETE FROM account WHERE account.id IN (SELECT value FROM json_each(:ids))"
    assert postgres == "DELETE FROM account WHERE account.id = ANY(%(ids)s::BIGINT[])"
    assert (given, array) == ({"ids": "[1, 2]"}, {"ids": [1, 2]})


def test_upserts_and_returning_are_the_same_on_both() -> None:
    upsert = statement.insert(schema.setting).values(
        account_id=bindparam("a"), name=bindparam("n"), value=bindparam("v")
    )
    clause = upsert.on_conflict_do_update(
        index_elements=[SETTING.account_id, SETTING.name], set_={"value": upsert.excluded.value}
    ).returning(SETTING.modseq)
    sqlite, _, postgres, _ = texts(clause)
    for text in (sqlite, postgres):
        assert "ON CONFLICT (account_id, name) DO UPDATE SET value = excluded.value RETURNING" in text


def test_greatest_has_the_name_of_each_engine() -> None:
    clause = update(schema.account).values(
        modseq=statement.greatest(ACCOUNT.modseq, bindparam("m", type_=ACCOUNT.modseq.type))
    )
    sqlite, _, postgres, _ = texts(clause, m=4)
    assert "modseq=max(account.modseq, :m)" in sqlite
    assert "modseq=greatest(account.modseq, %(m)s::BIGINT)" in postgres


def test_a_percent_sign_is_not_a_parameter() -> None:
    _, _, postgres, _ = texts(select(literal("x").label("50%")))
    assert '"50%%"' in postgres


@pytest.mark.parametrize("helper", [statement.greatest, statement.least])
def test_extremes_are_integers_in_larger_expressions(helper: Any) -> None:
    clause = select(helper(ACCOUNT.modseq, ACCOUNT.created) + bindparam("n"))
    _, _, postgres, _ = texts(clause, n=1)
    assert "%(n)s::BIGINT" in postgres
