"""Keys that sign the mail of a domain: made, written to files of the server's user, and named in the document.

The file is durable before the document names it. What fails between leaves a file that nothing uses; the next try takes another
selector.
"""

import datetime
import os
import string
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import trio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from mox_trio.admin.accounts import Desk, change
from mox_trio.admin.domains import parse_domain
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import edit
from mox_trio.policy.dkim import keys
from mox_trio.policy.dkim.sign import PrivateKey

Algorithm = Literal["rsa", "ed25519"]

BOTH: Final[Sequence[Algorithm]] = ("rsa", "ed25519")
"""RSA is what all know; Ed25519 is shorter, and those who know it may prefer it (RFC 8463)."""
RSA_BITS: Final = 2048
"""RFC 8301 3.2; a key of 4096 bits is too long for many forms of DNS providers."""
DIRECTORY: Final = "dkim"
"""Below the data directory."""


@dataclass(frozen=True, slots=True)
class Made:
    """A key that is in use from now on."""

    selector: str
    file: Path
    record: str
    """The text of its TXT record."""


async def add(desk: Desk, name: str, algorithms: Sequence[Algorithm] = BOTH) -> list[Made]:
    """Make keys for a domain that exists and sign with them, beside those that sign already.

    NOT_FOUND (domain), UNSUPPORTED where the document is shared by several servers, whose files differ; ConfigErrors.
    """
    domain = parse_domain(name)
    settings = desk.config.current.dynamic.domains.get(domain)
    if settings is None:
        raise Failure(Kind.NOT_FOUND, f"there is no domain {domain}; add it first")
    if desk.static.dynamic == "index":
        raise Failure(
            Kind.UNSUPPORTED,
            "the configuration is shared by several servers, and a file of this one is not there on the others; "
            "put a key where all find it and name it in domains.toml",
        )
    directory = desk.static.data_directory / DIRECTORY
    taken = set(settings.dkim.selectors) | await trio.to_thread.run_sync(_with_files, directory, domain.ascii)
    made: list[Made] = []
    for algorithm in algorithms:
        selector = free_selector(taken, datetime.datetime.now(datetime.UTC).year)
        taken.add(selector)
        file = directory / f"{domain.ascii}.{selector}.pem"
        record = await trio.to_thread.run_sync(_write, file, algorithm)
        made.append(Made(selector, file, record))
    await change(desk, *(edit.add_dkim_selector(domain, each.selector, _named(desk, each.file)) for each in made))
    return made


def _named(desk: Desk, file: Path) -> str:
    """A file as the document names it: below the directory of the configuration it moves with that."""
    top = desk.static.config_directory
    return str(file.relative_to(top) if file.is_relative_to(top) else file)


def free_selector(taken: Collection[str], year: int) -> str:
    """The next name of a key: the year and a letter, so that its age shows."""
    names = (f"{year}{first}{second}" for first in ("", *string.ascii_lowercase) for second in string.ascii_lowercase)
    return next(name for name in names if name not in taken)


def _with_files(directory: Path, domain: str) -> set[str]:
    """Selectors whose key files are there, whoever named them once."""
    return {each.name.removeprefix(f"{domain}.").removesuffix(".pem") for each in directory.glob(f"{domain}.*.pem")}


def record(key: PrivateKey) -> str:
    """The text of the TXT record for a private key."""
    return keys.record_of(key.public_key())


def _write(file: Path, algorithm: Algorithm) -> str:
    is_rsa = algorithm == "rsa"
    key = rsa.generate_private_key(65537, RSA_BITS) if is_rsa else ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as opened:
        opened.write(pem)
        opened.flush()
        os.fsync(opened.fileno())
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return record(key)
