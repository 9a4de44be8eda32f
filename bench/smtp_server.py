"""A real server for measurements: `mox-trio serve` in a process of its own, on loopback, with a name server beside it."""

import datetime
import getpass
import ipaddress
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DOMAIN: Final = "bench.invalid"
RECIPIENT: Final = f"bench@{DOMAIN}"
PASSWORD: Final = "measured passwords are long enough"
READY_SECONDS: Final = 60
PROGRAM: Final = str(Path(sys.executable).with_name("mox-trio"))

STATIC: Final = """
hostname = "mx.bench.invalid"
data_directory = "{directory}/data"
user = "{user}"

[log]
level = "warn"

[limits]
exempt = ["127.0.0.0/8"]

[dns]
servers = ["127.0.0.1"]
port = {dns}

[listeners.bench]
ips = ["127.0.0.1"]
smtp = {{ port = {smtp} }}
submissions = {{ port = {submissions} }}
[[listeners.bench.tls.certificates]]
cert_file = "{directory}/cert.pem"
key_file = "{directory}/key.pem"

[transports.sink]
kind = "smtp"
host = "127.0.0.1"
port = {sink}
starttls = false
"""

DYNAMIC: Final = f"""
[domains."{DOMAIN}"]

[accounts.bench]
addresses = ["{RECIPIENT}"]
max_outgoing_messages_per_day = 100000000
max_first_time_recipients_per_day = 100000000

[[routes]]
transport = "sink"
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; ports on 127.0.0.1."""

    pid: int
    smtp: int
    submissions: int
    sink: int
    dns: int
    config: Path

    def cpu(self) -> float:
        """Seconds of CPU that its process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> int:
        """Bytes of memory that it holds."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def messages(self, mailbox: str = "Inbox") -> int:
        """How many messages a mailbox of the account has."""
        rows: list[dict[str, Any]] = json.loads(command(self.config, "--json", "mailbox", "list", "bench"))
        return next((int(row["messages"]) for row in rows if row["name"] == mailbox), 0)


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, below those that the system gives to connections."""
    found: dict[int, socket.socket] = {}
    while len(found) < count:
        port = secrets.choice(range(12_000, 32_000))
        with suppress(OSError):
            found[port] = socket.create_server(("127.0.0.1", port))
    for each in found.values():
        each.close()
    return list(found)


def prepare(directory: Path, ports: list[int]) -> Path:
    """Configuration, certificate and account; returns the path of mox-trio.toml."""
    smtp, submissions, sink, dns = ports
    (directory / "data").mkdir()
    config = directory / "mox-trio.toml"
    values = {"directory": directory, "user": getpass.getuser(), "dns": dns}
    config.write_text(STATIC.format(**values, smtp=smtp, submissions=submissions, sink=sink))
    (directory / "data" / "domains.toml").write_text(DYNAMIC)
    self_signed(directory / "cert.pem", directory / "key.pem")
    command(config, "account", "set-password", "bench", given=PASSWORD + "\n")
    return config


def self_signed(cert: Path, key: Path) -> None:
    """A certificate for localhost."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(names, critical=False)
        .sign(private, hashes.SHA256())
    )
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8, none = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    key.write_bytes(private.private_bytes(pem, pkcs8, none))


@contextmanager
def running(config: Path, ports: list[int], wrapped: tuple[str, ...] = ()) -> Iterator[Server]:
    """Serve until the block ends. `wrapped` is a command that runs the server, as strace does."""
    smtp, submissions, sink, dns = ports
    process = subprocess.Popen([*wrapped, PROGRAM, "--config", str(config), "serve"])
    try:
        _wait(smtp, process)
        pid = _child(process.pid) if wrapped else process.pid
        yield Server(pid, smtp, submissions, sink, dns, config)
    finally:
        with suppress(ProcessLookupError):
            # strace hands no signals on.
            os.kill(_child(process.pid) if wrapped else process.pid, signal.SIGTERM)
        process.wait(60)


@contextmanager
def names(port: int, dkim: str = "") -> Iterator[None]:
    """Run the name server."""
    command = [sys.executable, "-m", "bench.nameserver", str(port), "--dkim", dkim]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
        finally:
            process.kill()


def inbox(config: Path) -> Iterator[bytes]:
    """The messages of the account's Inbox."""
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "mail"
        command(config, "export", "bench", str(target), "--mailbox", "Inbox")
        for file in target.rglob("*"):
            if file.is_file():
                yield file.read_bytes()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + READY_SECONDS
    while time.monotonic() < ends:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
                if wire.recv(3) == b"220":
                    wire.sendall(b"QUIT\r\n")
                    return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server does not answer")


def _child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def command(config: Path, *arguments: str, given: str = "") -> str:
    """Run a command of the program and return what it prints."""
    line = [PROGRAM, "--config", str(config), *arguments]
    return subprocess.run(line, input=given, stdout=subprocess.PIPE, check=True, text=True).stdout
