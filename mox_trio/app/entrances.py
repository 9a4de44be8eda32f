"""From bound ports to served connections: which server answers at which door, with which settings, and what it is given."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import trio

from mox_trio.app import doors as bound_doors
from mox_trio.app import imap, supervise, web
from mox_trio.app.doors import Door
from mox_trio.app.server_tls import ServerCertificates
from mox_trio.base.address import Address, Path
from mox_trio.base.metrics import Metrics
from mox_trio.config import check_listeners
from mox_trio.config.directory import ToAccount
from mox_trio.config.models import listeners
from mox_trio.config.models.limits import PerNetwork
from mox_trio.config.models.static import Static
from mox_trio.httpd.serving import Server as HttpServer
from mox_trio.imapd.feeds import Feeds
from mox_trio.mailstore.attempts import LoginAttempts
from mox_trio.mailstore.entering import Who
from mox_trio.policy.ratelimit import FailedLogins, Most
from mox_trio.protocol.smtp.server_events import Kind
from mox_trio.services import Services
from mox_trio.smtpd import session
from mox_trio.smtpd.receiver import Receiver
from mox_trio.smtpd.settings import Parts, Settings
from mox_trio.transport import admission
from mox_trio.transport.accepting import Entrance, Handler
from mox_trio.transport.admission import Admission, Refused
from mox_trio.transport.closing import Closing
from mox_trio.transport.connection import Connection
from mox_trio.transport.tls import ServerTls

KINDS: Final = {
    "smtp": Kind.SMTP,
    "lmtp": Kind.LMTP,
    "submission": Kind.SUBMISSION,
    "submissions": Kind.SUBMISSION,
}
"""Services of SMTP by their names in the configuration."""


@dataclass(frozen=True, slots=True)
class Common:
    """What the servers of all doors share."""

    services: Services
    metrics: Metrics
    closing: Closing
    certificates: ServerCertificates
    failed_logins: FailedLogins
    attempts: LoginAttempts
    receiver: Callable[[Door], Receiver]
    """Who takes the mail of a door."""
    monitoring: HttpServer
    web: web.Ports
    feeds: Feeds
    """What happens in accounts, for IMAP."""


def most(limits: PerNetwork) -> Most:
    """A limit of the configuration."""
    return Most(limits.client, limits.neighbourhood, limits.region)


def admitted(static: Static, now: Callable[[], float]) -> Admission:
    """Who may come in, as configured."""
    limits = static.limits
    terms = admission.Terms(limits.sessions, most(limits.connections), most(limits.connection_rate), limits.exempt)
    return Admission(terms, now)


def entrances(doors: Iterable[Door], common: Common) -> list[tuple[trio.socket.SocketType, Entrance]]:
    """What answers at each door."""
    made: dict[tuple[str, str], Entrance] = {}
    found = []
    for door in doors:
        key = door.listener, f"{door.service.name} {door.service.port}"
        if key not in made:  # one receiver and one set of contexts for all addresses of a service
            made[key] = _entrance(door, common)
        found.append((door.socket, made[key]))
    return found


def _entrance(door: Door, common: Common) -> Entrance:
    tls: ServerTls | None = None
    if door.service.name in ("submissions", "imaps"):
        tls = common.certificates.for_users(door.listener)
    elif door.service.protocol == "https":
        tls = common.certificates.for_web(door.listener)
    return Entrance(
        listener=door.listener,
        protocol=door.service.name,
        handler=_https(door, common) if door.service.protocol == "https" else _handler(door, common),
        tls=tls,
        proxies=door.settings.proxy_protocol_from,
    )


def _handler(door: Door, common: Common) -> Handler:
    if door.service.name in KINDS:
        handler = _smtp(door, common)
    elif door.service.name in imap.NAMES:
        starttls = partial(_starttls, door, common.certificates)
        handler = imap.handler(
            door, common.services, common.feeds, common.metrics, common.closing, _who(common), starttls
        )
    elif door.service.protocol in bound_doors.WEB:
        handler = common.web.handler(door)
    else:
        handler = _monitoring(common.monitoring, common.closing)
    return supervise.guard(door.service.name, handler, common.metrics)


def _https(door: Door, common: Common) -> Handler:
    """The web, and the services of mail that the port answers with to clients that ask for them by ALPN."""
    web = _handler(door, common)
    beside = {
        name: _handler(replace(door, service=service, others=()), common)
        for name, service in check_listeners.beside_web(door.settings).items()
    }

    async def handle(connection: Connection, refused: Refused | None) -> None:
        await beside.get(connection.chosen_alpn, web)(connection, refused)

    return handle if beside else web


def _smtp(door: Door, common: Common) -> Handler:
    static, config = common.services.static, common.services.config
    kind = KINDS[door.service.name]

    def takes_tls_reports(path: Path) -> bool:
        found = config.current.directory.of_path(path)
        return isinstance(found, ToAccount) and found.reason in ("tls-reports", "host-tls-reports")

    parts = Parts(
        receiver=common.receiver(door),
        store=common.services.mail,
        metrics=common.metrics,
        closing=common.closing,
        tls=partial(_starttls, door, common.certificates),
        who=_who(common) if kind is Kind.SUBMISSION else None,
        takes_tls_reports=takes_tls_reports,
    )
    settings = _settings(static, door, kind)

    async def handle(connection: Connection, refused: Refused | None) -> None:
        await session.serve(connection, refused, settings, parts)

    return handle


def _who(common: Common) -> Who:
    """Who may log in, by the configuration in force."""
    config = common.services.config

    def account_of(address: Address) -> str | None:
        return config.current.directory.login(address)

    def disabled(name: str) -> str | None:
        account = config.current.directory.account(name)
        return account.login_disabled or None if account else None

    return Who(common.services.logins, common.failed_logins, common.attempts, account_of, disabled)


def _settings(static: Static, door: Door, kind: Kind) -> Settings:
    service = door.service.service
    if isinstance(service, listeners.Smtp):
        tls_required = service.require_starttls
    else:
        tls_required = isinstance(service, listeners.Submission) and service.require_starttls
    return Settings(
        kind=kind,
        hostname=(door.settings.hostname or static.hostname).ascii,
        message_bytes=door.settings.max_message_size,
        recipients=static.limits.recipients,
        tls_required=tls_required,
        pedantic=static.pedantic,
        command_timeout=static.limits.command_timeout,
        transaction_timeout=static.limits.transaction_timeout,
    )


def _starttls(door: Door, certificates: ServerCertificates) -> ServerTls | None:
    service = door.service.service
    if isinstance(service, listeners.Smtp):
        return certificates.for_mail(door.listener) if service.starttls else None
    if isinstance(service, listeners.Submission | listeners.Imap):
        return certificates.for_users(door.listener)
    return certificates.for_mail(door.listener) if isinstance(service, listeners.Lmtp) else None


def _monitoring(server: HttpServer, closing: Closing) -> Handler:
    async def handle(connection: Connection, refused: Refused | None) -> None:
        if refused is None:
            await server.serve(connection, closing)

    return handle
