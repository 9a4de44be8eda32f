"""When messages came into their mailbox (RFC 8514)."""

import datetime

import pytest

from tests.kit import stores
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


def written(days: int) -> str:
    day = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days)
    return f"{day.day}-{day:%b-%Y}"


async def test_the_day_of_saving_is_not_that_of_receiving(world: World) -> None:
    await world.put(stores.message(), received=1_000_000_000_000)
    await world.put(stores.message(), received=1_000_000_000_000)
    world.kit.clock.ahead += 3 * 86_400_000
    async with world.user("INBOX") as client:
        await client.ok("UID COPY 1 Archive")
        assert (await client.ok("SEARCH SAVEDATESUPPORTED")).lines == [b"* SEARCH 1 2"]
        assert (await client.ok(f"SEARCH SAVEDSINCE {written(-1)}")).lines == [b"* SEARCH 1 2"]
        assert (await client.ok(f"SEARCH SAVEDSINCE {written(2)}")).lines == [b"* SEARCH"]
        assert (await client.ok(f"SEARCH SAVEDBEFORE {written(2)}")).lines == [b"* SEARCH 1 2"]
        assert (await client.ok(f"SEARCH SAVEDON {written(-1)}")).lines == [b"* SEARCH"]
        assert (await client.ok("SEARCH BEFORE 1-Jan-2002")).lines == [b"* SEARCH 1 2"]
        await client.ok("SELECT Archive")
        assert (await client.ok(f"SEARCH SAVEDSINCE {written(2)}")).lines == [b"* SEARCH 1"]
        assert (await client.do("SEARCH SAVEDON yesterday")).kind == "BAD"
