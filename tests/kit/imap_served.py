"""`mox-trio serve` with IMAP, as one process or several that share a store, for tests and measurements.

    with imap_served.one() as server:                   # disk and SQLite
        imap_clients.connect(server.port)
    with imap_served.two(postgres, s3) as servers: ...  # two processes on one Postgres, bodies in S3 or on a shared disk

Everything lies in a directory of its own below /tmp, or where the caller says, so that a server that was killed can be started
again there. Mail comes in by LMTP.
"""

import getpass
import shutil
import smtplib
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from psycopg.conninfo import conninfo_to_dict

from tests.kit import imap_clients, programs, shared_server, stored, wires
from tests.kit.imap_clients import Client
from tests.kit.programs import Process
from tests.kit.s3 import S3Server

USERS: Final = ("mia", "noah")
EXAMPLES: Final = tuple(f"examples{number}" for number in range(4))
"""Accounts in which examples are played: one for each process that runs tests."""
SHARED_USERS: Final = ("mbsync", "offlineimap", "mutt", "fetchmail", "libraries", "scripted", *EXAMPLES)
"""Of the server that all tests of a run share."""
DOMAIN: Final = "here.example"
PASSWORD: Final = "correct-horse-battery-staple"

STATIC: Final = """
hostname = "{name}.here.example"
user = "{user}"
limits.exempt = ["127.0.0.0/8"]
limits.stop_grace = "1s"
dns.servers = ["127.0.0.1"]
dns.port = 1
log.level = "warn"

[listeners.node]
ips = ["127.0.0.1"]
lmtp = {{ port = {lmtp} }}
imap = {{ port = {imap}, require_starttls = false }}
imaps = {{ port = {imaps} }}
{web}tls.certificates = [{{ cert_file = "{directory}/host.crt", key_file = "{directory}/host.key" }}]
"""

POSTGRES: Final = """
[storage.index]
kind = "postgres"
host = "{host}"
port = {port}
user = "{user}"
database = "{dbname}"
sslmode = "disable"

[keys]
server = {{ file = "{directory}/server.key" }}
"""

S3: Final = """
[storage.stores.shared]
kind = "s3"
endpoint = "{bucket.endpoint}"
region = "{bucket.region}"
bucket = "{bucket.bucket}"
prefix = "{prefix}/"
path_style = true
access_key = {{ file = "{directory}/access" }}
secret_key = {{ file = "{directory}/secret" }}
"""

DISK: Final = """
[storage.stores.shared]
kind = "disk"
directory = "{directory}/bodies"
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A server; ports are on 127.0.0.1."""

    directory: Path
    config: Path
    port: int
    """IMAP, without TLS or with STARTTLS."""
    tls_port: int
    lmtp: int
    pid: int = 0
    web: int = 0
    """The webmail, where there is one."""

    @property
    def base(self) -> int:
        """As pages are found."""
        return self.web - 80

    @property
    def user(self) -> str:
        """Who logs in."""
        return f"{USERS[0]}@{DOMAIN}"

    @property
    def log(self) -> str:
        """All it has logged."""
        return self.config.with_name("serve.log").read_text(errors="replace")

    @property
    def certificate(self) -> Path:
        """What a client must trust."""
        return self.directory / "host.crt"

    def deliver(self, message: bytes, user: str = USERS[0]) -> None:
        """Hand it a message by LMTP."""
        with smtplib.LMTP("127.0.0.1", self.lmtp) as client:
            client.sendmail("ann@far.example", [f"{user}@{DOMAIN}"], message)


