"""IMAP at the doors that are configured for it: settings, and what its sessions are given."""

from collections.abc import Callable
from typing import Final

from mox_trio.app.doors import Door
from mox_trio.base import version
from mox_trio.base.metrics import Metrics
from mox_trio.base.quota import Quota
from mox_trio.config import quotas
from mox_trio.config.live import LiveConfig
from mox_trio.config.models import listeners
from mox_trio.config.models.limits import Limits
from mox_trio.config.models.static import Static
from mox_trio.imapd import session
from mox_trio.imapd.feeds import Feeds
from mox_trio.imapd.settings import Parts, Settings
from mox_trio.mailstore.entering import Who
from mox_trio.services import Services
from mox_trio.transport.accepting import Handler
from mox_trio.transport.admission import Refused
from mox_trio.transport.closing import Closing
from mox_trio.transport.connection import Connection
from mox_trio.transport.tls import ServerTls

NAMES: Final = frozenset({"imap", "imaps"})
"""Services of IMAP by their names in the configuration."""


def handler(
    door: Door,
    services: Services,
    feeds: Feeds,
    metrics: Metrics,
    closing: Closing,
    who: Who,
    tls: Callable[[], ServerTls | None],
) -> Handler:
    """What answers at a door."""
    settings = _settings(services.static, door)
    accounts = _Accounts(services.config, services.static.limits)
    parts = Parts(
        store=services.mail,
        metrics=metrics,
        closing=closing,
        feeds=feeds,
        who=who,
        tls=tls,
        disabled_capabilities=accounts.disabled_capabilities,
        quota=accounts.quota,
        personal=accounts.destinations,
    )

    async def handle(connection: Connection, refused: Refused | None) -> None:
        await session.serve(connection, refused, settings, parts)

    return handle


def _settings(static: Static, door: Door) -> Settings:
    service = door.service.service
    limits = static.limits
    return Settings(
        hostname=(door.settings.hostname or static.hostname).ascii,
        version=version.installed(),
        message_bytes=door.settings.max_message_size,
        tls_required=isinstance(service, listeners.Imap) and service.require_starttls,
        pedantic=static.pedantic,
        idle_timeout=limits.idle_timeout,
        login_timeout=limits.login_timeout,
    )


class _Accounts:
    """What the configuration in force says of accounts."""

    def __init__(self, config: LiveConfig, limits: Limits) -> None:
        self._config = config
        self._limits = limits

    def disabled_capabilities(self, name: str) -> frozenset[str]:
        account = self._config.current.directory.account(name)
        if account is None:
            return frozenset()
        return frozenset([each.upper() for each in account.imap_capabilities_disabled])

    def quota(self, name: str) -> Quota:
        return quotas.of(self._limits, self._config.current.directory.account(name))

    def destinations(self, name: str) -> frozenset[str]:
        account = self._config.current.directory.account(name)
        if account is None:
            return frozenset()
        return frozenset([each.mailbox for each in account.destinations.values() if each.mailbox])
