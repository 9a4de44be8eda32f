"""Joins the rooms that send mail: submission, the queue, deliveries, notices."""

import socket
import ssl
from dataclasses import dataclass, replace

from mox_trio.app import hooks, running_lock
from mox_trio.app.doors import Door
from mox_trio.app.hooks import Hooks
from mox_trio.app.supervise import Loop
from mox_trio.app.testing import Testing
from mox_trio.base.metrics import Metrics
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.mailstore.store import Account
from mox_trio.outgoing.delivering import Delivering
from mox_trio.outgoing.notices import Notices
from mox_trio.outgoing.opening import Dial
from mox_trio.outgoing.parts import Parts
from mox_trio.outgoing.returned import Returned
from mox_trio.outgoing.scheduler import LOOK, Scheduler
from mox_trio.outgoing.sign import Signer
from mox_trio.outgoing.submit import Submission
from mox_trio.outgoing.telling import Telling
from mox_trio.outgoing.way import Settings
from mox_trio.services import Services
from mox_trio.smtpd.provoking import Provoking
from mox_trio.smtpd.receiver import Receiver
from mox_trio.transport import dial as network
from mox_trio.transport import http_client
from mox_trio.transport.resolver import Resolver
from storage_backends.index.api import AccountId


@dataclass(frozen=True, slots=True)
class MailOut:
    """What of it the server needs."""

    parts: Parts
    notices: Notices
    delivering: Delivering
    scheduler: Scheduler
    submission: Submission
    testing: Testing | None
    hooks: Hooks

    @property
    def arrivals(self) -> Returned:
        """Who is told of mail that arrives."""
        return Returned(self.parts, self.hooks.room, self.hooks.targets, self.hooks.arrivals)

    @property
    def queue(self) -> Mailqueue:
        """The rows of the queue."""
        return self.parts.queue

    def receiver(self, door: Door) -> Receiver:
        """Who takes what users submit."""
        return self.submission if self.testing is None else Provoking(self.submission)

    def loops(self) -> dict[str, Loop]:
        """Background work."""
        return {"queue": self.scheduler.run, "conversations": self.delivering.run, "webhooks": self.hooks.calls.run}


def build(
    services: Services,
    resolver: Resolver,
    metrics: Metrics,
    testing: Testing | None,
    *,
    dial: Dial = network.connect,
    look: float = LOOK,
    trusted: ssl.SSLContext,
) -> MailOut:
    """Join them. `dial` reaches other hosts; `look` is how often the queue is looked at for what other processes changed;
    `trusted` verifies web servers.
    """
    mail, config = services.mail, services.config

    async def owner(account_id: AccountId) -> Account:
        return await parts.account(account_id)

    # The lock of the data directory sees to it that no other server has this name.
    holder = f"{socket.gethostname()} {running_lock.name(services.static.data_directory)}"
    client = http_client.Client(resolver, services.static.webhooks.private_networks, dial, trusted)
    calling = hooks.build(services, metrics, owner, client, holder, look)
    also = (Telling(calling.room, calling.targets, calling.calls.wake),)
    parts = Parts(mail, Mailqueue(mail.index, mail.now), config, metrics, also=also, arrivals=calling.arrivals)
    settings = Settings.of(services.static)
    if testing is not None:
        settings = replace(settings, port=testing.port, may_loop=True)
    delivering = Delivering(resolver, settings, metrics, dial=dial)
    signer = Signer(mail, config, metrics)
    return MailOut(
        parts=parts,
        notices=Notices(parts, signer),
        delivering=delivering,
        scheduler=Scheduler(parts, delivering, holder=holder, look=look),
        submission=Submission(parts, signer),
        testing=testing,
        hooks=calling,
    )
