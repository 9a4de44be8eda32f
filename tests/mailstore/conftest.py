"""A mail store on disk and SQLite, readable and sealed, with one account."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mox_trio.mailstore import accounts
from mox_trio.mailstore.store import Account, MailStore
from tests.kit import stores


@pytest.fixture(params=["readable", "sealed"])
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[stores.Kit]:
    async with stores.opened(tmp_path, sealing=request.param == "sealed") as opened:
        yield opened


@pytest.fixture
async def store(kit: stores.Kit) -> MailStore:
    return kit.store


@pytest.fixture
async def account(store: MailStore) -> Account:
    return await accounts.create(store, "ann")
