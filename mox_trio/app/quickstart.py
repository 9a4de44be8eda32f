"""`mox-trio quickstart`: from an address to a configuration that serves.

In this order, so that what cannot work is said before anything is written: who is asked (user, secrets in the environment,
certificate readable for the server's user), what DNS and the network say of this machine, then files, none of which overwrites
another, then, as the server's user, the stores with the first account in them, and what `config test` looks at. When a step
fails, the files made are taken away again and those put aside are put back, by a shell that stays root where this process has
become the server's user; what remains is named in the log.
"""

import logging
import os
import pwd
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import trio

from mox_trio.admin import certificate_check, dns_records, first_account, host_checks, quickstart
from mox_trio.admin.accounts import Desk
from mox_trio.admin.dns_records import Record
from mox_trio.admin.host_checks import Check, Seen
from mox_trio.admin.new_files import NewFiles
from mox_trio.admin.quickstart import Bucket, Certificate, Choices, Database
from mox_trio.app import build, plugins, privileges
from mox_trio.base.address import Address
from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.base.failure import Failure, Kind
from mox_trio.base.metrics import Metrics
from mox_trio.config import check_files, load
from mox_trio.config.problems import ConfigErrors
from mox_trio.policy.questions import Answer, Question, Status
from mox_trio.transport import self_signed
from mox_trio.transport.dns_settings import DnsSettings
from mox_trio.transport.resolver import DnsResolver, Resolver
from storage_backends.bodies import master_key

logger = logging.getLogger(__name__)

LIFE: Final = timedelta(days=398)
"""Of a certificate signed by itself: browsers believe none that lives longer."""
SYSTEM_CONFIG: Final = Path("/etc/mox-trio")
SYSTEM_DATA: Final = Path("/var/lib/mox-trio")


