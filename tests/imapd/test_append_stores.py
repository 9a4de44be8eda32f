"""APPEND in all its forms, and annotations, over sealed stores and over Postgres."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from mox_trio.ledger import sent
from mox_trio.mailstore import verifying
from storage_backends.index.open import open_postgres
from tests.imapd.test_append import fetched, literal
from tests.imapd.test_append_pipelined import completions, one, subjects
from tests.imapd.test_multiappend import several
from tests.kit import imap_world, stores
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


@pytest.fixture(params=["sealed", "postgres"])
async def there(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        more: dict[str, Any] = {"sealing": True}
        if request.param == "postgres":
            index = await open_postgres(request.getfixturevalue("postgres_database"), 6)
            stack.push_async_callback(index.aclose)
            more = {"index": index}
        yield await stack.enter_async_context(imap_world.world(tmp_path, **more))


async def test_messages_are_there_whatever_keeps_them(there: World) -> None:
    data = stores.message("first", To="bob@example.com")
    async with there.user("Sent") as client:
        await client.ok(literal(data, "APPEND Sent (work)", waits=False))
        await client.ok(several([stores.message(f"m{number}") for number in range(70)], name="Sent"))
        await client.send(b"".join(one(number, stores.message(f"p{number}"), "Sent") for number in range(70)))
        assert all(line.split(b" ")[1] == b"OK" for line in await completions(client, 70))
        await client.ok("UID REPLACE 1 Sent CATENATE (URL ;UID=1/;SECTION=HEADER TEXT {3+}\r\nnew)")
        assert await fetched(client, 142) == data.partition(b"\r\n\r\n")[0] + b"\r\n\r\nnew"
    expected = [*(f"m{number}" for number in range(70)), *(f"p{number}" for number in range(70)), "first"]
    assert await subjects(there, "Sent") == expected
    known = await sent.known(there.store.index, there.account.id, there.account.codec)
    assert {each.address for each in known} == {"bob@example.com", "bob@example.org"}
    assert [finding async for finding in verifying.run(there.store, bodies=True)] == []


async def test_annotations_are_listed_beside_mailboxes(there: World) -> None:
    async with there.user() as client:
        await client.ok('SETMETADATA Inbox (/private/comment "mine")')
        await client.ok("RENAME Inbox Old/mail")
        answer = await client.ok('LIST "" (Inbox Old*) RETURN (METADATA (/private/comment) STATUS (MESSAGES))')
        assert answer.starting("METADATA") == [
            b'METADATA "Inbox" (/private/comment "mine")',
            b'METADATA "Old" (/private/comment NIL)',
            b'METADATA "Old/mail" (/private/comment "mine")',
        ]
