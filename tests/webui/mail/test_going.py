"""A page that goes away: what it had goes with it, without a search for cycles."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from quart import websocket

from mox_trio.base.address import Address
from mox_trio.mailstore import accounts
from mox_trio.mailstore.store import Account, MailStore
from tests.kit import stores
from webui import asgi
from webui.guests.endings import Endings
from webui.mail.desk import Desk
from webui.mail.lists import Lists
from webui.mail.protocol import Hello
from webui.mail.session import Live

SCOPE = {
    **{"type": "websocket", "path": "/live", "query_string": b"", "scheme": "ws", "headers": [], "subprotocols": []},
    **{"http_version": "1.1", "client": ("127.0.0.1", 1), "asgi": {"version": "3.0"}},
}


@dataclass(frozen=True)
class _Guest:
    address: Address


@dataclass(frozen=True)
class _Desk:
    store: MailStore
    account: Account
    guest: _Guest
    endings: Endings


class _Had:
    """What a page had."""


@pytest.fixture
def without_collections() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.usefixtures("without_collections")
async def test_what_a_page_had_is_freed_when_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.mail.identities.shown", _no_identities)
    async with stores.opened(tmp_path) as kit:
        account = await accounts.create(kit.store, "ann")
        desk = cast("Desk", _Desk(kit.store, account, _Guest(Address.parse("ann@example.org")), Endings()))
        left: list[weakref.ref[_Had]] = []
        app = asgi.application("pages")

        @app.websocket("/live")
        async def live() -> None:
            had = _Had()
            left.append(weakref.ref(had))

            async def still_open() -> bool:
                return had is not None

            async def say(message: dict[str, Any]) -> None:
                await websocket.send(str(message["t"]))

            await websocket.accept()
            await Live(desk, Lists(kit.store), say, websocket.receive, still_open).run(Hello(t="hello", csrf=""))

        welcomed = trio.Event()
        events = iter(({"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001}))

        async def receive() -> Any:
            event = next(events)
            if event["type"] == "websocket.disconnect":
                await welcomed.wait()
            return event

        async def send(event: Any) -> None:
            if event["type"] == "websocket.send":
                welcomed.set()

        with trio.fail_after(20):
            await app(cast("Any", SCOPE), receive, cast("Any", send))
        assert [each() for each in left] == [None]


async def _no_identities(_: Desk) -> list[object]:
    return []
