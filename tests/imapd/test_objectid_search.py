"""Searching by EMAILID and THREADID (RFC 8474)."""

import pytest

from tests.kit import stores
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def test_mails_and_threads_are_found_by_their_ids(world: World) -> None:
    first = await world.put(stores.message("plan", Message_ID="<1@a>"))
    await world.put(stores.message("Re: plan", Message_ID="<2@a>", References="<1@a>"))
    other = await world.put(stores.message("other", Message_ID="<3@a>"))
    async with world.user("INBOX") as client:
        assert (await client.ok(f"SEARCH EMAILID {first.object_id}")).lines == [b"* SEARCH 1"]
        assert (await client.ok(f"UID SEARCH EMAILID {other.object_id}")).lines == [b"* SEARCH 3"]
        assert (await client.ok(f'SEARCH THREADID "{first.thread_id}"')).lines == [b"* SEARCH 1 2"]
        assert (await client.ok(f"SEARCH NOT THREADID {first.thread_id}")).lines == [b"* SEARCH 3"]
        assert (await client.ok(f"SEARCH EMAILID {first.thread_id}")).lines == [b"* SEARCH"]
        assert (await client.ok("SEARCH EMAILID Munheard-of")).lines == [b"* SEARCH"]
        await client.ok("COPY 1 Archive")
        await client.ok("SELECT Archive")
        assert (await client.ok(f"SEARCH EMAILID {first.object_id}")).lines == [b"* SEARCH 1"]


@pytest.mark.parametrize("key", ["EMAILID", 'EMAILID ""', "EMAILID a.b", "THREADID (a)", "THREADID " + "x" * 256])
async def test_what_is_no_id_is_bad(world: World, key: str) -> None:
    async with world.user("INBOX") as client:
        assert (await client.do(f"SEARCH {key}")).kind == "BAD"
