"""The configuration of a server of the world (`world`), its certificate and its DKIM key."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final

import trio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from mox_trio.config import load
from mox_trio.config.models.static import Static
from storage_backends.bodies.api import BodyStore
from storage_backends.index.api import Index
from tests.kit import wires

STATIC: Final = """
hostname = "mx.{name}.example"
data_directory = "{directory}"
config_directory = "{directory}"
postmaster.account = "ann"
queue.private_networks = ["192.0.2.0/24", "198.51.100.0/24"]
[storage.stores.main]
kind = "memory"
encrypt = {encrypt}
[listeners.public]
ips = ["{address}"]
smtp = {{ {smtp} }}
submission = {{ }}
lmtp = {{ }}
tls.certificates = [{{ cert_file = "host.crt", key_file = "host.key" }}]
{more}
"""
KEYS: Final = '[keys]\nmaster.file = "master.key"\n'
DYNAMIC: Final = """
[domains."{name}.example"]
localpart_catchall_separators = ["+"]
dkim.sign = ["sel"]
dkim.selectors.sel.private_key.file = "dkim.pem"
[domains."{name}.example".aliases.all]
members = ["ann@{name}.example", "bob@{name}.example", "cid@{name}.example"]
[accounts.ann]
addresses = ["ann@{name}.example"]
{ann}
[accounts.bob]
addresses = ["bob@{name}.example"]
[accounts.cid]
addresses = ["cid@{name}.example"]
{more}
"""


def _same(store: Any) -> Any:
    return store


@dataclass
class Settings:
    """How a server is unlike the others."""

    stack: AsyncExitStack
    static: str = ""
    """More of mox-trio.toml."""
    encrypt: bool = False
    smtp: str = ""
    """Settings of listeners.public.smtp, as in an inline table."""
    dynamic: dict[str, str] = field(default_factory=dict)
    """As for `Server.configure`."""
    index: Callable[[Index], Index] = _same
    """Wraps the index."""
    bodies: Callable[[BodyStore], BodyStore] = _same


def _write(directory: FilePath, certificate: wires.Made) -> None:
    directory.mkdir(exist_ok=True)
    certificate.write(directory)
    (directory / "master.key").write_text(bytes(range(32)).hex())
    (directory / "master.key").chmod(0o600)


async def configured(
    directory: FilePath, name: str, address: str, settings: Settings, certificate: wires.Made
) -> Static:
    await trio.to_thread.run_sync(_write, directory, certificate)
    values = {"name": name, "address": address, "directory": directory}
    more = settings.static + (KEYS if settings.encrypt else "")
    text = STATIC.format(**values, smtp=settings.smtp, more=more, encrypt=str(settings.encrypt).lower())
    (directory / "domains.toml").write_text(DYNAMIC.format(**{"name": name, "ann": "", "more": "", **settings.dynamic}))
    dkim_key(directory)
    return await trio.to_thread.run_sync(load.static_text, text, directory / "mox-trio.toml")


def dkim_key(directory: FilePath) -> ed25519.Ed25519PrivateKey:
    file = directory / "dkim.pem"
    if file.exists():
        key = serialization.load_pem_private_key(file.read_bytes(), None)
        assert isinstance(key, ed25519.Ed25519PrivateKey)
        return key
    key = ed25519.Ed25519PrivateKey.generate()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return key
