"""What a server for tests has in its directory: configuration, certificate and key, made when they are missing.

    mox-trio.toml      as every server has one; read as it is when it is there, so that it can be changed by hand
    localhost.crt/.key a certificate signed by itself
    dkim.key           signs mail of localhost
    data/              domains.toml, index, messages

Files are made whole and then put in their place, so that a start that was cut off is gone on with. The directory must be its
user's alone: the default one is in a place where everybody may write.
"""

import os
import pwd
import secrets
import stat
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.config import load
from mox_trio.config.models import listeners
from mox_trio.config.models.static import Static
from mox_trio.transport import self_signed

DOMAIN: Final = "localhost"
ACCOUNT: Final = "mox"
ADDRESS: Final = "mox@localhost"
PASSWORD: Final = "moxmoxmox"  # noqa: S105 - it is printed for everybody to use

PORTS: Final = {
    "smtp": 25,
    "webmail_http": 80,
    "webapi_http": 80,
    "metrics_http": 81,
    "webapi_https": 443,
    "imap": 143,
    "submissions": 465,
    "submission": 587,
    "imaps": 993,
}
"""Services and their ports above the base port."""
LIFE: Final = timedelta(days=4 * 365)

STATIC: Final = """\
# A server for tests, made by `mox-trio localserve`, which reads this file when it is there.
# See `mox-trio config describe` for every setting.
hostname = "localhost"
user = "{user}"

[limits]
exempt = ["127.0.0.0/8", "::1/128"]

[queue]
private_networks = ["127.0.0.0/8", "::1/128"]

[webhooks]
private_networks = ["127.0.0.0/8", "::1/128"]

[listeners.local]
ips = ["127.0.0.1", "::1"]
smtp = {{ port = {smtp}, first_time_sender_delay = "0s" }}
submission = {{ port = {submission}, require_starttls = false }}
submissions = {{ port = {submissions} }}
imap = {{ port = {imap}, require_starttls = false }}
imaps = {{ port = {imaps} }}
webmail_http = {{ port = {webmail_http} }}
webapi_http = {{ port = {webapi_http} }}
webapi_https = {{ port = {webapi_https} }}
metrics_http = {{ port = {metrics_http} }}

[listeners.local.tls]
certificates = [{{ cert_file = "localhost.crt", key_file = "localhost.key" }}]
"""

DYNAMIC: Final = """\
# Domains, accounts and addresses.
[domains.localhost]
localpart_catchall_separators = ["+"]

[domains.localhost.dkim]
sign = ["localserve"]

[domains.localhost.dkim.selectors.localserve]
private_key = {{ file = "{directory}/dkim.key" }}

[accounts.mox]
addresses = ["mox@localhost", "@localhost"]
first_time_sender_delay = false
keep_retired_messages = "3d"
max_outgoing_messages_per_day = 1000000
max_first_time_recipients_per_day = 1000000
"""


def default_directory(base_port: int) -> Path:
    """In the temporary directory: one a user and base port."""
    return Path(tempfile.gettempdir()) / f"mox-trio-localserve-{os.geteuid()}-{base_port}"


def prepare(directory: Path, base_port: int | None, *, pedantic: bool) -> Static:
    """Make what is missing and read the configuration. Blocks. Failure, ConfigErrors.

    `base_port` None is the one of the files, 1000 when there are none.
    """
    directory = directory.absolute()
    _own(directory)
    _own(directory / "data")
    ports = {name: (1000 if base_port is None else base_port) + port for name, port in PORTS.items()}
    _make(directory / "mox-trio.toml", STATIC.format(user=_user(), **ports).encode())
    _make(directory / "data" / "domains.toml", DYNAMIC.format(directory=directory).encode())
    _make_keys(directory)
    static = load.static(directory / "mox-trio.toml")
    if base_port is not None:
        static = _moved(static, base_port)
    return static.model_copy(update={"pedantic": True}) if pedantic else static


def _user() -> str:
    """Who runs this; a number where the system has no name for it, as in containers."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _own(directory: Path) -> None:
    """Make a directory that is this user's alone, or see that it is. Failure FORBIDDEN."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.lstat()
    except OSError as error:
        raise Failure(Kind.INVALID, f"cannot make {directory}: {error.strerror}; choose another with --dir") from error
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not is_ours or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Failure(
            Kind.FORBIDDEN,
            f"{directory} is not a directory that this user alone may write in; choose another with --dir",
        )


def _make(path: Path, content: bytes) -> None:
    """Put a file into its place unless one is there."""
    if path.exists():
        return
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
    os.rename(fresh, path)


def _make_keys(directory: Path) -> None:
    certificate, key = directory / "localhost.crt", directory / "localhost.key"
    if not certificate.exists() or not key.exists():
        addresses = [ip_address("127.0.0.1"), ip_address("::1")]
        made = self_signed.make([DOMAIN], addresses, datetime.now(UTC), LIFE)
        for path in (certificate, key):
            path.unlink(missing_ok=True)
        _make(key, made.key)
        _make(certificate, made.certificate)
    if not (directory / "dkim.key").exists():
        _make(directory / "dkim.key", _dkim_key())


def _dkim_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _moved(static: Static, base_port: int) -> Static:
    """The same with the services that have a standard port above another base port."""
    moved = {}
    for name, listener in static.listeners.items():
        update: dict[str, listeners.Service] = {}
        for service, port in PORTS.items():
            configured: listeners.Service | None = getattr(listener, service)
            if configured is not None:
                update[service] = configured.model_copy(update={"port": base_port + port})
        moved[name] = listener.model_copy(update=update)
    return static.model_copy(update={"listeners": MappingProxyType(moved)})
