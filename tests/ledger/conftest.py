"""An index on each engine with one account."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage_backends.index.api import NO_ACCOUNT, AccountId, Index
from storage_backends.index.open import open_postgres, open_sqlite
from storage_backends.index.tables import accounts
from tests.kit.queued import START


@pytest.fixture(params=["sqlite", "postgres"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Index]:
    if request.param == "sqlite":
        opened = await open_sqlite(tmp_path / "index.db")
    else:
        opened = await open_postgres(request.getfixturevalue("postgres_database"), 4)
    yield opened
    await opened.aclose()


@pytest.fixture
async def account(index: Index) -> AccountId:
    return await index.write(NO_ACCOUNT, lambda tx: accounts.add(tx, "ann", now=START))
