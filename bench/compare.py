"""mox-trio beside Postfix and Dovecot, in one run: `python -m bench.compare [--runs N] [--only WORD]`.

Both run on this machine, durable (each message is synced before its 250), and are loaded in turns by the same programs:
`bench.smtp_load` and, where it is installed, Postfix's smtp-source for mail in, `bench.imap` for mail that is read. Postfix
hands over to Dovecot by LMTP and checks nothing; mox-trio checks reverse DNS, SPF, DKIM and DMARC of each message at the name
server beside it. A figure is the median of its runs, with the CPU of all the server's processes beside it (milliseconds a
message for mail in, seconds a run for IMAP); `times` is how much faster mox-trio is, so that less than 1 is slower. It prints a
table for docs/performance.md.

Postfix and Dovecot are started by `../shared/bench/peers.py`, as root; where that, or one of them, is absent, it says so.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import imap, imap_load, smtp_server
from bench.imap_load import Load, cpu
from bench.imap_server import Target
from bench.mailbox import fsync_ms

PEERS: Final = Path(__file__).resolve().parents[2] / "shared" / "bench" / "peers.py"
SOURCE: Final = shutil.which("smtp-source", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SENDER: Final = "a@sender.example"
PATIENCE: Final = 300.0
IMAP: Final = """
[listeners.reading]
ips = ["127.0.0.1"]
imap = {{ port = {imap}, require_starttls = false }}
[[listeners.reading.tls.certificates]]
cert_file = "{directory}/cert.pem"
key_file = "{directory}/key.pem"
"""
UNITS: Final = {"s": False, "a second": True, "KiB": False, "ms": False, "MB a second": True}
"""Whether more is better."""
OF_IMAP: Final = {"APPEND one by one": "a second", "APPEND pipelined": "a second", "MULTIAPPEND": "a second"}


@dataclass(frozen=True, slots=True)
class Site:
    """One of the two."""

    smtp: int
    recipient: str
    reading: Target
    pids: tuple[int, ...]

    def cpu(self) -> float:
        """Seconds of all its processes."""
        return sum(map(cpu, self.pids))


@dataclass(slots=True)
class Rows:
    """Figures of both by row: value and CPU of each run."""

    units: dict[str, str] = field(default_factory=dict)
    figures: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, row: str, unit: str, site: str, value: float, spent: float) -> None:
        """One run."""
        self.units[row] = unit
        self.figures.setdefault((row, site), []).append((value, spent))

    def median(self, row: str, site: str) -> tuple[float, float]:
        """Of a row."""
        found = self.figures[row, site]
        return statistics.median(value for value, _ in found), statistics.median(spent for _, spent in found)

    def print(self) -> None:
        """The table."""
        print("| | mox-trio | CPU | Postfix, Dovecot | CPU | times |\n|---|---:|---:|---:|---:|---:|")
        for row, unit in self.units.items():
            (ours, spent), (theirs, spent_there) = (self.median(row, site) for site in ("mox", "peer"))
            times = ours / theirs if UNITS[unit] else theirs / ours
            line = f"| {row}, {unit} | {ours:.3g} | {spent:.3g} | {theirs:.3g} | {spent_there:.3g} | {times:.2f} |"
            print(line, flush=True)


def by_smtp_load(site: Site, connections: int, seconds: float, *, keep: bool) -> int:
    """Send for so long; how many were acknowledged."""
    line = [sys.executable, "-m", "bench.smtp_load", str(site.smtp), "--recipient", site.recipient]
    line += ["--connections", str(connections), "--seconds", str(seconds), *(["--keep"] if keep else [])]
    done = subprocess.run(line, stdout=subprocess.PIPE, check=True, text=True)
    return int(json.loads(done.stdout)["messages"])


def by_smtp_source(site: Site, connections: int, seconds: float) -> int:
    """Send so many that it takes about so long; all were acknowledged."""
    count = int(300 * seconds)
    assert SOURCE is not None
    line = [SOURCE, "-d", "-s", str(connections), "-m", str(count), "-l", "4096", "-f", SENDER, "-t", site.recipient]
    subprocess.run([*line, f"127.0.0.1:{site.smtp}"], check=True)
    return count


def mail_in(site: Site, name: str, row: str, rows: Rows, send: Callable[[Site], int]) -> None:
    """A load of mail: acknowledged a second, and seen in the mailbox a second; CPU is milliseconds a message, to the mailbox."""
    load = Load(site.reading)
    first, spent, began = load.count("INBOX"), site.cpu(), time.perf_counter()
    count = send(site)
    accepted = time.perf_counter() - began
    while load.count("INBOX") < first + count:
        if time.perf_counter() - began > PATIENCE:
            raise TimeoutError(f"{row}: not all that {name} acknowledged is there after {PATIENCE:g} s")
        time.sleep(0.02)
    seen = time.perf_counter() - began
    each = (site.cpu() - spent) / count * 1000
    rows.add(f"{row}: acknowledged", "a second", name, count / accepted, each)
    rows.add(f"{row}: in the mailbox", "a second", name, count / seen, each)
    load.close()


def compare_mail(sites: dict[str, Site], rows: Rows, runs: int, seconds: float) -> None:
    """Mail in, in turns."""
    loads: dict[str, Callable[[Site], int]] = {
        "4 KiB, 1 connection": lambda site: by_smtp_load(site, 1, seconds, keep=True),
        "4 KiB, 10 connections": lambda site: by_smtp_load(site, 10, seconds, keep=True),
        "4 KiB, 50 connections": lambda site: by_smtp_load(site, 50, seconds, keep=True),
        "4 KiB, 10 clients, a connection each": lambda site: by_smtp_load(site, 10, seconds, keep=False),
    }
    if SOURCE is not None:
        loads["smtp-source, 10 connections"] = lambda site: by_smtp_source(site, 10, seconds)
    for site in sites.values():
        by_smtp_load(site, 2, 1, keep=True)
    for _ in range(runs):
        for row, send in loads.items():
            for name, site in sites.items():
                mail_in(site, name, row, rows, send)


def compare_reading(sites: dict[str, Site], rows: Rows, runs: int, messages: int) -> None:
    """IMAP over a mailbox of so many."""
    targets = {name: site.reading for name, site in sites.items()}
    for target in targets.values():
        imap_load.fill(target, imap.LARGE, messages)
    table = imap.Table("")
    imap.measure({"mox": targets["mox"], "dovecot": targets["peer"]}, table, runs, [100])
    for row, servers in table.rows().items():
        unit = OF_IMAP.get(row, next((each for each in ("MB a second", "KiB", "ms") if each in row), "s"))
        for server, figures in servers.items():
            for figure in figures:
                name = "mox" if server == "mox" else "peer"
                rows.add(f"IMAP: {row.partition(',')[0]}", unit, name, figure.value, figure.cpu)


@contextmanager
def ours(directory: Path) -> Iterator[Site]:
    """A server of this checkout, with DNS beside it."""
    *ports, reading = smtp_server.free_ports(5)
    config = smtp_server.prepare(directory, ports)
    with config.open("a") as file:
        file.write(IMAP.format(imap=reading, directory=directory))
    with smtp_server.names(ports[3]), smtp_server.running(config, ports) as server:
        target = Target(reading, smtp_server.RECIPIENT, smtp_server.PASSWORD, server.pid)
        yield Site(server.smtp, smtp_server.RECIPIENT, target, (server.pid,))


@contextmanager
def theirs(directory: Path) -> Iterator[Site]:
    """Postfix that hands over to Dovecot."""
    line = [sys.executable, str(PEERS)]
    base = ("--base", str(directory / "peer"))
    started = subprocess.run([*line, "start", "postfix", *base], check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(started.stdout)
    dovecot, postfix = found["pids"]
    reading = Target(found["imap"]["port"], found["imap"]["user"], found["imap"]["password"], dovecot)
    try:
        yield Site(found["smtp"]["port"], found["smtp"]["rcpt"], reading, (dovecot, postfix))
    finally:
        subprocess.run([*line, "stop", "postfix", *base], check=True, stdout=subprocess.PIPE)


def main() -> None:
    """Parse arguments, run both, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of each load of mail")
    parser.add_argument("--messages", type=int, default=20_000, help="in the mailbox that is read")
    parser.add_argument("--only", choices=("mail", "imap"))
    options = parser.parse_args()
    if not PEERS.exists() or os.geteuid() != 0 or not (shutil.which("dovecot") and shutil.which("postfix")):
        sys.exit(
            f"Postfix and Dovecot are not here: needs root, Debian's postfix, dovecot-imapd, dovecot-lmtpd, and {PEERS}"
        )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rows = Rows()
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as top, ExitStack() as stack:
        directory = Path(top)
        directory.chmod(0o755)
        print(
            f"fsync {fsync_ms(directory):.2f} ms; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs\n"
        )
        (directory / "mox").mkdir()
        sites = {
            "mox": stack.enter_context(ours(directory / "mox")),
            "peer": stack.enter_context(theirs(directory)),
        }
        if options.only != "imap":
            compare_mail(sites, rows, options.runs, options.seconds)
        if options.only != "mail":
            compare_reading(sites, rows, options.runs, options.messages)
    rows.print()


if __name__ == "__main__":
    main()
