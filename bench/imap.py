"""IMAP over a large mailbox, beside Dovecot: `python -m bench.imap [--messages N] [--runs N] [--idle N] [--only WORD]`.

Both servers run on this machine and are asked in turns, so that what slows the machine slows both. A figure is the median of
its runs, in seconds, with the CPU that the server's processes used in one run beside it; the ratio is ours to Dovecot's. The
client reads without parsing. Appends are a second; memory is of one idle connection with the large mailbox selected, of so many.
"""

import argparse
import resource
import selectors
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from bench import imap_load, imap_server
from bench.imap_load import RARE, Load, cpu, memory
from bench.imap_server import Target
from tests.kit import imap_clients

LARGE: Final = "large"
APPENDED: Final = 500
BIG: Final = 50 * 1000 * 1000
WANTED: Final = {
    "SELECT": 0.06,
    "UID FETCH 1:* FLAGS": 0.10,
    "overview of all": 0.30,
    "headers of all": 0.5,
    "BODY.PEEK[] of 1000": 0.10,
    "SEARCH SUBJECT": 0.08,
    "SEARCH TEXT": 0.9,
    "SORT": 0.5,
    "THREAD": 0.5,
    "STORE 1:* +FLAGS": 0.35,
    "COPY 1:5000": 0.25,
    "APPEND one by one": 400,
    "APPEND pipelined": 700,
    "MULTIAPPEND": 1500,
    "memory, KiB each": 60,
    "50 MB body, MB a second": 200,
    "100 sessions hear, ms": 15,
    "1000 sessions hear, ms": 150,
}
"""What a row is held against; rates (`RATES`) are at least that, all others at most."""
RATES: Final = frozenset(("APPEND one by one", "APPEND pipelined", "MULTIAPPEND", "50 MB body, MB a second"))

COMMANDS: Final = (
    ("UID FETCH 1:* FLAGS", "", "UID FETCH 1:* FLAGS"),
    ("overview of all", "", "UID FETCH 1:* (FLAGS ENVELOPE INTERNALDATE RFC822.SIZE BODYSTRUCTURE)"),
    ("headers of all", "", "UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE MESSAGE-ID)])"),
    ("BODY.PEEK[] of 1000", "", "FETCH 1:1000 BODY.PEEK[]"),
    ("SEARCH SUBJECT", "", f"UID SEARCH SUBJECT {RARE}"),
    ("SEARCH TEXT", "", f"UID SEARCH TEXT {RARE}"),
    ("SORT", "", "UID SORT (SUBJECT) UTF-8 ALL"),
    ("THREAD", "", "UID THREAD REFERENCES UTF-8 ALL"),
    ("STORE 1:* +FLAGS", r"STORE 1:* -FLAGS.SILENT (\Seen)", r"STORE 1:* +FLAGS (\Seen)"),
)
"""Row, what is run before it and not measured, and what is measured."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One run."""

    value: float
    cpu: float


class Table:
    """Figures of both servers by row."""

    def __init__(self, only: str) -> None:
        self.only = only
        self._rows: dict[str, dict[str, list[Figure]]] = {}

    def wants(self, row: str) -> bool:
        """Whether a row was asked for."""
        return self.only.casefold() in row.casefold()

    def add(self, row: str, server: str, figure: Figure) -> None:
        """A run."""
        self._rows.setdefault(row, {}).setdefault(server, []).append(figure)

    def rows(self) -> dict[str, dict[str, list[Figure]]]:
        """Every run, by row and server."""
        return self._rows

    def print(self) -> None:
        """All rows."""
        print(f"{'':28}{'here':>10}{'CPU':>9}{'Dovecot':>10}{'CPU':>9}{'ratio':>8}{'wanted':>9}")
        for row, servers in self._rows.items():
            ours, theirs = (middle(servers.get(name, [])) for name in ("mox", "dovecot"))
            ratio = f"{ours.value / theirs.value:8.2f}" if ours.value and theirs.value else f"{'':8}"
            cells = "".join(
                f"{each.value:10.4g}{each.cpu:9.3f}" if each.value else f"{'-':>10}{'':9}" for each in (ours, theirs)
            )
            wanted = WANTED.get(row)
            missed = (
                wanted is not None and ours.value and (ours.value < wanted if row in RATES else ours.value > wanted)
            )
            print(f"{row:28}{cells}{ratio}{wanted or '':>9}{'  missed' if missed else ''}", flush=True)


def middle(figures: list[Figure]) -> Figure:
    """The median of runs."""
    if not figures:
        return Figure(0, 0)
    return Figure(statistics.median(each.value for each in figures), statistics.median(each.cpu for each in figures))


def timed(target: Target, work: Callable[[], object]) -> Figure:
    """How long it takes, and what the server uses for it."""
    used, began = cpu(target.pid), time.perf_counter()
    work()
    took = time.perf_counter() - began
    return Figure(took, cpu(target.pid) - used)


def select(target: Target) -> Figure:
    """SELECT on a new connection."""
    load = Load(target)
    figure = timed(target, lambda: load.run(f"SELECT {LARGE}"))
    load.close()
    return figure


def appends(target: Target, table: Table, server: str) -> None:
    """The three ways to append."""
    load = Load(target)
    messages = [imap_load.message(number) for number in range(APPENDED)]

    def one_by_one() -> None:
        for each in messages:
            load.append("appended", [each])

    ways: dict[str, Callable[[], object]] = {
        "APPEND one by one": one_by_one,
        "APPEND pipelined": lambda: load.append_pipelined("appended", messages),
        "MULTIAPPEND": lambda: load.append("appended", messages),
    }
    for row, work in ways.items():
        if table.wants(row):
            load.run("CREATE appended")
            figure = timed(target, work)
            table.add(row, server, Figure(APPENDED / figure.value, figure.cpu))
            load.run("DELETE appended")
    load.close()


