"""The ASGI applications of settings for mail clients and of MTA-STS policies.

    GET  /mail/config-v1.1.xml?emailaddress=YOU    also below /.well-known/autoconfig; at autoconfig.DOMAIN and DOMAIN
    POST /autodiscover/autodiscover.xml            the request has the address in <EMailAddress>
    GET  /.well-known/mta-sts.txt                  at mta-sts.DOMAIN (RFC 8461 3.3)

404 for a domain that is not served, or is disabled. Answers are made from the configuration in force and depend on the domain
alone: whether an address exists is not told. Of a request's body `LARGEST` octets are taken, and no XML parser sees them.
"""

import html
import re
import urllib.parse
from typing import Any, Final

from mox_trio.base.address import Address
from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.config.models import dynamic
from mox_trio.running import Web
from webui.wellknown import documents

CONFIG: Final = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
AUTODISCOVER: Final = "/autodiscover/autodiscover.xml"
POLICY: Final = "/.well-known/mta-sts.txt"
LARGEST: Final = 16 * 1024
"""Octets of a request's body; it has an address in some lines of XML."""
_ADDRESS: Final = re.compile(r"<(?:\w{1,20}:)?EMailAddress>\s{0,100}([^<>]{1,400}?)\s{0,100}</", re.IGNORECASE)
_XML: Final = b"text/xml; charset=utf-8"
_TEXT: Final = b"text/plain; charset=utf-8"


def autoconfig(web: Web) -> "Autoconfig":
    """Settings of mail clients."""
    return Autoconfig(web)


def mta_sts(web: Web) -> "MtaSts":
    """MTA-STS policies."""
    return MtaSts(web)


class Autoconfig:
    """An ASGI application."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await _other(scope, receive, send)
            return
        path = scope["path"].lower()
        if path not in (*CONFIG, AUTODISCOVER):
            await _answer(send, 404, b"there is nothing here\n")
        elif scope["method"] not in (("POST",) if path == AUTODISCOVER else ("GET", "HEAD")):
            await _answer(send, 405, b"this method is not allowed here\n")
        elif path == AUTODISCOVER:
            await self._autodiscover(receive, send)
        else:
            await self._config(scope, send)

    async def _config(self, scope: Any, send: Any) -> None:
        query = urllib.parse.parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20)
        given = query.get("emailaddress", [""])[0]
        address = _address(given)
        name = _below(scope, "autoconfig") if address is None else address.domain
        await self._give(
            send, name, documents.ANY_ADDRESS if address is None else str(address), documents.client_config
        )

    async def _autodiscover(self, receive: Any, send: Any) -> None:
        body = await _body(receive)
        found = None if body is None else _ADDRESS.search(body.decode("utf-8", "replace"))
        address = None if found is None else _address(html.unescape(found[1]))
        if body is None or address is None:
            status = 413 if body is None else 400
            await _answer(send, status, b"an Autodiscover request with an EMailAddress is expected\n")
            return
        await self._give(
            send, address.domain, str(address), lambda name, user, found: documents.autodiscover(user, found)
        )

    async def _give(self, send: Any, name: Domain | None, user: str, document: Any) -> None:
        settings = _served(self._web, name)
        if name is None or settings is None:
            await _answer(send, 404, b"mail of this domain is elsewhere\n")
            return
        found = documents.places(self._web.services.config.current.static, settings)
        await _answer(send, 200, document(name, user, found).encode(), _XML)


class MtaSts:
    """An ASGI application."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await _other(scope, receive, send)
            return
        settings = _served(self._web, _below(scope, "mta-sts"))
        if scope["path"] != POLICY or settings is None or settings.mta_sts is None:
            await _answer(send, 404, b"there is no policy here\n")
        elif scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"this method is not allowed here\n")
        else:
            text = documents.policy(self._web.services.config.current.static, settings.mta_sts)
            await _answer(send, 200, text.encode())


def _served(web: Web, name: Domain | None) -> dynamic.Domain | None:
    settings = None if name is None else web.services.config.current.dynamic.domains.get(name)
    return None if settings is None or settings.disabled else settings


def _address(text: str) -> Address | None:
    try:
        return Address.parse(text)
    except InvalidAddress:
        return None


def _below(scope: Any, first: str) -> Domain | None:
    """The domain of the host that is asked, without its first name."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    try:
        return Domain.parse(host.partition(":")[0].lower().removesuffix(".").removeprefix(f"{first}."))
    except InvalidAddress:
        return None


async def _other(scope: Any, receive: Any, send: Any) -> None:
    """Its life, in which there is nothing to do, and websockets, of which there are none."""
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
    await send({"type": "websocket.close", "code": 1000})


async def _body(receive: Any) -> bytes | None:
    """All of a request's body; None when it is too large, or not there."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > LARGEST:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _answer(send: Any, status: int, body: bytes, kind: bytes = _TEXT) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-cache"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
