"""Where `sendmail` submits to: a small TOML file, because the program is called by everybody and must not read the server's own.

host = "mail.example.org"
port = 465                       # 587 with starttls
tls = "tls"                      # starttls, or none to this machine alone
user = "host1@example.org"
password_file = "/etc/mox-trio/sendmail.password"   # or password_environment
from = "host1@example.org"       # sender where -f names none that has a domain
default_destination = "you@example.org"             # where mail to "root" goes
ca_file = "/etc/ssl/own.pem"     # of a server whose certificate is its own
"""

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

VARIABLE: Final = "MOX_TRIO_SENDMAIL"
SYSTEM: Final = Path("/etc/mox-trio/sendmail.toml")
TLS: Final = ("tls", "starttls", "none")
_KEYS: Final[Mapping[str, type]] = {
    "host": str,
    "port": int,
    "tls": str,
    "user": str,
    "password_file": str,
    "password_environment": str,
    "from": str,
    "default_destination": str,
    "ca_file": str,
}


class WrongSettings(Exception):
    """The file cannot be used; the text says why and never has the password."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the file says."""

    host: str
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    port: int = 465
    tls: str = "tls"
    default_destination: str = ""
    ca_file: str | None = None


def file(environment: Mapping[str, str] = os.environ) -> Path:
    """Which file it is: that of the variable, else the user's own, else the system's."""
    if named := environment.get(VARIABLE):
        return Path(named)
    own = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "mox-trio" / "sendmail.toml"
    return own if own.exists() else SYSTEM


def read(path: Path) -> Settings:
    """Read it. WrongSettings."""
    try:
        found = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise WrongSettings(f"{path}: {reason}; it says where mail is submitted to, see docs/operating.md") from None
    for key, value in found.items():
        if key not in _KEYS or not isinstance(value, _KEYS[key]):
            raise WrongSettings(f"{path}: {key} is not known or has the wrong type; known are {', '.join(_KEYS)}")
    for key in ("host", "from"):
        if not found.get(key):
            raise WrongSettings(f"{path}: {key} is missing")
    tls = found.get("tls", "tls")
    if tls not in TLS or (tls == "none" and not _is_here(found["host"])):
        raise WrongSettings(f"{path}: tls is tls or starttls, and none only to this machine")
    return Settings(
        host=found["host"],
        sender=found["from"],
        user=found.get("user", ""),
        password=_password(path, found),
        port=found.get("port", 587 if tls == "starttls" else 465),
        tls=tls,
        default_destination=found.get("default_destination", ""),
        ca_file=found.get("ca_file"),
    )


def _password(path: Path, found: Mapping[str, Any]) -> str:
    if "password_environment" in found:
        return os.environ.get(found["password_environment"], "")
    if "password_file" not in found:
        return ""
    try:
        return Path(found["password_file"]).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise WrongSettings(f"{path}: the password_file cannot be read by this user") from None


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
