"""Real DNS for tests: nsd with zones, some of them signed, and unbound in front of it, which validates. Loopback only.

    with nameservers.serving(directory, [Zone("mox.example", "@ IN MX 10 mail\\n", signed=True)]) as servers:
        DnsSettings((Server("127.0.0.1", servers.port, trusted=True),))

A zone's text holds records relative to its name; SOA and NS are added. `bogus` breaks the signatures after signing. unbound
never asks the network: a name outside the zones is trouble. Where nsd or unbound is absent the test is skipped and
says so; where the environment variable CI is set it fails instead.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests.kit import shared_server

PROGRAMS: Final = ("nsd", "unbound", "ldns-keygen", "ldns-signzone")
ALGORITHM: Final = "ECDSAP256SHA256"
NEGATIVE_TTL: Final = 77


@dataclass(frozen=True)
class Zone:
    """A zone, without a dot at its end."""

    name: str
    records: str
    signed: bool = False
    bogus: bool = False


@dataclass(frozen=True)
class NameServers:
    """What is running."""

    port: int
    """Of unbound: ask here."""
    authority_port: int
    """Of nsd."""


def program(name: str) -> str:
    """Where a program is, or the end of the test."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return found or absent(f"{name} is not installed")


def absent(reason: str) -> NoReturn:
    """Skip the test, or fail it where everything must be there."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def serving(directory: Path, zones: Sequence[Zone]) -> Iterator[NameServers]:
    """Serve the zones; configuration, keys and logs go below `directory`."""
    for name in PROGRAMS:
        program(name)
    port, authority_port = shared_server.free_ports(2)
    files = {zone.name: _zone_file(directory, zone) for zone in zones}
    anchors = [anchor for zone in zones if zone.signed for anchor in directory.glob(f"K{zone.name}.*.key")]
    (directory / "nsd.conf").write_text(_nsd(directory, authority_port, files))
    (directory / "unbound.conf").write_text(_unbound(directory, port, authority_port, zones, anchors))
    with shared_server.child([program("nsd"), "-d", "-c", str(directory / "nsd.conf")], directory / "nsd.log") as nsd:
        shared_server.wait_for_port(authority_port, nsd)
        command = [program("unbound"), "-d", "-p", "-c", str(directory / "unbound.conf")]
        with shared_server.child(command, directory / "unbound.log") as unbound:
            shared_server.wait_for_port(port, unbound)
            yield NameServers(port, authority_port)


def _zone_file(directory: Path, zone: Zone) -> Path:
    file = directory / f"{zone.name}.zone"
    file.write_text(
        f"$ORIGIN {zone.name}.\n$TTL 300\n"
        f"@ IN SOA ns hostmaster 1 3600 900 604800 {NEGATIVE_TTL}\n@ IN NS ns\nns IN A 127.0.0.1\n{zone.records}\n"
    )
    if not zone.signed:
        return file
    keys = [_key(directory, zone.name, flags) for flags in (["-k"], [])]
    subprocess.run(
        [program("ldns-signzone"), "-o", zone.name, "-f", f"{file}.signed", str(file), *keys],
        cwd=directory,
        check=True,
        capture_output=True,
    )
    signed = Path(f"{file}.signed")
    if zone.bogus:
        signed.write_text(re.sub(r"(?<=\t)192\.0\.2\.", "198.51.100.", signed.read_text()))
    return signed


def _key(directory: Path, name: str, flags: Sequence[str]) -> str:
    made = subprocess.run(
        [program("ldns-keygen"), "-a", ALGORITHM, *flags, name],
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout.strip()


def _nsd(directory: Path, port: int, files: dict[str, Path]) -> str:
    zones = "".join(f'zone:\n  name: "{name}"\n  zonefile: "{file}"\n' for name, file in files.items())
    return (
        f'server:\n  ip-address: 127.0.0.1@{port}\n  username: ""\n  chroot: ""\n  zonesdir: "{directory}"\n'
        f'  database: ""\n  pidfile: "{directory}/nsd.pid"\n  zonelistfile: "{directory}/zone.list"\n'
        f'  xfrdfile: "{directory}/xfrd.state"\n  xfrdir: "{directory}"\n  server-count: 1\n'
        f"remote-control:\n  control-enable: no\n{zones}"
    )


def _unbound(directory: Path, port: int, authority_port: int, zones: Sequence[Zone], anchors: Sequence[Path]) -> str:
    trust = "".join(f'  trust-anchor-file: "{anchor}"\n' for anchor in anchors)
    unsigned = "".join(f'  domain-insecure: "{zone.name}"\n' for zone in zones if not zone.signed)
    known = "".join(f'  local-zone: "{zone.name}." nodefault\n' for zone in zones)
    stubs = "".join(f'stub-zone:\n  name: "{zone.name}"\n  stub-addr: 127.0.0.1@{authority_port}\n' for zone in zones)
    return (
        f"server:\n  interface: 127.0.0.1\n  port: {port}\n  do-not-query-localhost: no\n  do-ip6: no\n"
        f'  username: ""\n  chroot: ""\n  directory: "{directory}"\n  pidfile: ""\n  use-syslog: no\n'
        '  module-config: "validator iterator"\n  ede: yes\n  num-threads: 1\n  outgoing-range: 128\n'
        f"{trust}{unsigned}{known}"
        f'remote-control:\n  control-enable: no\n{stubs}forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1@1\n'
    )
