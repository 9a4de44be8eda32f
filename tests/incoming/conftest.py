"""A listener with three accounts over a store on disk."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit import incoming_world, stores
from tests.kit.incoming_world import World


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[stores.Kit]:
    async with stores.opened(tmp_path) as opened:
        yield opened


@pytest.fixture
async def world(kit: stores.Kit) -> World:
    first = incoming_world.snapshot()
    return World(kit.store, incoming_world.live_config(first, kit.directory), incoming_world.settings_of(first))
