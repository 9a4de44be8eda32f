"""Certificates from files: chosen by the name a client asks for, loaded again when the files change.

The first pair of files is the answer to clients that ask for no name or for one that none has: mail servers ask for all kinds
of names and look at none (RFC 3207 4.1 leaves it to them). A certificate for `*.example.org` has the names one label
deeper (RFC 6125 6.4.3).

Files are read in a thread, never on the loop. At start, what cannot be loaded is a Failure that says which file and why;
later the old certificates stay and the problem is logged once. Keys of session tickets are forgotten with the contexts,
which are made anew when files change and at least once a day.

Client certificates: OpenSSL cannot ask for one without verifying it, so those that users registered are the trust anchors
themselves. Without any registered, none is asked for. One that is not registered fails the handshake.
"""

import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Self

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.protocol.tls_hello import Hello
from mox_trio.transport.tls import Chosen

logger = logging.getLogger(__name__)

POLL: Final = 10.0
"""Seconds between looks at the files."""

FRESH: Final = 86_400.0
"""Seconds for which a context, and so its keys of session tickets, is used."""

Mark = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Files:
    """A certificate with its chain, and its unencrypted key, as PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Terms:
    """What a server asks of TLS."""

    min_version: Literal["1.2", "1.3"] = "1.2"
    tickets: bool = True
    """Let clients resume sessions."""
    clients: tuple[bytes, ...] = ()
    """DER of the certificates that clients may show."""
    alpn: tuple[str, ...] = ()
    """Protocols that are chosen from, the best first (RFC 7301)."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    by_name: Mapping[str, Chosen]
    default: Chosen
    mark: Mark
    since: float

    def find(self, name: str) -> Chosen:
        exact = self.by_name.get(name)
        if exact is not None:
            return exact
        _, dot, parent = name.partition(".")
        return self.by_name.get(f"*.{parent}", self.default) if dot else self.default


class FromFiles:
    """The certificates of one service; a `tls.ServerTls`."""

    def __init__(self, files: Sequence[Files], terms: Terms, loaded: _Loaded, clock: Callable[[], float]) -> None:
        self._files = tuple(files)
        self._terms = terms
        self._loaded = loaded
        self._clock = clock
        self._broken: Mark | None = None
        self._threads = trio.CapacityLimiter(1)

    @classmethod
    async def load(cls, files: Sequence[Files], terms: Terms, clock: Callable[[], float] = trio.current_time) -> Self:
        """Read the files, at least one pair. Failure INVALID."""
        loaded = await trio.to_thread.run_sync(_load, tuple(files), terms, clock())
        return cls(files, terms, loaded, clock)

    def choose(self, hello: Hello) -> Chosen:
        """The context with the certificate for the name that a client asks for."""
        return self._loaded.find(hello.server_name)

    async def refresh(self) -> None:
        """Load again what changed. Never raises for files that are bad or away."""
        mark = await trio.to_thread.run_sync(_mark, self._files, limiter=self._threads)
        is_old = self._clock() - self._loaded.since >= FRESH
        if mark == self._broken or (mark == self._loaded.mark and not is_old):
            return
        await self._replace(self._terms, mark)

    async def set_clients(self, certificates: Sequence[bytes]) -> None:
        """Let clients show these certificates (DER) from now on. What is none is left out, and logged."""
        if tuple(certificates) != self._terms.clients:
            await self._replace(replace(self._terms, clients=tuple(certificates)), None)

    async def _replace(self, terms: Terms, mark: Mark | None) -> None:
        try:
            fresh = await trio.to_thread.run_sync(_load, self._files, terms, self._clock(), limiter=self._threads)
        except Failure as failure:
            self._broken = mark
            extra = {"reason": failure.public, "detail": failure.private}
            logger.error("certificates not replaced, the old ones stay", extra=extra)
            return
        self._broken = None
        if fresh.mark != self._loaded.mark:
            logger.info("certificates replaced", extra={"files": [str(each.certificate) for each in self._files]})
        self._terms, self._loaded = terms, fresh


async def follow(every: Sequence[FromFiles]) -> None:
    """Keep certificates as their files are, for ever."""
    while True:
        await trio.sleep(POLL)
        for each in every:
            await each.refresh()


def _mark(files: Sequence[Files]) -> Mark:
    """What tells whether files changed; None for one that is not there."""
    found: list[tuple[int, int, int] | None] = []
    for each in files:
        for path in (each.certificate, each.key):
            try:
                status = path.stat()
            except OSError:
                found.append(None)
            else:
                found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


def _load(files: Sequence[Files], terms: Terms, now: float) -> _Loaded:
    mark = _mark(files)
    every = [_pair(each, terms) for each in files]
    by_name: dict[str, Chosen] = {}
    for names, chosen in every:
        for name in names:
            by_name.setdefault(name, chosen)
    return _Loaded(by_name, every[0][1], mark, now)


def _pair(files: Files, terms: Terms) -> tuple[Sequence[str], Chosen]:
    context = server_context(terms)
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(files.certificate, files.key, password=lambda: "")
        der = _first(files.certificate)
        return names_of(der), Chosen(context, der)
    except (OSError, ValueError) as error:
        public = (
            f"the certificate {files.certificate} with the key {files.key} cannot be loaded; "
            "see that both are PEM, belong together, and are readable"
        )
        raise Failure(Kind.INVALID, public, str(error)) from error


def _first(path: Path) -> bytes:
    """The certificate itself, which stands before its chain."""
    text = path.read_text("ascii", "replace")
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE-----") : text.index(end) + len(end)])


def server_context(terms: Terms) -> ssl.SSLContext:
    """A context without certificates: ciphers as Python and OpenSSL recommend, no compression, no renegotiation."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if terms.min_version == "1.3" else ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if terms.alpn:
        context.set_alpn_protocols(terms.alpn)
    if not terms.tickets:
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    if usable := [der for der in terms.clients if _is_certificate(der)]:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cadata=b"".join(usable))
    return context


def _is_certificate(der: bytes) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=der)
    except (ssl.SSLError, ValueError):
        logger.warning("a registered client certificate cannot be read and is left out")
        return False
    return True


def names_of(der: bytes) -> Sequence[str]:
    """The DNS names of a certificate in lower case; without any, the common name. ValueError."""
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(der)
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = found.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    if not names:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        names = [str(each.value) for each in common]
    return [name.lower().removesuffix(".") for name in names]
