"""`mox-trio localserve`: a whole server for tests of other programs, on loopback addresses, for one user.

It takes mail for anybody into one account and sends nothing away: every domain leads to this server, unless a route of its
configuration says otherwise. Nobody is asked about names outside this machine unless `resolver` says so.
"""

import logging
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Final, TextIO

import trio

from mox_trio.admin import accounts
from mox_trio.admin.accounts import Desk
from mox_trio.app import localserve_files, logs, serve
from mox_trio.app.localserve_files import ACCOUNT, ADDRESS, PASSWORD
from mox_trio.app.server import Variant
from mox_trio.app.systemd import Systemd
from mox_trio.app.testing import Testing
from mox_trio.base.failure import Failure, Kind
from mox_trio.base.metrics import Metrics
from mox_trio.config.models.static import Static
from mox_trio.mailstore import credentials, logins
from mox_trio.running import Running
from mox_trio.services import Services
from mox_trio.transport import listening
from mox_trio.transport.connection import IpAddress
from mox_trio.transport.dns_settings import PORT, DnsSettings
from mox_trio.transport.local_resolver import LocalResolver
from mox_trio.transport.resolver import DnsResolver, Resolver

logger = logging.getLogger(__name__)

NAME: Final = "mox-trio"

TRY = """
A server for tests runs in {directory}
Log in as {address} with the password {password}; all mail arrives there.
Webmail: http://127.0.0.1:{webmail_http}/webmail/

  swaks --server 127.0.0.1:{smtp} --to you@example.org
  swaks --server 127.0.0.1:{submission} --auth-user {address} --auth-password {password} --from {address} --to you@example.org
  curl --user {address}:{password} imap://127.0.0.1:{imap}/INBOX
  {program} --config {directory}/mox-trio.toml mailbox messages {account}
  curl --user {address}:{password} http://127.0.0.1:{webapi_http}/webapi/v0/Send --data-urlencode \\
    'request={{"To": [{{"Address": "you@example.org"}}], "Subject": "hello", "Text": "hi"}}'
  curl http://127.0.0.1:{metrics_http}/metrics

Methods of the HTTP API, explained: http://127.0.0.1:{webapi_http}/webapi/

{listening}

Senders and recipients that provoke errors, at any domain:
  mailfrom..., rcptto..., queue... (the last when the queue delivers), ending in temperror, permerror, timeout or a code:
  mailfromtemperror@example.org, rcpttopermerror@example.org, rcptto452@example.org, queuetemperror@example.org
"""


@dataclass(frozen=True, slots=True)
class Options:
    """Of the command line."""

    directory: Path | None = None
    base_port: int | None = None
    pedantic: bool = False
    resolver: str | None = None
    """ADDRESS or ADDRESS:PORT."""


async def main(options: Options, output: TextIO = sys.stdout) -> None:
    """Serve until told to stop; print what to try, and "ready" when every port is bound. ConfigErrors, Failure."""
    directory = options.directory or localserve_files.default_directory(options.base_port or 1000)
    prepare = partial(localserve_files.prepare, directory, options.base_port, pedantic=options.pedantic)
    static = await trio.to_thread.run_sync(prepare)
    logs.configure(static.log)
    wanted = await _addresses_that_exist(static)
    variant = Variant(
        resolver=_resolving(options.resolver, wanted),
        wanted=lambda address: address in wanted,
        logging_in=logins.Settings(main_by_cram_md5=True),
        testing=Testing(ACCOUNT, _smtp_port(static)),
        prepare=_with_password,
    )

    async def ready(running: Running) -> None:
        output.write(_what_to_try(static, running) + "\nready\n")
        output.flush()

    await serve.until_signalled(static, ready, variant, Systemd({}))


async def _addresses_that_exist(static: Static) -> set[IpAddress]:
    """A machine without IPv6 has no ::1; the others must be there."""
    found = {address for listener in static.listeners.values() for address in listener.ips}
    try:
        (await listening.bind(ip_address("::1"), 0)).close()
    except Failure:
        found.discard(ip_address("::1"))
    return found


def _resolving(resolver: str | None, addresses: set[IpAddress]) -> Callable[[Static, Metrics], Resolver]:
    if resolver is not None:
        host, port = _host_and_port(resolver)
        settings = DnsSettings.of([host], port=port)
        return lambda static, metrics: DnsResolver(settings, trio.current_time, metrics)

    def local(static: Static, metrics: Metrics) -> Resolver:
        return LocalResolver(static.hostname.ascii, addresses=sorted(map(str, addresses)))

    return local


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":") if text.count(":") == 1 or text.startswith("[") else (text, "", "")
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
        number = int(port) if colon else PORT
        if 0 < number < 65536:
            return str(address), number
    except ValueError:
        pass
    raise Failure(Kind.INVALID, f"{text!r} is no resolver; write ADDRESS, or [ADDRESS]:PORT")


def _smtp_port(static: Static) -> int:
    ports = [each.smtp.port for each in static.listeners.values() if each.smtp is not None and each.smtp.enabled]
    if not ports:
        raise Failure(
            Kind.INVALID, "no listener has smtp, and so mail would arrive nowhere; add it to the configuration"
        )
    return ports[0]


async def _with_password(services: Services) -> None:
    """The account with its password, unless somebody changed that."""
    desk = Desk(services.static, services.source, services.config, services.mail)
    if ACCOUNT not in services.config.current.dynamic.accounts:
        raise Failure(Kind.NOT_FOUND, f"the configuration has no account {ACCOUNT}, where all mail goes; add it")
    account = await accounts.opened(desk, ACCOUNT)
    if not await credentials.list_credentials(services.logins, account):
        await credentials.set_password(services.logins, account, PASSWORD)


def _what_to_try(static: Static, running: Running) -> str:
    ports = dict.fromkeys(localserve_files.PORTS, "-")
    for each in running.listening:
        name, _, place = each.partition(" ")
        ports[name] = place.rpartition(":")[2]
    return TRY.format(
        program=_program(),
        directory=static.config_directory,
        address=ADDRESS,
        password=PASSWORD,
        account=ACCOUNT,
        listening="\n".join(f"  {each}" for each in running.listening),
        **ports,
    )


def _program() -> str:
    """How the program is called from a shell: by its name, or by its path where the shell would not find it."""
    beside = Path(sys.executable).with_name(NAME)
    return NAME if shutil.which(NAME) or not beside.exists() else str(beside)
