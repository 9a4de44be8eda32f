"""A whole server: from a static configuration to serving, until the order to stop. `serve` and `localserve` run it.

In this order, so that what fails is said before anybody is served:
1. the limit of descriptors is raised, ports are bound, as root where they need it;
2. root is given up; the data directory is this process's alone from here on (`running_lock`);
3. stores, keys and configuration are opened (`build`), certificates read;
4. rooms are joined: who takes mail (`mail_in`), who sends it (`mail_out`), who answers at which door (`entrances`);
5. everything is started under supervision, and `ready` is called.
What was opened is closed in reverse.
"""

import gc
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import trio

from mox_trio.admin import queue as admin_queue
from mox_trio.admin.accounts import Desk
from mox_trio.admin.queue import QueueDesk
from mox_trio.app import (
    build,
    descriptors,
    doors,
    entrances,
    health,
    loops,
    mail_in,
    mail_out,
    plugins,
    privileges,
    running_lock,
    supervise,
    web,
)
from mox_trio.app.doors import Door
from mox_trio.app.entrances import Common
from mox_trio.app.mail_out import MailOut
from mox_trio.app.server_tls import ServerCertificates
from mox_trio.app.supervise import Loop, Plan, Stop
from mox_trio.app.testing import Testing
from mox_trio.base.metrics import Metrics
from mox_trio.config.models.static import Static
from mox_trio.control import operations
from mox_trio.control import server as control
from mox_trio.httpd.monitoring import Monitoring
from mox_trio.httpd.serving import Server as HttpServer
from mox_trio.imapd.feeds import Feeds
from mox_trio.mailstore import certificates, logins
from mox_trio.mailstore.attempts import LoginAttempts
from mox_trio.outgoing.opening import Dial
from mox_trio.outgoing.scheduler import LOOK
from mox_trio.policy import public_suffix
from mox_trio.policy.ratelimit import FailedLogins
from mox_trio.protocol.smtp.server_events import Kind
from mox_trio.running import Running, Web
from mox_trio.services import Services
from mox_trio.smtpd.receiver import Receiver
from mox_trio.transport import dial as network
from mox_trio.transport.accepting import Accepting
from mox_trio.transport.closing import Closing
from mox_trio.transport.connection import IpAddress
from mox_trio.transport.dns_settings import DnsSettings
from mox_trio.transport.resolver import DnsResolver, Resolver

Ready = Callable[[Running], Awaitable[None]]
COLLECTING: Final = (2000, 5, 3)
"""When cycles are looked for while it serves: cancelled tasks and failed calls leave them. Seldom costs memory, and pauses."""


def every_address(address: IpAddress) -> bool:
    """All addresses of a listener are bound."""
    return True


def asking_dns(static: Static, metrics: Metrics) -> Resolver:
    """The resolver of the configuration."""
    dns = static.dns
    settings = DnsSettings.of(dns.servers, dns.trust_dnssec, dns.timeout, port=dns.port)
    return DnsResolver(settings, trio.current_time, metrics)


@dataclass(frozen=True, slots=True)
class Variant:
    """How a server is unlike others; a server for tests differs."""

    resolver: Callable[[Static, Metrics], Resolver] = asking_dns
    wanted: Callable[[IpAddress], bool] = every_address
    """Which addresses of listeners are bound."""
    dial: Dial = network.connect
    """How other hosts are reached."""
    look: float = LOOK
    """Seconds between looks at what other processes did to the queue."""
    trusted: Callable[[], ssl.SSLContext] = ssl.create_default_context
    """Makes the context that verifies web servers; in a thread, since reading what the system trusts takes 0.1 s."""
    logging_in: logins.Settings | None = None
    testing: Testing | None = None
    loops: Mapping[str, Loop] = field(default_factory=dict)
    """More background work."""
    prepare: Callable[[Services], Awaitable[None]] | None = None
    """Done with the opened stores before anybody is served."""


async def run(static: Static, stop: Stop, ready: Ready, variant: Variant = Variant()) -> None:
    """Serve until `stop`. Failure, ConfigErrors, an error of the stores, or LoopFailed in a group."""
    descriptors.allow(static.limits.sessions)
    with ExitStack() as sockets:
        opened = await doors.opened(static, sockets, wanted=variant.wanted, web=plugins.kinds())
        directory = static.data_directory
        await trio.to_thread.run_sync(partial(privileges.drop, static.user, directory, fix=static.fix_permissions))
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        sockets.enter_context(running_lock.held(directory))
        asked = sockets.enter_context(control.bind(directory))
        sockets.callback(control.remove, directory)
        async with AsyncExitStack() as stack:
            await trio.to_thread.run_sync(public_suffix.load)
            services = await stack.enter_async_context(build.services(static, variant.logging_in, upgrading=True))
            if variant.prepare is not None:
                await variant.prepare(services)
            server = await assemble(services, opened, variant, stop)
            stack.enter_context(loops.CountingLines(server.metrics))
            answers = operations.table(server.running, _queue_operations(server))
            plan = server.plan(partial(control.serve, asked, answers), variant.loops)
            await supervise.run(plan, stop, partial(_ready, ready, server.running))