def prepared(
    directory: Path,
    names: tuple[str, ...] = ("one",),
    storage: str = "",
    users: tuple[str, ...] = USERS,
    *,
    web: bool = False,
) -> list[Node]:
    """Configurations below a directory, with accounts that have passwords; nothing runs."""
    wires.certificate("localhost").write(directory)
    nodes = []
    for name in names:
        lmtp, imap, imaps, pages = shared_server.free_ports(4)
        top = directory / name
        (top / "data").mkdir(parents=True)
        static = STATIC.format(
            name=name,
            user=getpass.getuser(),
            directory=directory,
            lmtp=lmtp,
            imap=imap,
            imaps=imaps,
            web=f"webmail_http = {{ port = {pages} }}\n" if web else "",
        )
        (top / "mox-trio.toml").write_text(static + storage)
        accounts = "".join(f'[accounts.{user}]\naddresses = ["{user}@{DOMAIN}"]\n' for user in users)
        (top / "data" / "domains.toml").write_text(f'[domains."{DOMAIN}"]\n{accounts}')
        nodes.append(Node(directory, top / "mox-trio.toml", imap, imaps, lmtp, web=pages if web else 0))
    stored.set_passwords(nodes[0].config, users, PASSWORD)
    return nodes


@contextmanager
def serving(node: Node, seconds: float = 90) -> Iterator[Node]:
    """Run a server until the block ends; it serves when the block begins, after so many seconds at most."""
    command = ["--config", str(node.config), "serve"]
    with programs.started(command, node.config.with_name("serve.log")) as process:
        _wait(node, process, seconds)
        yield replace(node, pid=process.pid)


def _wait(node: Node, process: Process, seconds: float) -> None:
    try:
        for port in (node.port, node.tls_port, node.lmtp):
            shared_server.wait_for_port(port, process, seconds)
    except shared_server.StartFailed as error:
        raise shared_server.StartFailed(f"{error}:\n{node.log[-4000:]}") from error


@contextmanager
def one() -> Iterator[Node]:
    """A server on disk and SQLite."""
    with _temporary() as directory, serving(prepared(directory)[0]) as node:
        yield node


@contextmanager
def running(directory: Path) -> Iterator[Mapping[str, str]]:
    """For `shared_server`: a server on disk and SQLite with `SHARED_USERS`."""
    with serving(prepared(directory, users=SHARED_USERS)[0]) as node:
        yield {
            "config": str(node.config),
            "certificate": str(node.certificate),
            "ports": f"{node.port} {node.tls_port} {node.lmtp}",
        }


@dataclass(frozen=True)
class Place:
    """Where the shared server is, and what a client must know of it."""

    config: Path
    certificate: Path
    port: int
    tls_port: int
    lmtp: int

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> Self:
        """From what `running` yields."""
        return cls(Path(facts["config"]), Path(facts["certificate"]), *map(int, facts["ports"].split()))

    @property
    def log(self) -> str:
        """All it has logged."""
        return self.config.with_name("serve.log").read_text(errors="replace")

    def user(self, account: str) -> str:
        """The name that an account logs in with."""
        return f"{account}@{DOMAIN}"

    def context(self) -> ssl.SSLContext:
        """Of a client that believes the server."""
        return ssl.create_default_context(cafile=str(self.certificate))

    @contextmanager
    def client(self, account: str, transcript: list[bytes] | None = None) -> Iterator[Client]:
        """A connection that has logged in."""
        with imap_clients.connect(self.port, transcript=transcript) as client:
            client.login(self.user(account), PASSWORD)
            yield client


@contextmanager
def two(conninfo: str, bucket: S3Server | None = None) -> Iterator[list[Node]]:
    """Two processes on one database, with bodies in S3 or on a disk that both have."""
    with two_prepared(conninfo, bucket) as nodes, ExitStack() as stack:
        yield [stack.enter_context(serving(node)) for node in nodes]


@contextmanager
def two_prepared(conninfo: str, bucket: S3Server | None = None, *, web: bool = False) -> Iterator[list[Node]]:
    """Their configurations; nothing runs."""
    with _temporary() as directory:
        database = POSTGRES.format(directory=directory, **conninfo_to_dict(conninfo))
        secrets = {"server.key": "5a" * 32}
        if bucket is None:
            storage = DISK.format(directory=directory)
        else:
            secrets |= {"access": bucket.access_key, "secret": bucket.secret_key}
            storage = S3.format(directory=directory, bucket=bucket, prefix=directory.name)
        for name, text in secrets.items():
            (directory / name).write_text(text)
            (directory / name).chmod(0o600)
        yield prepared(directory, ("one", "two"), storage + database, web=web)


@contextmanager
def _temporary() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="mox-trio-imap-", dir="/tmp"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
