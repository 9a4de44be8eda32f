"""`mox-trio serve` as a process, with real name servers and, where there is one, a Postfix beside it: one site for a run.

    site = served.Site.of(facts)        # facts of shared_server.shared(root, served.running)
    with site.submission("mary") as client: ...
    site.mails("mary")                  # what is in a mailbox, read from the store

Each file has accounts of its own (`ACCOUNTS`, all at here.example), and domains of its own for mail that goes out: each of
`SINKS` is a transport to a port at which the test listens itself. What the domains of others say in DNS is in `ZONES`.
`serving` runs any other configuration.
"""

import base64
import getpass
import json
import smtplib
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pytest
import trio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from mox_trio.control import client
from tests.kit import nameservers, postfix, programs, shared_server, stored, wires
from tests.kit.nameservers import Zone
from tests.kit.postfix import Postfix
from tests.kit.programs import Process
from tests.kit.stored import PATIENCE

PASSWORD: Final = "correct horse battery staple"
USERS: Final = ("swaks", "msmtp", "smtplib", "sending", "bounced", "crammed")
"""Accounts that log in, with `PASSWORD`."""
ACCOUNTS: Final = (*USERS, "smuggled", "evidence", "proxied", "other", "bcc", "fromposter", "lmtp")
SINKS: Final = ("taking", "raw", "chunks", "partly", "away")
"""Transports to ports at which tests listen; mail to SINK.example takes them."""
SERVING: Final = "message=serving"
"""In the log when every port is bound and everything runs."""


STATIC: Final = """
hostname = "mail.here.example"
user = "{user}"

[limits]
exempt = ["127.0.0.0/8"]

[queue]
private_networks = ["127.0.0.0/8"]

[dns]
servers = ["127.0.0.1"]
port = {dns}

[listeners.public]
ips = ["127.0.0.1"]
proxy_protocol_from = ["192.0.2.0/24"]
smtp = {{ port = {smtp} }}
lmtp = {{ port = {lmtp} }}
submission = {{ port = {submission} }}
submissions = {{ port = {submissions} }}
tls.certificates = [{{ cert_file = "host.crt", key_file = "host.key" }}]

[listeners.proxied]
ips = ["127.0.0.1"]
proxy_protocol_from = ["127.0.0.0/8"]
smtp = {{ port = {proxied}, first_time_sender_delay = "0s" }}
submissions = {{ port = {proxied_submissions} }}
tls.certificates = [{{ cert_file = "host.crt", key_file = "host.key" }}]

[transports.postfix]
kind = "smtp"
host = "127.0.0.1"
port = {postfix}
starttls = false

[transports.postfix-tls]
kind = "smtp"
host = "127.0.0.1"
port = {postfix_tls}
verify_tls = false

[transports.postfix-verified]
kind = "smtp"
host = "127.0.0.1"
port = {postfix_tls}
"""

DYNAMIC: Final = """
[domains."here.example"]
localpart_catchall_separators = ["+"]

[domains."here.example".dkim]
sign = ["rsa", "ed"]

[domains."here.example".dkim.selectors.rsa]
private_key = {{ file = "{directory}/rsa.key" }}

[domains."here.example".dkim.selectors.ed]
private_key = {{ file = "{directory}/ed.key" }}

[[routes]]
to_domains = ["postfix.example"]
transport = "postfix"

[[routes]]
to_domains = ["tls.postfix.example"]
transport = "postfix-tls"

[[routes]]
to_domains = ["verified.postfix.example"]
transport = "postfix-verified"
"""

OTHERS: Final = '@ IN MX 10 mail\nmail IN A 127.0.0.1\n@ IN TXT "v=spf1 ip4:127.0.0.1 -all"\n'


def txt(name: str, text: str) -> str:
    """A TXT record of any length in a zone."""
    pieces = (f'"{text[at : at + 250]}"' for at in range(0, len(text), 250))
    return f"{name} IN TXT {' '.join(pieces)}\n"


def direct(port: int) -> str:
    """A loopback address that only the site with this port uses."""
    return f"127.77.{port >> 8}.{port & 255}"


