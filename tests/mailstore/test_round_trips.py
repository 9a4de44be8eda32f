"""What a delivery costs on Postgres, where each round trip may be a journey through the network."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mox_trio.mailstore import accounts
from storage_backends.contract.index import closing
from storage_backends.index.open import open_postgres
from storage_backends.index.postgres_wire import Asked, Wire
from tests.kit import stores
from tests.kit.stores import message, put


async def test_a_delivery_takes_three_round_trips_and_a_commit(
    postgres_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: list[list[str]] = []
    converse = Wire.converse

    def counted(wire: Wire, asked: Sequence[Asked]) -> None:
        trips.append([each.sql for each in asked])
        converse(wire, asked)

    monkeypatch.setattr(Wire, "converse", counted)
    async with closing(open_postgres(postgres_database)) as index, stores.opened(tmp_path, index=index) as kit:
        account = await accounts.create(kit.store, "ann")
        await put(kit.store, account, message("first"))

        trips.clear()
        await put(kit.store, account, message("alone", Message_ID="<1@example.org>"))
        mine = [trip for trip in trips if not any("pg_notify" in sql for sql in trip)]
        assert len(mine) == 4, mine
        assert mine[0][0] == "BEGIN"
        assert mine[-1] == ["COMMIT"]
