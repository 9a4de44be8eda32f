"""A mail store on disk and SQLite, readable and sealed, with one account; for `ON_POSTGRES` on Postgres too."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from mox_trio.mailstore import accounts
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.open import open_postgres
from tests.kit import stores

ON_POSTGRES = (
    "test_attempts",
    "test_certificates",
    "test_deleting",
    "test_deliver",
    "test_importing_at_once",
    "test_settings",
    "test_totp",
)
"""Modules whose tests run on Postgres too; `test_model` does so by itself."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kit" in metafunc.fixturenames:
        more = ["postgres"] if metafunc.module.__name__.rpartition(".")[2] in ON_POSTGRES else []
        metafunc.parametrize("kit", ["readable", "sealed", *more], indirect=True)


@pytest.fixture
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[stores.Kit]:
    if request.param == "postgres":
        async with AsyncExitStack() as stack:
            index = await open_postgres(request.getfixturevalue("postgres_database"), 6)
            stack.push_async_callback(index.aclose)
            yield await stack.enter_async_context(stores.opened(tmp_path, index=index))
    else:
        async with stores.opened(tmp_path, sealing=request.param == "sealed") as opened:
            yield opened


@pytest.fixture
async def store(kit: stores.Kit) -> MailStore:
    return kit.store


@pytest.fixture
async def account(store: MailStore) -> Account:
    return await accounts.create(store, "ann")
