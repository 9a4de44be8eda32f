"""DKIM signatures of mail that leaves: by the selectors of the domain of its From, or of one above it, with one pass over the
body.

Keys are read when they are first needed, in a thread, and again when the configuration changes. A key that cannot be read or used
is logged once for each configuration; mail goes out without its signature, as others may still take it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import trio

from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.base.metrics import Metrics
from mox_trio.config.live import LiveConfig, Snapshot
from mox_trio.config.models.dynamic import DkimSelector
from mox_trio.config.models.secret import SecretUnreadable
from mox_trio.mailstore.store import MailStore
from mox_trio.policy.dkim import fields
from mox_trio.policy.dkim import sign as dkim
from mox_trio.policy.dkim.body import BodyHashes, Canonical
from mox_trio.policy.dkim.sign import Selector
from mox_trio.protocol.mime import header
from storage_backends.bodies.api import Bytes, Source

logger = logging.getLogger(__name__)

INLINE: Final = 64 * 1024
"""Bytes up to which a message is hashed on the event loop: half a millisecond."""


@dataclass(slots=True)
class _Keys:
    """The selectors that were loaded for one configuration."""

    snapshot: Snapshot
    by_domain: dict[Domain, tuple[Selector, ...]]


class Signer:
    """Signs for all domains of one server."""

    def __init__(self, store: MailStore, config: LiveConfig, metrics: Metrics) -> None:
        self._store = store
        self._config = config
        self._metrics = metrics
        self._keys = _Keys(config.current, {})
        self._reading = trio.CapacityLimiter(2)

    async def fields(self, block: bytes, source: Source, body_start: int, identity: str, domain: Domain) -> bytes:
        """The DKIM-Signature fields for a message, to put before it; b"" where the domain does not sign.

        `block` is the header block as it is sent, without these fields. The body is what `source` has from `body_start` on;
        bare line ends count as CRLF, as they are sent. `identity` is i=, "" for none.
        """
        selectors = await self._selectors(domain)
        if not selectors:
            return b""
        hashes = BodyHashes({each.body_form for each in selectors}, body_start, normalize=True)
        if source.size <= INLINE:
            digests = _hashed(source, hashes)
        else:
            digests = await trio.to_thread.run_sync(_hashed, source, hashes, limiter=self._store.computing)
        try:
            signed = dkim.sign(block, digests, selectors, identity, self._store.now() / 1000)
        except ValueError as error:
            logger.warning("message not signed", extra={"domain": domain.ascii, "detail": str(error)})
            return b""
        for selector in selectors:
            self._metrics.count("dkim_sign_total", key=type(selector.key).__name__.removesuffix("PrivateKey").lower())
        return signed

    async def of_bytes(self, data: bytes, domain: Domain) -> bytes:
        """The same for a small message of our own with CRLF line ends."""
        size = len(data) - len(header.parse(data).end)
        return await self.fields(data[:size], Bytes(data), size + 2, "", domain)

    async def _selectors(self, domain: Domain) -> tuple[Selector, ...]:
        snapshot = self._config.current
        if self._keys.snapshot is not snapshot:
            self._keys = _Keys(snapshot, {})
        keys = self._keys
        loaded = keys.by_domain.get(domain)
        if loaded is None:
            ours = _maybe_configured(snapshot, domain)
            settings = None if ours is None else snapshot.dynamic.domains[ours]
            chosen = [] if settings is None else [(name, settings.dkim.selectors[name]) for name in settings.dkim.sign]
            if ours is not None and chosen:
                loaded = await trio.to_thread.run_sync(_loaded, ours, chosen, limiter=self._reading)
            else:
                loaded = ()
            keys.by_domain[domain] = loaded
        return loaded


def _maybe_configured(snapshot: Snapshot, domain: Domain) -> Domain | None:
    """The domain, or else the nearest above it that is ours: notices are from the host's own name, which has no keys, and
    what is relaxed in DMARC is content with the domain above (RFC 7489 3.1.1).
    """
    labels = domain.ascii.split(".")
    above = (Domain.parse(".".join(labels[start:]), underscore=True) for start in range(len(labels) - 1))
    return next((each for each in above if each in snapshot.dynamic.domains), None)


def _loaded(domain: Domain, chosen: Sequence[tuple[str, DkimSelector]]) -> tuple[Selector, ...]:
    """In a thread."""
    found = []
    for name, settings in chosen:
        try:
            found.append(_selector(domain, name, settings))
        except (SecretUnreadable, InvalidAddress, ValueError) as error:
            detail = f"key of selector {name}: {error}"
            logger.error(
                "DKIM key cannot be used, mail goes unsigned", extra={"domain": domain.ascii, "detail": detail}
            )
    return tuple(found)


def _selector(domain: Domain, name: str, settings: DkimSelector) -> Selector:
    return Selector(
        name=fields.selector(name),
        domain=domain,
        key=dkim.load_key(settings.private_key.read()),
        headers=settings.headers,
        header_form=Canonical.RELAXED if settings.relaxed_header else Canonical.SIMPLE,
        body_form=Canonical.RELAXED if settings.relaxed_body else Canonical.SIMPLE,
        seal=settings.seal_headers,
        lifetime=float(settings.expiration) or None,
    )


def _hashed(source: Source, hashes: BodyHashes) -> dict[Canonical, bytes]:
    for block in source.blocks():
        hashes.update(block)
    return dict(hashes.digests())
