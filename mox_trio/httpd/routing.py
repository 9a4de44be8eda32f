"""Which web service a request is for, by its host and path. Pure.

A service answers to the names of its listener, to addresses, and to localhost; those of users also to the domains that clients
are told of. Other names are answered with 404: a page elsewhere whose name was made to lead here (DNS rebinding) gets nothing.
The longest path wins; a path without its last slash is sent to the one with it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.httpd.serving import Application

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Mount:
    """A web service at its place."""

    kind: str
    """account, admin, webmail, webapi, monitoring: a label for logs and metrics."""
    path: str
    """With a slash at both ends."""
    application: Application
    answers_to: Callable[[Domain], bool]
    """Whether it is served under a name."""
    body_bytes: int
    """Octets of a request's body at most."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The request belongs to this path."""

    path: str


def find(mounts: Sequence[Mount], host: str, path: str) -> Mount | Moved | None:
    """The service for a request; None when there is none. `path` is decoded and clean."""
    answering = [each for each in mounts if _answers(each, host)]
    here = [each for each in answering if path.startswith(each.path)]
    if here:
        return max(here, key=lambda each: len(each.path))
    return next((Moved(each.path) for each in answering if path + "/" == each.path), None)


def _answers(mount: Mount, host: str) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = found[1].lower().removesuffix(".")
    if not name or name == "localhost":
        return True
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        pass
    else:
        return True
    try:
        return mount.answers_to(Domain.parse(name))
    except InvalidAddress:
        return False


def is_name(host: str) -> bool:
    """Whether the host of a request is a name of the world's: neither an address nor localhost."""
    found = _HOST.fullmatch(host)
    name = "" if found is None else found[1].lower().removesuffix(".")
    if "." not in name or name.endswith(".localhost"):
        return False
    try:
        ip_address(name)
    except ValueError:
        return True
    return False


def clean(path: str) -> str:
    """The path without empty levels, "." and "..", with its last slash."""
    kept: list[str] = []
    for level in path.split("/"):
        if level == "..":
            del kept[-1:]
        elif level not in ("", "."):
            kept.append(level)
    whole = "/" + "/".join(kept)
    is_directory = path.endswith(("/", "/.", "/.."))
    return whole + "/" if is_directory and kept else whole
