"""Calls of programs are answered without Quart, which costs as much as writing the message: POST to a method, and nothing else.

A client that goes while its request is read, or while bytes are streamed to it, ends the call. One that goes while a method is
carried out does not: what it asked for is done.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final, cast

import trio

from mox_trio.running import Visitor, Web
from webui.asgi import Application
from webui.webapi import answering
from webui.webapi.answering import Asked, Said
from webui.webapi.calling import Method


class Gone(Exception):
    """The client went before it had asked."""


class Headers(Mapping[str, str]):
    """The header of a request, by names in any case; of fields that are there twice the last counts."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._known = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}

    def __getitem__(self, name: str) -> str:
        return self._known[name.lower()]

    def __iter__(self) -> Any:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class Direct:
    """An ASGI application: methods are answered here, everything else by the pages."""

    def __init__(self, web: Web, pages: Application, methods: Mapping[str, Method], prefix: str) -> None:
        """`prefix` stands before the names of methods, below where the application is mounted."""
        self._web = web
        self._pages = pages
        self._methods = methods
        self._prefix = prefix

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        method = self._method(scope)
        if method is None:
            await self._pages(scope, receive, send)
            return
        visitor = cast("Visitor", scope["state"]["visitor"])
        asked = Asked(Headers(scope["headers"]), _Blocks(receive), visitor)
        try:
            said = await answering.answer(self._web, method, asked)
        except Gone:
            return
        await _send(said, receive, send)

    def _method(self, scope: Any) -> Method | None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["query_string"]:
            return None
        path = cast("str", scope["path"]).removeprefix(scope["root_path"])
        return self._methods.get(path.removeprefix(self._prefix)) if path.startswith(self._prefix) else None


class _Blocks:
    """The body as it comes. No generator: who reads it may stop before the end."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive
        self._has_more = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while self._has_more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise Gone
            self._has_more = message.get("more_body", False)
            if message["body"]:
                return cast("bytes", message["body"])
        raise StopAsyncIteration


async def _send(said: Said, receive: Any, send: Any) -> None:
    headers = [(b"content-type", said.content_type.encode("latin-1"))]
    headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in said.headers.items()]
    start = {"type": "http.response.start", "status": said.status, "headers": headers}
    if isinstance(said.body, bytes):
        headers.append((b"content-length", str(len(said.body)).encode()))
        await send(start)
        await send({"type": "http.response.body", "body": said.body})
        return
    async with trio.open_nursery() as beside:
        beside.start_soon(_watch, receive, beside.cancel_scope)
        await send(start)
        try:
            async for block in said.body:
                await send({"type": "http.response.body", "body": block, "more_body": True})
        finally:
            close: Final = getattr(said.body, "aclose", None)
            if close is not None:
                await close()
        await send({"type": "http.response.body", "body": b""})
        beside.cancel_scope.cancel()


async def _watch(receive: Any, scope: trio.CancelScope) -> None:
    """End what is streamed when its client is gone."""
    while (await receive())["type"] == "http.request":
        pass
    scope.cancel()
