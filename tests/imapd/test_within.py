"""OLDER and YOUNGER (RFC 5032)."""

import pytest

from tests.kit import stores
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too

AGES = (10, 3600, 86_400, 700_000)


async def test_ages_are_counted_from_now(world: World) -> None:
    now = world.store.now()
    for age in AGES:
        await world.put(stores.message(), received=now - age * 1000)
    async with world.user("INBOX") as client:
        for keys, found in (
            ("YOUNGER 600", "1"),
            ("YOUNGER 90000", "1 2 3"),
            ("OLDER 600", "2 3 4"),
            ("OLDER 600000", "4"),
            ("OLDER 600 YOUNGER 90000", "2 3"),
            ("NOT OLDER 600", "1"),
            ("OLDER 4294967295", ""),
        ):
            assert (await client.ok(f"SEARCH {keys}")).lines == [f"* SEARCH {found}".strip().encode()], keys
        world.kit.clock.ahead += 3_600_000
        assert (await client.ok("SEARCH YOUNGER 600")).lines == [b"* SEARCH"]


@pytest.mark.parametrize("key", ["OLDER", "OLDER 0", "OLDER -1", "YOUNGER x", "YOUNGER 4294967296", "OLDER 1d"])
async def test_what_is_no_interval_is_bad(world: World, key: str) -> None:
    async with world.user("INBOX") as client:
        assert (await client.do(f"SEARCH {key}")).kind == "BAD"
