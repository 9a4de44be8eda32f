"""SORT by what is displayed of senders and receivers (RFC 5957)."""

import pytest

from tests.kit import stores
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too

PEOPLE = (
    ("=?utf-8?q?=C3=89mile?= <zz@a.example>", '"Last One" <aa@a.example>'),
    ("bob@a.example", "carol@a.example"),
    ('"ann Lee" <yy@a.example>', "Carl <xx@a.example>, Zoe <zoe@a.example>"),
    ("Émilia <a@a.example>", ""),
)


async def test_names_go_before_addresses_whatever_their_case(world: World) -> None:
    for sender, receiver in PEOPLE:
        await world.put(stores.message("x", From=sender, To=receiver))
    async with world.user("INBOX") as client:
        assert (await client.ok("SORT (DISPLAYFROM) UTF-8 ALL")).lines == [b"* SORT 3 2 1 4"]
        assert (await client.ok("SORT (REVERSE DISPLAYFROM) UTF-8 ALL")).lines == [b"* SORT 4 1 2 3"]
        assert (await client.ok("SORT (DISPLAYTO) UTF-8 ALL")).lines == [b"* SORT 4 3 2 1"]
        assert (await client.ok("SORT (FROM) UTF-8 ALL")).lines == [b"* SORT 4 2 3 1"]
        assert (await client.ok("SORT (TO) UTF-8 ALL")).lines == [b"* SORT 4 1 2 3"]
