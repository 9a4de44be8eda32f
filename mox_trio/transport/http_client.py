"""Requests to URLs that others chose, without being led where they must not go.

A name is looked up by our resolver, its addresses are checked, and the connection goes to an address that was checked: there is
no second look-up that could say something else. Redirects are not followed; they are answers. The environment's proxies
are not asked. Of an answer no more is read than is wanted. `Refused` says what is wrong with a URL, `CallFailed` that the
network, TLS or HTTP failed.
"""

import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpcore
import httpx
import trio

from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.policy import public_address
from mox_trio.policy.public_address import Network
from mox_trio.policy.questions import Kind, Question, Status
from mox_trio.transport.connection import Broken, Connection, IpAddress, Silent
from mox_trio.transport.dial import DialFailed
from mox_trio.transport.resolver import Resolver
from mox_trio.transport.tls import TlsFailed

CONNECT: Final = 20.0
"""Seconds in which a connection opens, TLS included."""
LONGEST_URL: Final = 2000
LONGEST: Final = 3600.0
"""Seconds that httpx waits for anything; who asks sets the limit."""
READ_ON: Final = 64 * 1024
"""Bytes of an answer that are read although nobody wants them, so that the connection can be kept; a longer one is cut off."""
IDLE: Final = 15.0
"""Seconds for which a connection is kept for the next request."""


class Refused(Exception):
    """The URL leads where nothing may be sent, or is none."""


class CallFailed(Exception):
    """There is no answer; `str()` says why."""


class Dial(Protocol):
    """`transport.dial.connect`."""

    async def __call__(self, addresses: Sequence[IpAddress], port: int, *, timeout: float) -> Connection:
        """The first connection that opens."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the other side said."""

    status: int
    body: bytes
    """Its beginning."""


def check(url: str, allowed: Collection[Network] = ()) -> str:
    """The URL in its normal form. Raises Refused: https, or http where networks are `allowed`, which are then the only ones
    that it may lead to; no user, no fragment.
    """
    if len(url) > LONGEST_URL:
        raise Refused("the URL is too long")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError):
        raise Refused("this is no URL") from None
    if parsed.scheme not in ("https", "http") or not parsed.host:
        raise Refused("the URL must begin with https://")
    if parsed.userinfo or parsed.fragment:
        raise Refused("the URL must have no user and no fragment")
    literal = _literal(parsed.host)
    if literal is not None and not public_address.is_public(literal, allowed):
        raise Refused("the address is not one of the public network")
    if parsed.scheme == "http" and not allowed:
        raise Refused("the URL must begin with https://")
    return str(parsed)


def _literal(host: str) -> IpAddress | None:
    try:
        return public_address.meant(ipaddress.ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        return None


class Client:
    """Of one server; it makes requests inside its block, which may be entered again."""

    def __init__(self, resolver: Resolver, allowed: Collection[Network], dial: Dial, context: ssl.SSLContext) -> None:
        """`allowed` are networks that are not public and may be reached; `context` verifies servers."""
        self.allowed = allowed
        self._resolver = resolver
        self._dial = dial
        self._context = context
        self._secure: httpx.AsyncClient | None = None
        self._plain: httpx.AsyncClient | None = None

    def _client(self, is_allowed: Callable[[IpAddress], bool]) -> httpx.AsyncClient:
        pool = httpcore.AsyncConnectionPool(
            ssl_context=self._context,
            network_backend=_Backend(self._resolver, is_allowed, self._dial),
            max_connections=50,
            keepalive_expiry=IDLE,
        )
        return httpx.AsyncClient(transport=_Pool(pool), trust_env=False, follow_redirects=False, timeout=LONGEST)

    async def __aenter__(self) -> "Client":
        allowed = self.allowed
        self._secure = self._client(lambda address: public_address.is_public(address, allowed))
        self._plain = self._client(lambda address: any(public_address.meant(address) in each for each in allowed))
        await trio.lowlevel.checkpoint()
        return self

    async def __aexit__(self, *_: object) -> None:
        clients, self._secure, self._plain = (self._secure, self._plain), None, None
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 2):
            for each in clients:
                if each is not None:
                    await each.aclose()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout: float, most: int) -> Answered:
        """POST and read at most `most` bytes of the answer, all within `timeout` seconds. Refused, CallFailed."""
        url = check(url, self.allowed)
        try:
            with trio.move_on_after(timeout):
                return await self._post(url, body, headers, most)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise CallFailed(_reason(error)) from None
        except (httpx.HTTPError, httpcore.UnsupportedProtocol, ValueError) as error:
            raise CallFailed(_reason(error)) from None
        raise CallFailed(f"no answer within {timeout:g} s")

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], most: int) -> Answered:
        http = self._secure if url.startswith("https:") else self._plain
        if http is None:
            raise CallFailed("the server is about to stop")
        async with http.stream("POST", url, content=body, headers=headers) as response:
            found, read = b"", 0
            network = response.extensions["network_stream"]
            try:
                async for block in response.aiter_raw():
                    found += block[: most - len(found)]
                    read += len(block)
                    if read > READ_ON:
                        network.cut()
            except (httpcore.NetworkError, httpcore.ProtocolError):
                if not network.is_cut:
                    raise
            return Answered(response.status_code, found)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