def big_body(target: Target) -> Figure:
    """One body of 50 MB, in MB a second."""
    load = Load(target)
    load.run("CREATE big")
    line = b"0123456789abcdef" * 4 + b"\r\n"
    load.append("big", [b"Subject: big\r\n\r\n" + line * (BIG // len(line))])
    load.run("SELECT big")
    figure = timed(target, lambda: load.run("FETCH 1 BODY.PEEK[]"))
    rate = load.received / figure.value / 1e6
    load.run("CLOSE")
    load.run("DELETE big")
    load.close()
    return Figure(rate, figure.cpu)


@contextmanager
def idling(target: Target, mailbox: str, count: int) -> Iterator[list[Load]]:
    """So many sessions in IDLE."""
    with ExitStack() as stack:
        loads = []
        for _ in range(count):
            load = Load(target)
            stack.callback(load.close)
            load.run(f"SELECT {mailbox}")
            load.wire.sendall(b"i IDLE\r\n")
            while not load.wire.recv(65536).startswith(b"+"):
                pass
            loads.append(load)
        yield loads


def idle_memory(target: Target, count: int) -> Figure:
    """KiB of memory for one idle session with the large mailbox selected, beside others that use up what was free."""
    with idling(target, LARGE, 100):
        before = memory(target.pid)
        used = cpu(target.pid)
        with idling(target, LARGE, count):
            return Figure((memory(target.pid) - before) / count, cpu(target.pid) - used)


def heard(target: Target, count: int, runs: int) -> list[Figure]:
    """Milliseconds from the beginning of an APPEND until all sessions in IDLE were told."""
    figures = []
    with idling(target, "INBOX", count) as loads, selectors.DefaultSelector() as selector:
        for load in loads:
            selector.register(load.wire, selectors.EVENT_READ, load)
        appending = Load(target)
        for number in range(runs):
            used, began = cpu(target.pid), time.perf_counter()
            missing = set(loads)
            appending.append("INBOX", [imap_load.message(number)])
            while missing:
                ready = selector.select(30)
                if not ready:
                    raise TimeoutError(f"{len(missing)} of {count} sessions heard nothing")
                for key, _ in ready:
                    if b"EXISTS" in key.data.wire.recv(65536):
                        missing.discard(key.data)
            figures.append(Figure((time.perf_counter() - began) * 1000, cpu(target.pid) - used))
            time.sleep(0.3)  # what else they are told is not part of the next run
            for key, _ in selector.select(0):
                key.data.wire.recv(65536)
        appending.close()
    return figures


def measure(targets: dict[str, Target], table: Table, runs: int, idle: list[int]) -> None:
    """All rows, in turns; memory first, while little of it was used and given back."""
    for server, target in targets.items():
        if table.wants("memory, KiB each"):
            table.add("memory, KiB each", server, idle_memory(target, 400))
    loads = {server: Load(target) for server, target in targets.items()}
    for load in loads.values():
        load.run(f"SELECT {LARGE}")
    for _ in range(runs):
        for server, target in targets.items():
            load = loads[server]
            if table.wants("SELECT"):
                table.add("SELECT", server, select(target))
            for row, before, command in COMMANDS:
                if table.wants(row):
                    if before:
                        load.run(before)
                    table.add(row, server, timed(target, lambda load=load, command=command: load.run(command)))  # type: ignore[misc]
            if table.wants("COPY 1:5000"):
                load.run("CREATE copied")
                table.add("COPY 1:5000", server, timed(target, lambda load=load: load.run("COPY 1:5000 copied")))  # type: ignore[misc]
                load.run("DELETE copied")
            appends(target, table, server)
            if table.wants("50 MB body, MB a second"):
                table.add("50 MB body, MB a second", server, big_body(target))
    for load in loads.values():
        load.close()
    for server, target in targets.items():
        for count in idle:
            if table.wants(f"{count} sessions hear, ms"):
                for figure in heard(target, count, runs):
                    table.add(f"{count} sessions hear, ms", server, figure)


def main() -> None:
    """Parse arguments, fill both servers, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--idle", type=int, action="append", help="how many sessions in IDLE (100 and 1000)")
    parser.add_argument("--only", default="", help="rows with this in their name")
    parser.add_argument("--server", action="append", choices=("mox", "dovecot"), help="only this one")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    table = Table(options.only)
    with ExitStack() as stack:
        targets = {}
        for server in options.server or ("mox", "dovecot"):
            (targets[server],) = stack.enter_context(imap_server.KINDS[server]())
        for server, target in targets.items():
            used = cpu(target.pid)
            rate = imap_load.fill(target, LARGE, options.messages)
            each = (cpu(target.pid) - used) / options.messages * 1000
            print(
                f"{server}: {options.messages} messages in hundreds: {rate:.0f} a second, {each:.2f} ms of CPU each",
                flush=True,
            )
        try:
            measure(targets, table, options.runs, options.idle or [100, 1000])
        except (imap_clients.Refused, imap_clients.Closed, TimeoutError) as error:
            table.print()
            sys.exit(f"{type(error).__name__}: {error}")
    table.print()


if __name__ == "__main__":
    main()
