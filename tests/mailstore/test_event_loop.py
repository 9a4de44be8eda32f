"""What mail can be written to make slow runs in threads; what is small runs where it is."""

import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trio

from mox_trio.mailstore import deliver, importing, rendering
from mox_trio.mailstore import spool as spool_module
from mox_trio.mailstore.deliver import INLINE_PARTS, Incoming
from mox_trio.mailstore.spool import INLINE, MEMORY, Spool
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime.parser import Parser
from tests.kit import mail_trees as trees
from tests.kit.stores import message, put

PARTS = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def filled(head: bytes, unit: bytes, size: int) -> bytes:
    return head + unit * ((size - len(head)) // len(unit))


SLOW = {
    "parentheses": (b"To: ", b"("),
    "groups": (b"To: ", b"a:;,"),
    "addresses": (b"To: ", b"a,"),
    "parts": (PARTS, b"--b\n"),
    "fields": (b"", b"a:\n"),
}


async def spooled(store: MailStore, spools: AsyncExitStack, data: bytes) -> Incoming:
    spool = await spools.enter_async_context(Spool(store))
    await spool.write(data)
    return Incoming(await spool.finish())


class Places:
    """Which threads did what; a test runs in the thread of the event loop."""

    def __init__(self) -> None:
        self.loop = threading.current_thread()
        self.on_loop: list[str] = []
        self.in_threads: list[str] = []
        self.threads: list[threading.Thread] = []

    def note(self, what: str) -> None:
        here = threading.current_thread()
        if here is self.loop:
            self.on_loop.append(what)
        else:
            self.in_threads.append(what)
            self.threads.append(here)

    def noting(self, what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*given: Any, **named: Any) -> Any:
            self.note(what)
            return function(*given, **named)

        return noted


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Places:
    noted = Places()

    class Noted(Parser):
        feed = noted.noting("parse", Parser.feed)
        close = noted.noting("parse", Parser.close)

    monkeypatch.setattr(spool_module, "Parser", Noted)
    monkeypatch.setattr(rendering, "render", noted.noting("render", rendering.render))
    return noted


async def test_a_message_of_4_kib_is_read_without_a_thread(store: MailStore, account: Account, places: Places) -> None:
    await put(store, account, message(body="x" * 4096), prefix=b"Received: by here\r\n")
    assert set(places.on_loop) == {"parse", "render"}
    assert places.in_threads == []


@pytest.mark.parametrize("size", [INLINE + 8, 64 * 1024, MEMORY + 70_000])
@pytest.mark.parametrize("kind", SLOW)
async def test_a_larger_message_is_read_in_threads(
    store: MailStore, account: Account, places: Places, kind: str, size: int
) -> None:
    head, unit = SLOW[kind]
    data = filled(head, unit, size)
    assert len(data) > INLINE
    await put(store, account, data)
    assert places.on_loop == []
    assert set(places.in_threads) == {"parse", "render"}


async def test_a_small_message_of_many_parts_is_rendered_in_a_thread(
    store: MailStore, account: Account, places: Places
) -> None:
    await put(store, account, PARTS + b"--b\r\n\r\n\r\n" * INLINE_PARTS)
    assert places.in_threads == ["render"]


async def test_small_messages_that_are_much_together_are_rendered_in_one_thread(
    store: MailStore, account: Account, places: Places
) -> None:
    async with AsyncExitStack() as spools:
        incoming = [await spooled(store, spools, message(body="x" * 4096)) for _ in range(3)]
        assert set(places.on_loop) == {"parse"}
        assert len(await deliver.many(store, account, "Inbox", incoming)) == 3
    assert places.in_threads == ["render"] * 3
    assert len(set(places.threads)) == 1


async def test_the_date_of_an_imported_message_is_not_looked_for_on_the_event_loop(
    store: MailStore, account: Account, places: Places, tmp_path: Path
) -> None:
    fields = filled(b"", b"a:\n", 600_000) + b"Date: Thu, 1 Jan 1970 00:00:07 +0000\n\nx\n"
    source = tmp_path / "box.mbox"
    source.write_bytes(b"From nobody\n" + fields)
    await importing.run(store, account, source)
    (held,) = (await trees.filled(store, account))["box"]
    assert held.received == 7000
    assert places.on_loop == []


async def test_rendering_stops_between_two_messages_when_nobody_waits(
    store: MailStore, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered = []

    def render(*given: Any) -> None:
        rendered.append(given)
        trio.from_thread.run_sync(scope.cancel)

    async with AsyncExitStack() as spools:
        incoming = [await spooled(store, spools, message(body="x" * INLINE)) for _ in range(3)]
        monkeypatch.setattr(deliver, "_render", render)
        with trio.CancelScope() as scope:
            await deliver.many(store, account, "Inbox", incoming)
    assert scope.cancelled_caught
    assert len(rendered) == 1
