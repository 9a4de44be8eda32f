"""Whole servers, each a process, and a Postfix: they find each other in DNS, and send over TLS to port 25.

    with neighbours.running(directory) as street:
        street["one"]                        # mx.one.example, with ann and bob
        with street.serving("two"): ...      # `two` runs within the block

Each has a loopback address of its own, DKIM, SPF and DMARC p=reject in zones that are signed, and tries again after two
seconds, of which it tells senders at once. Port 25 needs root; without it, or without a program, the test is skipped and says so.
"""

import getpass
import smtplib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.kit import localserve, nameservers, postfix, served, shared_server, stored, wires
from tests.kit.nameservers import Zone
from tests.kit.postfix import Postfix
from tests.kit.served import Keys

PASSWORD: Final = "correct horse battery staple"
USERS: Final = ("ann", "bob")
NAMES: Final = ("one", "two", "three")
STRANGER: Final = "127.99.0.1"
POSTFIX_USER: Final = "pat@postfix.example"

STATIC: Final = """
hostname = "mx.{name}.example"
user = "{user}"
limits.exempt = ["127.0.0.0/8"]
limits.stop_grace = "1s"
dns.servers = ["127.0.0.1"]
dns.port = {dns}

[queue]
private_networks = ["127.0.0.0/8"]
first_retry = "2s"
attempts = 5
delay_notice_after = 1

[listeners.public]
ips = ["{address}"]
smtp = {{ first_time_sender_delay = "0s" }}
tls.certificates = [{{ cert_file = "host.crt", key_file = "host.key" }}]

[listeners.pages]
ips = ["127.0.0.1"]
webmail_http = {{ port = {web} }}
"""

DYNAMIC: Final = """
[domains."{name}.example"]
dkim.sign = ["ed"]
dkim.selectors.ed.private_key.file = "{directory}/ed.key"
[domains."{name}.example".aliases.all]
members = ["ann@{name}.example", "bob@{name}.example"]
post_public = true
[accounts.ann]
addresses = ["ann@{name}.example"]
[accounts.bob]
addresses = ["bob@{name}.example"]
"""


@dataclass(frozen=True)
class House:
    """One of the servers."""

    name: str
    directory: Path
    address: str
    web: int

    @property
    def base(self) -> int:
        """As pages are found."""
        return self.web - 80

    @property
    def config(self) -> Path:
        """mox-trio.toml."""
        return self.directory / "mox-trio.toml"

    @property
    def log(self) -> str:
        """All it has logged."""
        return (self.directory / "serve.log").read_text(errors="replace")

    def at(self, local: str) -> str:
        """An address of its domain."""
        return f"{local}@{self.name}.example"

    def mail_with(self, account: str, subject: str, mailbox: str = "Inbox") -> bytes:
        """The message of a mailbox that has a subject, once it is there."""
        return stored.mail_with(self.config, account, subject, mailbox)

    def mails(self, account: str, at_least: int = 0) -> list[bytes]:
        """The messages of an Inbox, once there are so many."""
        return stored.mails(self.config, account, at_least)

    def stranger(self) -> smtplib.SMTP:
        """A connection from somebody whom no domain vouches for."""
        return smtplib.SMTP(self.address, 25, "client.example", stored.PATIENCE, (STRANGER, 0))


@dataclass(frozen=True)
class Street:
    """All of them."""

    houses: Mapping[str, House]
    postfix: Postfix

    def __getitem__(self, name: str) -> House:
        return self.houses[name]

    @contextmanager
    def serving(self, name: str) -> Iterator[House]:
        """Run one of the servers until the block ends."""
        house = self.houses[name]
        with served.serving(house.config, house.directory / "serve.log"):
            yield house


@contextmanager
def running(directory: Path) -> Iterator[Street]:
    """DNS and Postfix run; the servers are configured, and run when the test says so."""
    postfix.needed()
    numbers = shared_server.free_ports(4)
    addresses = {name: _loopback(number) for name, number in zip((*NAMES, "postfix"), numbers, strict=True)}
    zones = [_plain_zone(addresses["postfix"])]
    for name in NAMES:
        zones.append(_zone(directory / name, name, addresses[name]))
    with ExitStack() as stack:
        (directory / "dns").mkdir()
        dns = stack.enter_context(nameservers.serving(directory / "dns", zones)).port
        houses = {name: _configured(directory / name, name, addresses[name], dns) for name in NAMES}
        routes = " ".join(f"{{{name}.example = smtp:[{house.address}]:25}}" for name, house in houses.items())
        settings = {
            "smtp_bind_address": addresses["postfix"],
            "transport_maps": f"inline:{{ {routes} }}",
            "smtpd_tls_received_header": "yes",
            "mynetworks": "127.0.0.1/32",
            "smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination",
        }
        peer = stack.enter_context(postfix.running([POSTFIX_USER], settings=settings, address=addresses["postfix"]))
        yield Street(houses, peer)


def _loopback(number: int) -> str:
    """An address that nobody else on this machine uses: there is one for each port."""
    return f"127.88.{number >> 8}.{number & 255}"


def _zone(directory: Path, name: str, address: str) -> Zone:
    directory.mkdir()
    keys = Keys(directory)
    keys.make()
    sender = 'TXT "v=spf1 ip4:127.0.0.1 -all"\n'  # a server does not bind loopback addresses to send from
    records = f"@ IN MX 10 mx\nmx IN A {address}\n@ IN {sender}mx IN {sender}" + '_dmarc IN TXT "v=DMARC1; p=reject"\n'
    return Zone(f"{name}.example", records + served.txt("ed._domainkey", keys.record("ed")), signed=True)


def _plain_zone(address: str) -> Zone:
    return Zone("postfix.example", f'@ IN MX 10 @\n@ IN A {address}\n@ IN TXT "v=spf1 ip4:{address} -all"\n')


def _configured(directory: Path, name: str, address: str, dns: int) -> House:
    web = localserve.free_base() + 80
    wires.certificate(f"mx.{name}.example").write(directory)
    values = {"name": name, "address": address, "directory": directory, "dns": dns, "web": web}
    (directory / "mox-trio.toml").write_text(STATIC.format(user=getpass.getuser(), **values))
    (directory / "data").mkdir()
    (directory / "data" / "domains.toml").write_text(DYNAMIC.format(**values))
    stored.set_passwords(directory / "mox-trio.toml", USERS, PASSWORD)
    return House(name, directory, address, web)
