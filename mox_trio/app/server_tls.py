"""The certificates of a server's listeners, for each service as it needs them, kept as their files and users change.

Mail from other servers (port 25) neither asks for client certificates nor, unless configured, hands out session tickets:
some servers that resume sessions do it wrong. Services that users log in to know the certificates that users registered.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.config import check_files, check_listeners
from mox_trio.config.models.listeners import Listener, ListenerTls
from mox_trio.config.models.static import Static
from mox_trio.transport import certificates
from mox_trio.transport.certificates import Files, FromFiles, Terms
from mox_trio.transport.tls import ServerTls

HTTP: Final = ("h2", "http/1.1")
"""RFC 9113 3.2, RFC 9112."""
REGISTERED: Final = 10.0
"""Seconds until a certificate that a user registered counts."""


class ServerCertificates:
    """Of one server."""

    def __init__(self) -> None:
        self._mail: dict[str, FromFiles] = {}
        self._users: dict[str, FromFiles] = {}
        self._web: dict[str, FromFiles] = {}
        self._client: dict[str, bool] = {}

    @classmethod
    async def load(cls, static: Static) -> "ServerCertificates":
        """Read the certificates of all listeners. Failure INVALID, UNSUPPORTED."""
        made = cls()
        for name, listener in static.listeners.items():
            if listener.tls is not None:
                await made._add(name, listener, listener.tls)
        return made

    async def _add(self, name: str, listener: Listener, tls: ListenerTls) -> None:
        if tls.acme is not None:
            raise Failure(
                Kind.UNSUPPORTED,
                f"listeners.{name}.tls.acme: {'; '.join(check_files.NO_ACME)}",
            )
        files = [Files(each.cert_file, each.key_file) for each in tls.certificates]
        tickets = listener.smtp is not None and listener.smtp.tls_session_tickets
        self._mail[name] = await FromFiles.load(files, Terms(tls.min_version, tickets))
        self._users[name] = await FromFiles.load(files, Terms(tls.min_version))
        if any(each.protocol == "https" for each in check_listeners.bound(listener)):
            alpn = (*HTTP, *check_listeners.beside_web(listener))
            self._web[name] = await FromFiles.load(files, Terms(tls.min_version, alpn=alpn))
        self._client[name] = tls.client_certificates

    def for_mail(self, listener: str) -> ServerTls | None:
        """What other servers are shown; None for a listener without certificates."""
        return self._mail.get(listener)

    def for_users(self, listener: str) -> ServerTls | None:
        """What users are shown, where they may show one too; None for a listener without certificates."""
        return self._users.get(listener)

    def for_web(self, listener: str) -> ServerTls | None:
        """What browsers are shown, who are asked for nothing; None for a listener without web services."""
        return self._web.get(listener)

    async def follow(self) -> None:
        """Keep them as their files are, for ever."""
        await certificates.follow([*self._mail.values(), *self._users.values(), *self._web.values()])

    async def register(self, registered: Callable[[], Awaitable[list[bytes]]]) -> None:
        """Let users show what they registered."""
        asking = list(self._asking())
        if asking:
            known = await registered()
            for each in asking:
                await each.set_clients(known)

    async def follow_registered(self, registered: Callable[[], Awaitable[list[bytes]]]) -> None:
        """Look for newly registered certificates, for ever."""
        while True:
            await trio.sleep(REGISTERED)
            await self.register(registered)

    def _asking(self) -> Iterator[FromFiles]:
        return (each for name, each in self._users.items() if self._client[name])
