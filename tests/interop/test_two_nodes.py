"""Two real servers on one Postgres and one bucket of S3: each sees the other's mail, and does the work of one that died.

A lease of the queue is twenty minutes long; that they have passed is said by moving its end in the database, by whose clock
they are counted.
"""

import getpass
import smtplib
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.kit import served, shared_server, stored, wires
from tests.kit.s3 import S3Server
from tests.kit.served import PASSWORD
from tests.kit.stored import PATIENCE

STATIC = """
hostname = "{name}.here.example"
user = "{user}"
limits.exempt = ["127.0.0.0/8"]
limits.stop_grace = "1s"
dns.servers = ["127.0.0.1"]
dns.port = 1

[keys]
server = {{ file = "../server.key" }}
master = {{ file = "../server.key" }}

[storage.stores.far]
kind = "s3"
endpoint = "{bucket.endpoint}"
region = "{bucket.region}"
bucket = "{bucket.bucket}"
prefix = "{prefix}/"
path_style = true
access_key = {{ file = "../access" }}
secret_key = {{ file = "../secret" }}
encrypt = true

[storage.index]
kind = "postgres"
host = "{database[host]}"
port = {database[port]}
user = "{database[user]}"
database = "{database[dbname]}"
sslmode = "disable"

[listeners.node]
ips = ["127.0.0.1"]
lmtp = {{ port = {lmtp} }}
submissions = {{ port = {submissions} }}
tls.certificates = [{{ cert_file = "../host.crt", key_file = "../host.key" }}]

[transports.sink]
kind = "smtp"
host = "127.0.0.1"
port = {sink}
starttls = false
"""

DYNAMIC = """
[domains."here.example"]

[accounts.node]
addresses = ["node@here.example"]

[[routes]]
transport = "sink"
"""


@dataclass(frozen=True)
class Node:
    """One of the servers."""

    config: Path
    log: Path
    lmtp: int
    submissions: int

    def submit(self, directory: Path, subject: str, to: str) -> None:
        """Hand it a message of its user."""
        context = ssl.create_default_context(cafile=str(directory / "host.crt"))
        with smtplib.SMTP_SSL("localhost", self.submissions, timeout=PATIENCE, context=context) as client:
            client.login("node@here.example", PASSWORD)
            client.sendmail("node@here.example", [to], message(subject, to))

    def logged(self, *texts: str) -> None:
        """Wait for a line with these texts."""
        deadline = time.monotonic() + PATIENCE
        while not any(all(text in line for text in texts) for line in self.log.read_text().splitlines()):
            assert time.monotonic() < deadline, self.log.read_text()[-4000:]
            time.sleep(0.02)  # another process: there is no event to wait for


def message(subject: str, to: str) -> str:
    return f"From: node@here.example\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHello.\r\n"


class Sink(socketserver.StreamRequestHandler):
    """Takes the first message and says nothing; takes the others."""

    held: threading.Event
    let_go: threading.Event
    taken: list[str]

    def handle(self) -> None:
        """One session."""
        self.wfile.write(b"220 sink\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                if not self._content():
                    return
            self.wfile.write(b"250 fine\r\n")

    def _content(self) -> bool:
        subject = ""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            if line.startswith(b"Subject: "):
                subject = line[9:].strip().decode()
        if not self.held.is_set():
            self.held.set()
            self.let_go.wait(PATIENCE)
            return False
        self.taken.append(subject)
        return True


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def sinking(port: int) -> Iterator[type[Sink]]:
    class Handler(Sink):
        held, let_go = threading.Event(), threading.Event()
        taken: list[str] = []  # noqa: RUF012 - one class a server

    with Server(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield Handler
        finally:
            Handler.let_go.set()
            server.shutdown()


@pytest.fixture
def sink_port() -> int:
    return shared_server.free_ports(1)[0]


@pytest.fixture
def nodes(tmp_path: Path, moto: S3Server, postgres_database: str, sink_port: int) -> list[Node]:
    """Their configurations."""
    wires.certificate("localhost").write(tmp_path)
    for name, text in (("server.key", "5a" * 32), ("access", moto.access_key), ("secret", moto.secret_key)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    made = []
    for name in ("one", "two"):
        lmtp, submissions = shared_server.free_ports(2)
        top = tmp_path / name
        (top / "data").mkdir(parents=True)
        text = STATIC.format(
            name=name,
            user=getpass.getuser(),
            bucket=moto,
            prefix=tmp_path.name,
            database=conninfo_to_dict(postgres_database),
            lmtp=lmtp,
            submissions=submissions,
            sink=sink_port,
        )
        (top / "mox-trio.toml").write_text(text)
        (top / "data" / "domains.toml").write_text(DYNAMIC)
        made.append(Node(top / "mox-trio.toml", top / "log", lmtp, submissions))
    stored.set_passwords(made[0].config, ["node"], PASSWORD)
    return made


def test_one_is_killed_while_it_delivers_and_the_other_takes_over(
    nodes: list[Node], tmp_path: Path, postgres_database: str, sink_port: int
) -> None:
    one, two = nodes
    with ExitStack() as stack:
        sink = stack.enter_context(sinking(sink_port))
        first = stack.enter_context(served.serving(one.config, one.log))
        stack.enter_context(served.serving(two.config, two.log))
        with smtplib.LMTP("127.0.0.1", two.lmtp) as client:
            client.sendmail("ann@far.example", ["node@here.example"], message("from the other", "node@here.example"))
        assert b"Hello." in stored.mail_with(one.config, "node", "from the other")

        one.submit(tmp_path, "taken over", "you@far.example")
        assert sink.held.wait(PATIENCE)  # all of it was sent, and nobody has said 250
        first.kill()
        first.wait()
        assert end_leases(postgres_database) == 1
        two.logged("delivery taken over")
        two.logged("delivery settled", "event=relayed", "recipient=<you@far.example>", "attempt=2")
        assert sink.taken == ["taken over"]
        two.submit(tmp_path, "and it goes on", "you@far.example")
        two.logged("delivery settled", "event=relayed", "attempt=1")
    assert sink.taken == ["taken over", "and it goes on"]


def end_leases(conninfo: str) -> int:
    """Twenty minutes pass; how many leases that ends."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return connection.execute("UPDATE queued SET lease_until = 1 WHERE lease_until > 0").rowcount