async def _ready(ready: Ready, running: Running) -> None:
    # What lives from here on is old: collections need not look at it again. The last one counts how little is left to look at;
    # else Python would wait until a quarter of all that is frozen has come anew, and then look at it for half a second.
    gc.collect()
    gc.freeze()
    gc.collect()
    gc.set_threshold(*COLLECTING)
    await ready(running)


@dataclass(frozen=True, slots=True)
class Server:
    """Everything joined, and not running yet."""

    running: Running
    metrics: Metrics
    doors: list[Door]
    accepting: Accepting
    common: Common
    mail_out: MailOut

    def plan(self, answering: Loop, more: Mapping[str, Loop]) -> Plan:
        """What `supervise.run` runs; `answering` is the control socket's loop."""
        services = self.running.services
        registered = partial(certificates.registered, services.mail)
        background: dict[str, Loop] = {
            "config": services.config.run,
            "control": answering,
            "certificates": self.common.certificates.follow,
            "client-certificates": partial(self.common.certificates.follow_registered, registered),
            "login-attempts": self.common.attempts.run,
            "imap-changes": self.common.feeds.run,
            "upkeep": partial(loops.look_after, _desk(services)),
            "stalls": partial(loops.watch_stalls, self.metrics),
            "gauges": partial(loops.show_queue, self.running.queue, self.metrics),
            **self.mail_out.loops(),
            **self.common.web.applications.loops(),
            **more,
        }
        return Plan(
            accepting=self.accepting,
            entrances=entrances.entrances(self.doors, self.common),
            loops=background,
            metrics=self.metrics,
            grace=services.static.limits.stop_grace,
            closing=self.common.closing,
        )


async def assemble(services: Services, opened: list[Door], variant: Variant, stop: Stop) -> Server:
    """Join the rooms over opened stores and bound doors. Failure for certificates that cannot be used."""
    static, metrics = services.static, Metrics()
    resolver = variant.resolver(static, metrics)
    admission = entrances.admitted(static, time.time)
    trusted = await trio.to_thread.run_sync(variant.trusted)
    out = mail_out.build(
        services, resolver, metrics, variant.testing, dial=variant.dial, look=variant.look, trusted=trusted
    )
    await out.hooks.targets.load()
    closing = Closing()
    into = mail_in.build(services, resolver, metrics, out.notices, variant.testing, closing, arrivals=out.arrivals)
    loaded = await ServerCertificates.load(static)
    await loaded.register(partial(certificates.registered, services.mail))
    limits = static.limits
    minute, day = entrances.most(limits.failed_logins_minute), entrances.most(limits.failed_logins_day)

    def receiver(door: Door) -> Receiver:
        is_users = entrances.KINDS[door.service.name] is Kind.SUBMISSION
        return out.receiver(door) if is_users else into.receiver(door)

    failed_logins = FailedLogins(minute, day, exempt=admission.is_exempt, now=time.time)
    attempts = LoginAttempts(services.mail)
    given = Web(services, metrics, failed_logins, attempts, out.parts, out.submission, out.hooks.desk)
    common = Common(
        services=services,
        metrics=metrics,
        closing=closing,
        certificates=loaded,
        failed_logins=failed_logins,
        attempts=attempts,
        receiver=receiver,
        monitoring=HttpServer(Monitoring(metrics, partial(health.check, services, out.queue))),
        web=web.Ports(
            services.config,
            await web.applications(opened, given),
            web.requests(entrances.most(limits.http_requests_minute), admission),
            metrics,
            closing,
        ),
        feeds=Feeds(services.mail),
    )
    running = Running(
        services=services,
        metrics=metrics,
        queue=out.queue,
        stop=stop.order,
        sessions=lambda: admission.sessions,
        listening=tuple(f"{each.name} {door.place}" for door in opened for each in door.services),
        started=services.mail.now(),
    )
    return Server(running, metrics, opened, Accepting(admission, metrics), common, out)


def _desk(services: Services) -> Desk:
    return Desk(services.static, services.source, services.config, services.mail)


QUEUE_PREFIX: Final = "queue-"


def _queue_operations(server: Server) -> dict[str, control.Operation]:
    at = QueueDesk(_desk(server.running.services), server.mail_out.parts)
    return {QUEUE_PREFIX + name: partial(operation, at) for name, operation in admin_queue.OPERATIONS.items()}
