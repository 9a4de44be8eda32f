"""Certificates of a server whose TLS fails when a test asks for it (`faults`)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import trio

from mox_trio.app.server_tls import ServerCertificates
from mox_trio.protocol.tls_hello import Hello
from mox_trio.testing.configuration import HOSTNAME
from mox_trio.testing.faults import Faults, On
from mox_trio.transport import self_signed
from mox_trio.transport.certificates import Files, FromFiles, Terms
from mox_trio.transport.tls import Chosen, ServerTls, TlsFailed

TRUSTED: Final = "trusted.crt"
LONG_AGO: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Wrong:
    """Certificates that nobody should believe."""

    expired: FromFiles
    untrusted: FromFiles

    @classmethod
    async def make(cls, directory: Path) -> "Wrong":
        """Make them, with their files in the directory of the server, and `TRUSTED` for its clients."""
        now = datetime.now(UTC)
        made = {"expired": (now - LONG_AGO, LONG_AGO / 2), "untrusted": (now, LONG_AGO)}
        loaded = {}
        for name, (since, life) in made.items():
            # With a subject of its own: who verifies looks for an authority by that.
            pair = self_signed.make([f"{name}.invalid", HOSTNAME], [ip_address("127.0.0.1")], since, life)
            files = Files(directory / f"{name}.crt", directory / f"{name}.key")
            files.certificate.write_bytes(pair.certificate)
            files.key.write_bytes(pair.key)
            loaded[name] = await FromFiles.load([files], Terms())
        # An authority that expired is said to have, one that is not known is not.
        trusted = [(directory / name).read_bytes() for name in ("localhost.crt", "expired.crt")]
        (directory / TRUSTED).write_bytes(b"".join(trusted))
        return cls(loaded["expired"], loaded["untrusted"])


@dataclass(frozen=True, slots=True)
class FaultyTls:
    """The TLS of a service, unless a test asks for something else."""

    right: ServerTls
    wrong: Wrong
    faults: Faults
    on: On

    def choose(self, hello: Hello) -> Chosen:
        """See `ServerTls`. TlsFailed where the handshake shall break."""
        match self.faults.maybe_tls(self.on):
            case "broken":
                raise TlsFailed("other", "as the test asks for")
            case "expired":
                return self.wrong.expired.choose(hello)
            case "untrusted":
                return self.wrong.untrusted.choose(hello)
        return self.right.choose(hello)


class FaultyCertificates(ServerCertificates):
    """The certificates of a server, which fail when a test asks for it."""

    def __init__(self, right: ServerCertificates, wrong: Wrong, faults: Faults) -> None:
        super().__init__()
        self._right = right
        self._wrong = wrong
        self._faults = faults

    def for_mail(self, listener: str) -> ServerTls | None:
        """See `ServerCertificates`."""
        return self._faulty(self._right.for_mail(listener), "smtp")

    def for_users(self, listener: str) -> ServerTls | None:
        """See `ServerCertificates`."""
        return self._faulty(self._right.for_users(listener), "submission")

    def for_web(self, listener: str) -> ServerTls | None:
        """See `ServerCertificates`."""
        return self._right.for_web(listener)

    async def follow(self) -> None:
        """Its files do not change."""
        await trio.sleep_forever()

    async def follow_registered(self, registered: Callable[[], Awaitable[list[bytes]]]) -> None:
        """See `ServerCertificates`."""
        await self._right.follow_registered(registered)

    def _faulty(self, right: ServerTls | None, on: On) -> ServerTls | None:
        if right is None or self._faults.is_without_tls(on):
            return None
        return FaultyTls(right, self._wrong, self._faults, on)