@dataclass(frozen=True, slots=True)
class Options:
    """Of the command line."""

    address: str
    directory: Path | None = None
    hostname: str | None = None
    user: str | None = None
    store: quickstart.StoreKind = "disk"
    bucket: Bucket | None = None
    database: Database | None = None
    certificate: tuple[Path, Path] | None = None
    existing_webserver: bool = False
    skip_dns: bool = False
    base_port: int = 0
    ips: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What there is now."""

    choices: Choices
    checks: Sequence[Check]
    records: Sequence[Record]
    zone: Path
    files: Sequence[Path]
    aside: Sequence[Path]
    """Files of before, by their new names."""
    password: str = field(repr=False)
    next: Sequence[str]
    """Commands, in order."""


Ask = Callable[[Sequence[Path]], None]
"""Asks whether files that are there may be put aside; raises when they may not."""


async def run(options: Options, ask: Ask, resolver: Resolver | None = None) -> Done:
    """Do it all. Failure, ConfigErrors, an error of the stores; then nothing is left of it."""
    address = _address(options.address)
    _check_hostname(options.hostname, address.domain)
    identity = await trio.to_thread.run_sync(_identity, options)
    resolver = resolver or DnsResolver(DnsSettings.of(timeout=5), trio.current_time, Metrics())
    host, note = await host_checks.hostname(
        _Silent() if options.skip_dns else resolver, address.domain, options.hostname
    )
    seen = host_checks.not_asked(host) if options.skip_dns else await host_checks.run(resolver, host)
    choices = await trio.to_thread.run_sync(_choices, options, address, host, seen, identity)
    own = await trio.to_thread.run_sync(_check, choices, identity)
    files = NewFiles((identity.uid, identity.gid) if os.geteuid() == 0 else None)
    try:
        aside = await trio.to_thread.run_sync(_write, choices, files, ask)
        if os.geteuid() == 0:
            await trio.to_thread.run_sync(files.guard)
        made = list(files.made)
        desk, password = await _filled(choices)
        records = await first_account.records(
            desk, address.domain, seen.public, first_account.CERTBOT_CA if choices.certificate.is_own else ""
        )
        zone = _zone(choices)
        await trio.to_thread.run_sync(zone.write_text, dns_records.zone(records) + "\n")
        await trio.to_thread.run_sync(files.keep)
    except BaseException:
        with trio.CancelScope(shield=True):
            if left := await trio.to_thread.run_sync(files.take_back):
                logger.warning("files that were made remain", extra={"files": ", ".join(map(str, left))})
        raise
    checks = [*([note] if note else []), *seen.checks, *own]
    return Done(choices, checks, records, zone, made, aside, password, _next(choices))


class _Silent(Resolver):
    """Nobody is asked."""

    async def look_up(self, question: Question) -> Answer:
        return Answer(Status.TROUBLE, detail="nothing is asked")


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except InvalidAddress as error:
        raise Failure(Kind.INVALID, f"{text!r} is no mail address: {error}") from None


def _check_hostname(named: str | None, domain: Domain) -> None:
    """INVALID when the name that was given is none that others could look up."""
    if named is None:
        return
    try:
        Domain.parse(named.rstrip("."))
        is_full = "." in named.rstrip(".")
    except InvalidAddress:
        is_full = False
    if not is_full:
        raise Failure(
            Kind.INVALID, f"--hostname {named!r} is no full name of a machine; name one such as mail.{domain}"
        )


def _identity(options: Options) -> privileges.Identity:
    """Who the server will be: the named user as root, else whoever runs this."""
    if os.geteuid() == 0:
        return privileges.lookup(options.user or "mox-trio")
    try:
        mine = privileges.lookup(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        mine = privileges.Identity(str(os.geteuid()), os.geteuid(), os.getegid(), ())
    if options.user is not None and options.user not in (mine.name, str(mine.uid)):
        raise Failure(Kind.FORBIDDEN, f"only root can set up a server for {options.user}; run this as root")
    return mine


def _choices(options: Options, address: Address, host: Domain, seen: Seen, identity: privileges.Identity) -> Choices:
    own = options.directory is None
    directory = SYSTEM_CONFIG if options.directory is None else options.directory.absolute()
    tls = directory / "tls"
    certificate = Certificate(tls / quickstart.CERTIFICATE, tls / quickstart.PRIVATE_KEY, is_own=True)
    if options.certificate is not None:
        certificate = Certificate(options.certificate[0].absolute(), options.certificate[1].absolute())
    ips = [_ip(each) for each in options.ips] or list(seen.bound)
    if not ips:
        ips = [_ip("0.0.0.0"), *([_ip("::")] if socket.has_ipv6 and host_checks.is_here(_ip("::1")) else [])]  # noqa: S104
    made = Choices(
        address=address,
        hostname=host,
        directory=directory,
        data=SYSTEM_DATA if own else directory / "data",
        user=identity.name,
        certificate=certificate,
        store=options.store,
        bucket=options.bucket,
        database=options.database,
        existing_webserver=options.existing_webserver,
        base_port=options.base_port,
        ips=ips,
        nat=() if options.ips else seen.nat,
        web=plugins.kinds(),
    )
    quickstart.check(made)
    return made


def _ip(text: str) -> host_checks.IpAddress:
    try:
        return ip_address(text)
    except ValueError:
        raise Failure(Kind.INVALID, f"{text!r} is no IP address") from None


def _check(choices: Choices, identity: privileges.Identity) -> list[Check]:
    """What must be there before anything is written, Failure; what is to be said of a certificate that is there."""
    for program_file in privileges.PROGRAM:
        if not _may_read(Path(program_file), identity):
            raise privileges.unreadable(identity, program_file)
    for name in choices.secrets:
        if not os.environ.get(name):
            raise Failure(Kind.INVALID, f"set {name} in the environment: it is a secret and so no option")
    if choices.certificate.is_own:
        return []
    for file in (choices.certificate.chain, choices.certificate.key):
        if not _may_read(file, identity):
            raise Failure(
                Kind.FORBIDDEN,
                f"user {identity.name}, who the server becomes, cannot read {file}; leave out --cert and --key, which makes "
                f"a hook that copies the files of certbot where it can, or give it copies: "
                f"install -o {identity.name} -m 600 FILE DIRECTORY",
            )
    chain = choices.certificate.chain.read_bytes()
    return [certificate_check.check(chain, quickstart.certified(choices), datetime.now(UTC))]


def _may_read(file: Path, identity: privileges.Identity) -> bool:
    if os.geteuid() != 0:
        return os.access(file, os.R_OK)
    command = ["/usr/bin/test", "-r", str(file)]
    done = subprocess.run(  # noqa: S603 - by its whole path, without a shell
        command, user=identity.uid, group=identity.gid, extra_groups=identity.groups, check=False
    )
    return done.returncode == 0


def _write(choices: Choices, files: NewFiles, ask: Ask) -> list[Path]:
    """Make all files; what was put aside."""
    directory, own = choices.directory, choices.certificate.is_own
    tls = choices.certificate.chain.parent
    targets = [choices.file, choices.data / "domains.toml", directory / quickstart.UNIT, _zone(choices)]
    targets += [choices.certificate.chain, choices.certificate.key, directory / quickstart.HOOK] if own else []
    targets += [directory / quickstart.ENVIRONMENT] if choices.secrets else []
    if there := [each for each in targets if each.exists()]:
        ask(there)
    files.directory(directory)
    files.directory(choices.data, given=True)
    aside = files.put_aside(there)
    files.write(choices.file, quickstart.static(choices))
    files.write(choices.data / "domains.toml", quickstart.dynamic(choices), 0o600, given=True)
    if choices.store != "disk" and not (directory / quickstart.MASTER_KEY).exists():
        # A key that is there may be what seals mail that is there: it is kept.
        key = master_key.new().key.hex() + "\n"
        files.write(directory / quickstart.MASTER_KEY, key, 0o600, given=True)
    if choices.secrets:
        lines = [f"{name}={os.environ[name]}" for name in choices.secrets]
        files.write(directory / quickstart.ENVIRONMENT, "\n".join(lines) + "\n", 0o600)
    if own:
        files.directory(tls, given=True)
        made = self_signed.make(quickstart.certified(choices), [], datetime.now(UTC), LIFE)
        files.write(choices.certificate.key, made.key, 0o600, given=True)
        files.write(choices.certificate.chain, made.certificate, 0o644, given=True)
        files.write(directory / quickstart.HOOK, quickstart.hook(choices), 0o755)
    files.write(directory / quickstart.UNIT, quickstart.unit(choices, program()))
    return aside


async def _filled(choices: Choices) -> tuple[Desk, str]:
    """Become the server's user; the first account in the stores, and what `config test` would say."""
    static = await build.read_static(choices.file)
    text = await trio.to_thread.run_sync(load.text, choices.file)
    if problems := await trio.to_thread.run_sync(check_files.problems, static, text, str(choices.file)):
        raise ConfigErrors(problems)
    async with build.services(static) as services:
        desk = Desk(static, services.source, services.config, services.mail)
        return desk, await first_account.make(desk, services.logins, choices.account, choices.address.domain)


def _zone(choices: Choices) -> Path:
    return choices.data / f"dns-{choices.address.domain.ascii}.zone"


def program() -> str:
    """The path of this program, for systemd and for the shell."""
    beside = Path(sys.executable).with_name("mox-trio")
    return str(beside) if beside.exists() else shutil.which("mox-trio") or "mox-trio"


def has_postgres_password() -> bool:
    """Whether the environment has a password for Postgres."""
    return bool(os.environ.get(quickstart.POSTGRES_SECRET))


def _next(choices: Choices) -> list[str]:
    unit = choices.directory / quickstart.UNIT
    config = shlex.quote(str(choices.file))
    start = f"systemctl enable --now {shlex.quote(str(unit))}"
    if os.geteuid() != 0 and choices.base_port:
        start = f"{shlex.quote(program())} --config {config} serve"
    certificate = quickstart.certbot(choices) if choices.certificate.is_own else ""
    status = f"{shlex.quote(program())} --config {config} status"
    records = f"{shlex.quote(program())} --config {config} domain records {choices.address.domain.ascii} --zone"
    return [certificate or records, start, status]
