"""Connections in memory, and certificates for them: the same `Connection` as on a network."""

import functools
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from trio.testing import memory_stream_pair

from mox_trio.protocol.tls_hello import Hello
from mox_trio.transport.connection import Badge, Connection, Ends
from mox_trio.transport.tls import Chosen


@dataclass(frozen=True)
class Party:
    """Who the ends of a wire are."""

    client: str = "203.0.113.7"
    server: str = "192.0.2.25"
    client_port: int = 40000
    server_port: int = 25


def pair(party: Party | None = None, badge: Badge | None = None) -> tuple[Connection, Connection]:
    """Two connections joined in memory: the client's end and the server's end. Nothing is ever lost or late."""
    party = party or Party()
    one, other = memory_stream_pair()
    client, server = ip_address(party.client), ip_address(party.server)
    return (
        Connection(one, Ends(server, party.server_port, client, party.client_port)),
        Connection(
            other,
            Ends(client, party.client_port, server, party.server_port),
            badge or Badge(id="session", listener="test"),
        ),
    )


async def tls_pair(
    made: "Made | None" = None, *, version: ssl.TLSVersion | None = None, party: Party | None = None
) -> tuple[Connection, Connection]:
    """The same with TLS begun; `version` is the only one that is spoken."""
    made = made or certificate("mail.example.org")
    client, server = pair(party)
    context = made.client_context()
    if version is not None:
        context.maximum_version = version
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.start_tls, Fixed(made))
        await client.start_tls_client(context, made.names[0])
    return client, server


@dataclass(frozen=True)
class Made:
    """A certificate that was made for a test, signed by itself."""

    names: tuple[str, ...]
    certificate: bytes
    """PEM."""
    key: bytes
    """PEM."""

    @property
    def der(self) -> bytes:
        """The certificate as DER."""
        return ssl.PEM_cert_to_DER_cert(self.certificate.decode())

    def write(self, directory: Path, name: str = "host") -> tuple[Path, Path]:
        """Write both as files; return the paths of certificate and key."""
        paths = directory / f"{name}.crt", directory / f"{name}.key"
        paths[0].write_bytes(self.certificate)
        paths[1].write_bytes(self.key)
        return paths

    def load_into(self, context: ssl.SSLContext) -> None:
        """Make a context show this certificate."""
        with tempfile.TemporaryDirectory() as directory:
            context.load_cert_chain(*self.write(Path(directory)))

    def client_context(self) -> ssl.SSLContext:
        """The context of a client that trusts this certificate and nothing else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.certificate.decode())
        return context


class Fixed:
    """A server that has one certificate for every name."""

    def __init__(self, made: Made) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_into(context)
        self._chosen = Chosen(context, made.der)

    def choose(self, hello: Hello) -> Chosen:
        """The same for all."""
        return self._chosen


@functools.cache
def certificate(*names: str, days: int = 30) -> Made:
    """A self-signed certificate with a key of P-256; the first name is the subject's too. Made once a run."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    signed = builder.sign(key, hashes.SHA256())
    return Made(
        names,
        signed.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
