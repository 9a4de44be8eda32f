"""Joins the room that calls customers' URLs."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mox_trio.base import version
from mox_trio.base.metrics import Metrics
from mox_trio.mailstore.store import Account
from mox_trio.services import Services
from mox_trio.transport.http_client import Client
from mox_trio.webhooks.arrivals import Arrivals
from mox_trio.webhooks.calls import Calls
from mox_trio.webhooks.desk import Desk
from mox_trio.webhooks.room import Room
from mox_trio.webhooks.targets import Targets
from storage_backends.index.api import AccountId


@dataclass(frozen=True, slots=True)
class Hooks:
    """What of it the server needs."""

    room: Room
    targets: Targets
    calls: Calls
    arrivals: Arrivals

    @property
    def desk(self) -> Desk:
        """For who sets URLs and looks at calls."""
        return Desk(self.room, self.targets, self.calls)


def build(
    services: Services,
    metrics: Metrics,
    owner: Callable[[AccountId], Awaitable[Account]],
    client: Client,
    holder: str,
    look: float,
) -> Hooks:
    """Join it; `holder` is a name that no other running process has, `look` how often other processes' rows are looked for."""
    config, mail = services.config, services.mail

    def kept(account: str) -> int:
        settings = config.current.directory.account(account)
        return int(float(settings.keep_retired_webhooks) * 1000) if settings is not None else 0

    room = Room(mail.index, services.logins.sealing, owner, kept, mail.now, random.random)
    targets = Targets(room)
    calls = Calls(
        room=room,
        targets=targets,
        client=client,
        metrics=metrics,
        holder=holder,
        version=version.installed(),
        wall=lambda: mail.now() / 1000,
        look=look,
    )
    return Hooks(room, targets, calls, Arrivals(room, targets, calls.wake))