@dataclass(frozen=True)
class Keys:
    """Keys of DKIM: two of ours, and that of a domain whose mail tests sign."""

    directory: Path

    def make(self) -> None:
        """Write them as PEM."""
        for name in ("rsa", "signer"):
            self._write(name, rsa.generate_private_key(65537, 2048))
        self._write("ed", ed25519.Ed25519PrivateKey.generate())

    def _write(self, name: str, key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> None:
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        file = self.directory / f"{name}.key"
        file.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))

    def record(self, name: str) -> str:
        """The text of a key's record (RFC 6376 3.6.1, RFC 8463 4)."""
        key = serialization.load_pem_private_key((self.directory / f"{name}.key").read_bytes(), None)
        if isinstance(key, ed25519.Ed25519PrivateKey):
            raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return f"v=DKIM1; k=ed25519; p={base64.b64encode(raw).decode()}"
        assert isinstance(key, rsa.RSAPrivateKey)
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        der = key.public_key().public_bytes(serialization.Encoding.DER, spki)
        return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


def zones(keys: Keys, direct: str) -> list[Zone]:
    """What DNS says: `signed` means DNSSEC. The mail host of direct.example is at `direct`."""
    ours = OTHERS + txt("rsa._domainkey", keys.record("rsa")) + txt("ed._domainkey", keys.record("ed"))
    strict = OTHERS + txt("s._domainkey", keys.record("signer")) + '_dmarc IN TXT "v=DMARC1; p=reject"\n'
    return [
        Zone("here.example", ours, signed=True),
        Zone("strict.example", strict, signed=True),
        Zone("lenient.example", strict.replace("p=reject", "p=none")),
        Zone("bogus.example", "@ IN A 192.0.2.1\n", signed=True, bogus=True),
        Zone("silent.example", "@ IN MX 0 .\n"),
        Zone("elsewhere.example", '@ IN MX 10 mail\nmail IN A 192.0.2.7\n@ IN TXT "v=spf1 ip4:192.0.2.7 -all"\n'),
        Zone("direct.example", f"@ IN MX 10 mail\nmail IN A {direct}\n", signed=True),
        Zone("postfix.example", OTHERS),
    ]


