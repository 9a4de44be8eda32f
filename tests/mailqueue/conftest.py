"""A queue on each engine, with a clock that the test moves and one account."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mox_trio.mailqueue.queue import Mailqueue
from storage_backends.index.api import NO_ACCOUNT, AccountId, Index
from storage_backends.index.open import open_postgres, open_sqlite
from storage_backends.index.tables import accounts
from tests.kit.queued import START, MovedClock


@pytest.fixture(params=["sqlite", "postgres"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Index]:
    if request.param == "sqlite":
        opened = await open_sqlite(tmp_path / "index.db")
    else:
        opened = await open_postgres(request.getfixturevalue("postgres_database"), 4)
    yield opened
    await opened.aclose()


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(START)


@pytest.fixture
def queue(index: Index, clock: MovedClock) -> Mailqueue:
    return Mailqueue(index, clock)


@pytest.fixture
async def account(index: Index) -> AccountId:
    return await index.write(NO_ACCOUNT, lambda tx: accounts.add(tx, "ann", now=START))
