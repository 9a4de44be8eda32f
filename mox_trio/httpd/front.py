"""What answers at one port: finds the web service for each request, asks who may, and writes the access log.

0. More requests at a time than HTTP/2 allows, which can only be by taking them back at once (CVE-2023-44487): the
   connection ends. Names of two hosts: 400.
1. Too many requests of a client, its neighbourhood or its region: 429. Networks that are exempt have no limit.
2. No service at this host and path: 404. A path without its last slash: 303 to the one with it.
3. A body that is announced to be too large: 413. One that turns out to be: `exchange`.
4. The application, when it has started; one that does not start is answered for with 503.

X-Forwarded-For and -Proto are believed only where the listener says so: the last address, which our own proxy wrote. Everywhere
they are taken out before an application sees them.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

import trio

from mox_trio.base import limits
from mox_trio.base.metrics import Metrics
from mox_trio.httpd import routing
from mox_trio.httpd.exchange import Exchange
from mox_trio.httpd.routing import Mount, Moved
from mox_trio.httpd.serving import WIRE
from mox_trio.httpd.wire import Wire
from mox_trio.policy.ratelimit import MINUTE, IpAddress, Limiter, Most
from mox_trio.running import Visitor
from mox_trio.transport import admission
from mox_trio.transport.closing import Closing

logger = logging.getLogger(__name__)

VISITOR: Final = "visitor"
"""Where `scope["state"]` has the `running.Visitor`."""
LONGEST_PATH: Final = 300
"""Characters of a path that are logged."""
MOST_RUNNING: Final = 2 * limits.HTTP_STREAMS
"""Requests at a time of one connection; a client that takes one back may begin the next one before it has ended."""
STRICT: Final = (b"strict-transport-security", b"max-age=31536000")
"""For a name that is served with TLS (RFC 6797). Never for addresses and localhost, which other programs have too."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_FORWARDED: Final = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"})


class Requests:
    """How many requests a client may make in a minute, on all ports together."""

    def __init__(self, most: Most, exempt: Callable[[IpAddress], bool], now: Callable[[], float] = time.time) -> None:
        self._limiter = Limiter([(MINUTE, most)])
        self._exempt = exempt
        self._now = now

    def may_ask(self, address: IpAddress) -> bool:
        """Whether one more is within the limit; counts it."""
        return self._exempt(address) or self._limiter.add(address, self._now())

    def is_exempt(self, address: IpAddress) -> bool:
        """Whether an address has no limits."""
        return self._exempt(address)


@dataclass(frozen=True, slots=True)
class Port:
    """What is at one port."""

    listener: str
    """Name in the configuration."""
    mounts: Sequence[Mount]
    forwarded: bool = False
    """A proxy of ours is before it."""