@dataclass(frozen=True)
class Site:
    """What is running; ports are on 127.0.0.1."""

    directory: Path
    smtp: int
    lmtp: int
    submission: int
    submissions: int
    proxied: int
    proxied_submissions: int
    dns: int
    sinks: Mapping[str, int]
    peer: Postfix | None
    """A Postfix that sends what is for here.example and lmtp.example to us."""

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> Self:
        """From what `running` yields."""
        ports = json.loads(facts["ports"])
        peer = json.loads(facts["postfix"])
        sinks = {name: ports.pop(name) for name in SINKS}
        at = Postfix(Path(peer["directory"]), peer["port"], peer["tls_port"]) if peer else None
        return cls(Path(facts["directory"]), sinks=sinks, peer=at, **ports)

    @property
    def direct(self) -> str:
        """Where the mail host of direct.example is; port 25 of it is free for tests that may bind it."""
        return direct(self.smtp)

    @property
    def config(self) -> Path:
        """mox-trio.toml."""
        return self.directory / "mox-trio.toml"

    @property
    def log(self) -> str:
        """All it has logged."""
        return (self.directory / "serve.log").read_text(errors="replace")

    def logged(self, *texts: str) -> str:
        """The first line of the log that holds all of these, once it is there."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for line in self.log.splitlines():
                if all(text in line for text in texts):
                    return line
            assert time.monotonic() < deadline, self.log[-6000:]
            time.sleep(0.02)  # another process: there is no event to wait for

    def outside(self, name: str = "client.example") -> smtplib.SMTP:
        """A connection to the port for other servers."""
        return smtplib.SMTP("127.0.0.1", self.smtp, name, timeout=PATIENCE)

    def user(self, account: str) -> smtplib.SMTP:
        """A connection of a user who has logged in with TLS."""
        connected = smtplib.SMTP_SSL(
            "localhost", self.submissions, "client.example", timeout=PATIENCE, context=self.trusting()
        )
        connected.login(address(account), PASSWORD)
        return connected

    def trusting(self) -> ssl.SSLContext:
        """The context of a client that believes our certificate."""
        return ssl.create_default_context(cafile=str(self.directory / "host.crt"))

    def mails(self, account: str, at_least: int = 1, mailbox: str = "Inbox") -> list[bytes]:
        """The messages of a mailbox, oldest first, once there are so many."""
        return stored.mails(self.config, account, at_least, mailbox)

    def mail_with(self, account: str, subject: str, mailbox: str = "Inbox") -> bytes:
        """The message of a mailbox that has a subject, once it is there."""
        return stored.mail_with(self.config, account, subject, mailbox)

    def run(self, *arguments: str) -> Any:
        """A command of the command line on its configuration; what it prints, from JSON."""
        return command(self.config, *arguments)

    def ask(self, name: str, **arguments: Any) -> Any:
        """What the running server answers by its control socket."""
        return trio.run(client.ask, self.directory / "data", name, arguments)

    def secret(self, name: str) -> str:
        """What was made for a test and written to a file."""
        return (self.directory / name).read_text()


def address(account: str) -> str:
    """The address of an account."""
    return f"{account}@here.example"


@contextmanager
def running(directory: Path) -> Iterator[Mapping[str, str]]:
    """For `shared_server`: name servers, Postfix and mox-trio, configured for each other."""
    names = ("smtp", "lmtp", "submission", "submissions", "proxied", "proxied_submissions", *SINKS)
    ports = dict(zip(names, shared_server.free_ports(len(names)), strict=True))
    wires.certificate("mail.here.example", "localhost").write(directory)
    keys = Keys(directory)
    keys.make()
    with ExitStack() as stack:
        dns = directory / "dns"
        dns.mkdir()
        ports["dns"] = stack.enter_context(nameservers.serving(dns, zones(keys, direct(ports["smtp"])))).port
        peer = stack.enter_context(_postfix(ports)) if _has_postfix() else None
        _configure(directory, ports, peer)
        stored.set_passwords(directory / "mox-trio.toml", USERS, PASSWORD)
        (directory / "app-password").write_text(stored.add_app_password(directory / "mox-trio.toml", "crammed"))
        stack.enter_context(serving(directory / "mox-trio.toml", directory / "serve.log"))
        place = {"directory": str(peer.directory), "port": peer.port, "tls_port": peer.tls_port} if peer else None
        yield {"directory": str(directory), "ports": json.dumps(ports), "postfix": json.dumps(place)}


def _has_postfix() -> bool:
    try:
        postfix.needed()
    except (pytest.skip.Exception, pytest.fail.Exception):  # tests that need it say so
        return False
    return True


@contextmanager
def _postfix(ports: Mapping[str, int]) -> Iterator[Postfix]:
    users = ["pat@postfix.example", "pat@tls.postfix.example", "jürgen@postfix.example", "pat@verified.postfix.example"]
    settings = {
        "transport_maps": f"inline:{{ {{lmtp.example = lmtp:inet:127.0.0.1:{ports['lmtp']}}} }}",
        "smtp_tls_loglevel": "1",
        "smtpd_tls_received_header": "yes",
    }
    with postfix.running(users, routed=f"[127.0.0.1]:{ports['smtp']}", settings=settings) as server:
        yield server


def _configure(directory: Path, ports: Mapping[str, int], peer: Postfix | None) -> None:
    poster = {"postfix": peer.port if peer else 1, "postfix_tls": peer.tls_port if peer else 1}
    static = STATIC.format(user=getpass.getuser(), **ports, **poster)
    dynamic = DYNAMIC.format(directory=directory)
    for name in SINKS:
        static += f'[transports.{name}]\nkind = "smtp"\nhost = "127.0.0.1"\nport = {ports[name]}\nstarttls = false\n'
        dynamic += f'[[routes]]\nto_domains = ["{name}.example"]\ntransport = "{name}"\n'
    dynamic += '[domains."lmtp.example"]\n'
    for name in ACCOUNTS:
        more = ', "lmtp@lmtp.example"' if name == "lmtp" else ""
        dynamic += f'[accounts.{name}]\naddresses = ["{address(name)}"{more}]\nkeep_retired_messages = "1d"\n'
    (directory / "mox-trio.toml").write_text(static)
    (directory / "data").mkdir()
    (directory / "data" / "domains.toml").write_text(dynamic)


@contextmanager
def serving(config: Path, log: Path) -> Iterator[Process]:
    """Run a server by a configuration until the block ends; it serves when the block begins."""
    before = log.read_text().count(SERVING) if log.exists() else 0
    with programs.started(["--config", str(config), "serve"], log) as process:
        deadline = time.monotonic() + PATIENCE
        while log.read_text().count(SERVING) == before:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)  # another process: there is no event to wait for
        yield process


def command(config: Path, *arguments: str) -> Any:
    """Run a command of the command line; what it prints, from JSON."""
    return json.loads(programs.run("--config", str(config), "--json", *arguments))