class _Body(httpx.AsyncByteStream):
    """An answer's body."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        """Give the connection back, or close it."""
        await self._stream.aclose()


class _Whole:
    """A request's body. No generator: one whose request fails would be left half-way."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __aiter__(self) -> "_Whole":
        return _Whole(self._body)

    async def __anext__(self) -> bytes:
        if not self._body:
            raise StopAsyncIteration
        body, self._body = self._body, b""
        return body


class _Pool(httpx.AsyncBaseTransport):
    """httpx on a pool of httpcore with our network."""

    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx does it."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        )
        asked = httpcore.Request(
            method=request.method,
            url=url,
            headers=request.headers.raw,
            content=_Whole(request.content),
            extensions=request.extensions,
        )
        answer = await self._pool.handle_async_request(asked)
        return httpx.Response(
            status_code=answer.status, headers=answer.headers, stream=_Body(answer.stream), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Backend(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked."""

    def __init__(self, resolver: Resolver, is_allowed: Callable[[IpAddress], bool], dial: Dial) -> None:
        self._resolver = resolver
        self._is_allowed = is_allowed
        self._dial = dial

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to a host of this name. ConnectError."""
        found = await self._addresses(host)
        public = [each for each in found if self._is_allowed(each)]
        if not public:
            raise httpcore.ConnectError(
                "the name leads to no address that may be called" if found else "the name has no address"
            )
        try:
            return _Stream(await self._dial(public, port, timeout=CONNECT))
        except DialFailed as error:
            raise httpcore.ConnectError(str(error)) from None

    async def _addresses(self, host: str) -> list[IpAddress]:
        literal = _literal(host)
        if literal is not None:
            return [literal]
        try:
            name = Domain.parse(host, underscore=True).ascii
        except InvalidAddress as error:
            raise httpcore.ConnectError(str(error)) from None
        found: list[IpAddress] = []
        trouble = ""
        for kind in (Kind.A, Kind.AAAA):
            answer = await self._resolver.look_up(Question(name, kind))
            if answer.status is Status.TROUBLE:
                trouble = answer.detail or "trouble"
            found += [ipaddress.ip_address(each) for each in answer.records if isinstance(each, str)]
        if not found and trouble:
            raise httpcore.ConnectError(f"the name cannot be looked up: {trouble}")
        return found

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await trio.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection of ours."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.is_cut = False

    def cut(self) -> None:
        """Nothing more is read from it."""
        self.is_cut = True

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Bytes as they come."""
        if self.is_cut:
            raise httpcore.ReadError("the answer is too long")
        try:
            return await self._connection.receive(max_bytes, timeout=CONNECT * 10 if timeout is None else timeout)
        except Silent as error:
            raise httpcore.ReadTimeout(str(error)) from None
        except Broken as error:
            raise httpcore.ReadError(str(error)) from None

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        if not buffer:
            return
        try:
            await self._connection.send(buffer, timeout=CONNECT * 10 if timeout is None else timeout)
        except Silent as error:
            raise httpcore.WriteTimeout(str(error)) from None
        except Broken as error:
            raise httpcore.WriteError(str(error)) from None

    async def aclose(self) -> None:
        """Close."""
        await self._connection.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Begin TLS and verify the server."""
        try:
            await self._connection.start_tls_client(ssl_context, server_hostname or "", timeout=CONNECT)
        except (TlsFailed, Silent) as error:
            await self._connection.aclose()
            raise httpcore.ConnectError(str(error)) from None
        return self

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks to see whether a connection that was kept is still good: it is not, where bytes are there."""
        if info != "is_readable":
            return None
        stream = self._connection.stream
        while isinstance(stream, trio.SSLStream):
            stream = stream.transport_stream
        if not isinstance(stream, trio.SocketStream):
            return False
        try:
            return bool(_peek(stream.socket))
        except OSError:
            return True


def _peek(opened: trio.socket.SocketType) -> bool:
    """Whether the socket has bytes, or its end."""
    with socket.socket(fileno=socket.dup(opened.fileno())) as plain:
        plain.setblocking(False)
        try:
            plain.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        return True