class Front:
    """An ASGI application."""

    def __init__(self, port: Port, requests: Requests, metrics: Metrics, closing: Closing) -> None:
        self._port = port
        self._requests = requests
        self._metrics = metrics
        self._closing = closing

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request or serve one websocket."""
        wire: Wire = scope["state"].pop(WIRE)
        if wire.running >= MOST_RUNNING:
            if not wire.ended.is_set():
                self._metrics.count("httpserver_refused_total", reason="streams")
                await wire.drop()
            return
        wire.running += 1
        visitor = self._visitor(scope, wire)
        exchange = Exchange(wire, self._closing, 0, receive, send, flow_controlled=scope["http_version"] == "2")
        mount: Mount | None = None
        try:
            mount = await self._mount(scope, visitor, exchange)
            if mount is not None:
                await self._call(mount, scope, visitor, exchange)
        finally:
            wire.running -= 1
            exchange.end()
            self._log(scope, visitor, exchange, mount)

    def _visitor(self, scope: Any, wire: Wire) -> Visitor:
        connection = wire.connection
        address, secure = connection.peer_address, connection.tls is not None
        headers = dict(scope["headers"])
        if self._port.forwarded:
            secure = secure or headers.get(b"x-forwarded-proto", b"").strip().lower() == b"https"
            last = headers.get(b"x-forwarded-for", b"").decode("latin-1").rpartition(",")[2].strip()
            with suppress(ValueError):
                address = admission.plain(ip_address(last))
        tls = "" if connection.tls is None else f"{connection.tls.version} {connection.tls.cipher}"
        return Visitor(
            address=address,
            local_address=connection.local_address,
            session=connection.id,
            secure=secure,
            exempt=self._requests.is_exempt(address),
            tls=tls,
        )

    async def _mount(self, scope: Any, visitor: Visitor, exchange: Exchange) -> Mount | None:
        """The service for the request; None where it is answered already."""
        is_http = scope["type"] == "http"
        if not self._requests.may_ask(visitor.address):
            self._metrics.count("httpserver_refused_total", reason="rate")
            await _refuse(exchange, is_http, 429, b"too many requests; wait a minute\n", [(b"retry-after", b"60")])
            return None
        hosts = {value.decode("latin-1") for name, value in scope["headers"] if name == b"host"}
        if len(hosts) > 1:
            await _refuse(exchange, is_http, 400, b"which host is meant?\n")
            return None
        host = next(iter(hosts), "")
        path = routing.clean(scope["path"])
        found = routing.find(self._port.mounts, host, path)
        if isinstance(found, Moved) and is_http:
            query = b"?" + scope["query_string"] if scope["query_string"] else b""
            location = [(b"location", found.path.encode() + query)]
            await exchange.answer(303, b"", location)
            return None
        if not isinstance(found, Mount):
            await _refuse(exchange, is_http, 404, b"there is nothing here\n")
            return None
        if exchange.wire.connection.tls is not None and routing.is_name(host):
            exchange.further.append(STRICT)
        scope["path"] = path
        exchange.body_bytes = found.body_bytes
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if is_http and length.isdigit() and int(length) > found.body_bytes:
            await exchange.refuse(413, b"the body is too large\n")
            return None
        return found

    async def _call(self, mount: Mount, scope: Any, visitor: Visitor, exchange: Exchange) -> None:
        scope["headers"] = [each for each in scope["headers"] if each[0] not in _FORWARDED]
        scope["root_path"] = mount.path.removesuffix("/")
        scope["state"][VISITOR] = visitor
        if scope["type"] == "websocket":
            scope["scheme"] = "wss" if visitor.secure else "ws"
            await mount.application(scope, exchange.receive_message, exchange.send_message)
        else:
            scope["scheme"] = "https" if visitor.secure else "http"
            await mount.application(scope, exchange.receive, exchange.send)

    def _log(self, scope: Any, visitor: Visitor, exchange: Exchange, mount: Mount | None) -> None:
        seconds = time.perf_counter() - exchange.began
        method = scope.get("method", "GET")
        kind = "none" if mount is None else mount.kind
        self._metrics.observe(
            "httpserver_request_duration_seconds",
            seconds,
            handler=kind,
            method=method if method in METHODS else "other",
            code=str(exchange.status),
        )
        logger.info(
            "web request",
            extra={
                "session": visitor.session,
                "listener": self._port.listener,
                "service": kind,
                "remote": str(visitor.address),
                "method": method[:20],
                "path": scope["path"][:LONGEST_PATH],
                "protocol": f"{scope['type']}/{scope['http_version']}",
                "status": exchange.status,
                "received": exchange.received,
                "sent": exchange.sent,
                "ms": round(seconds * 1000, 1),
            },
        )


async def _refuse(
    exchange: Exchange, is_http: bool, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    if is_http:
        await exchange.answer(status, body, headers)
    else:
        exchange.status = status
        await exchange.inner_send({"type": "websocket.close", "code": 1000})  # before accept: 403
    await trio.lowlevel.checkpoint()
