"""From 250 to IMAP under kill -9: `python -m bench.durability [--kills N] [--least N] [--only NAME]`.

Real servers take mail by LMTP from several clients and are killed with SIGKILL at random moments; after each kill the server is
started again and an IMAP client looks at what has come since. On these storages, the kills shared out among them:

    disk            bodies on disk, SQLite
    sealed          the same, encrypted
    moto            bodies in S3 (moto), Postgres; one process
    swift           the same with OpenStack Swift's S3
    both            moto and Postgres, two processes that serve the account at the same time; either is killed, the other goes on

Printed for each: messages acknowledged; lost (acknowledged and not in IMAP); twice (in IMAP more than once); unasked (in IMAP
though nobody heard 250: at most one a connection and kill); and seconds from the kill until the server greets and IMAP shows
the mailbox again, the median and the longest. It ends with 1 when something was lost or came twice.
"""

import argparse
import os
import random
import signal
import smtplib
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.kit import imap_clients, imap_served, postgres, s3
from tests.kit.imap_served import DISK, PASSWORD, USERS, Node

SENDERS: Final = 3
"""Clients of each process."""
LONGEST: Final = 0.5
"""Seconds between the least that must be acknowledged and the kill, at most."""
TO: Final = f"{USERS[0]}@{imap_served.DOMAIN}"
PATIENCE: Final = 600.0
"""Seconds for a start, or for the least that must be acknowledged: at the lowest priority a busy machine needs minutes."""
SEALED: Final = """
encrypt = true

[keys]
server = {{ file = "{directory}/server.key" }}
master = {{ file = "{directory}/server.key" }}
"""


@dataclass(slots=True)
class Seen:
    """What was acknowledged, and what IMAP shows."""

    acknowledged: set[str] = field(default_factory=set)
    found: Counter[str] = field(default_factory=Counter)
    highest: int = 0
    back: list[float] = field(default_factory=list)
    """Seconds."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, node: Node) -> None:
        """Read what has come since the last look."""
        with imap_clients.connect(node.port) as client:
            client.login(TO, PASSWORD)
            client.ok("EXAMINE Inbox")
            answer = client.ok(f"UID FETCH {self.highest + 1}:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            for uid, items in answer.by_uid().items():
                if uid > self.highest:
                    (subject,) = (value for name, value in items.items() if name.startswith(b"BODY["))
                    assert isinstance(subject, bytes)
                    self.found[subject.decode().partition(": ")[2].strip()] += 1
            self.highest = max([self.highest, *answer.by_uid()])


class Sender:
    """Sends one message after the other until the server goes away, or it is told to stop."""

    def __init__(self, node: Node, seen: Seen, name: str) -> None:
        self._node = node
        self._seen = seen
        self._name = name
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def stop(self) -> None:
        """End after the message in hand."""
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        try:
            with smtplib.LMTP("127.0.0.1", self._node.lmtp) as client:
                number = 0
                while not self._stopped.is_set():
                    subject = f"{self._name}.{number}"
                    head = f"From: <ann@far.example>\r\nTo: <{TO}>\r\nSubject: {subject}\r\n\r\n"
                    client.sendmail("ann@far.example", [TO], head + "Some text.\r\n" * random.randrange(1, 800))
                    with self._seen.lock:
                        self._seen.acknowledged.add(subject)
                    number += 1
        except (OSError, smtplib.SMTPException):
            return


class Process:
    """A server that is killed and started again."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._stack = ExitStack()
        self.node = node

    def start(self) -> None:
        """Until it greets at all ports."""
        self.node = self._stack.enter_context(imap_served.serving(self._node, PATIENCE))

    def kill(self) -> None:
        """SIGKILL, and gone."""
        os.kill(self.node.pid, signal.SIGKILL)
        self._stack.close()

    def stop(self) -> None:
        """In order."""
        self._stack.close()


def run(name: str, nodes: list[Node], kills: int, least: int) -> bool:
    """Kill so often, and print what was seen; whether all is well."""
    seen, processes = Seen(), [Process(node) for node in nodes]
    try:
        for process in processes:
            process.start()
        for kill in range(kills):
            _kill_one(seen, processes, kill, least)
        for process in processes:
            seen.look(process.node)
    finally:
        for process in processes:
            process.stop()
    lost = seen.acknowledged - set(seen.found)
    twice = [subject for subject, count in seen.found.items() if count > 1]
    unasked = set(seen.found) - seen.acknowledged
    print(
        f"{name:8}{kills:7}{len(seen.acknowledged):14}{len(lost):7}{len(twice):7}{len(unasked):9}"
        f"{statistics.median(seen.back):10.2f}{max(seen.back):9.2f}",
        flush=True,
    )
    return not (lost or twice)


def _kill_one(seen: Seen, processes: list[Process], kill: int, least: int) -> None:
    victim = random.choice(processes)
    senders = [
        Sender(process.node, seen, f"{kill}.{place}.{number}")
        for place, process in enumerate(processes)
        for number in range(SENDERS)
    ]
    try:
        wanted, ends = len(seen.acknowledged) + least, time.monotonic() + PATIENCE
        while len(seen.acknowledged) < wanted:
            if time.monotonic() > ends:
                raise TimeoutError(f"fewer than {least} messages were acknowledged in {PATIENCE:g} s")
            time.sleep(0.005)
        time.sleep(random.uniform(0, LONGEST))
        began = time.monotonic()
        victim.kill()
        victim.start()
        seen.look(victim.node)
        seen.back.append(time.monotonic() - began)
    finally:
        for sender in senders:
            sender.stop()


@contextmanager
def on_disk(*, sealed: bool) -> Iterator[list[Node]]:
    """One process with bodies on disk, and SQLite."""
    with tempfile.TemporaryDirectory(prefix="mox-trio-durability-", dir=os.environ.get("BENCH_DIR")) as top:
        directory = Path(top)
        (directory / "server.key").write_text("5a" * 32)
        (directory / "server.key").chmod(0o600)
        more = SEALED.format(directory=directory) if sealed else ""
        yield imap_served.prepared(directory, storage=DISK.format(directory=directory) + more)


@contextmanager
def far(serving: Callable[[Path], AbstractContextManager[s3.S3Server]], processes: int) -> Iterator[list[Node]]:
    """Processes with bodies in S3, and Postgres."""
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(Path(directory)) as bucket,
        postgres.private() as server,
        postgres.database(server.conninfo) as database,
        imap_served.two_prepared(database, bucket) as nodes,
    ):
        yield nodes[:processes]


STORAGES: Final[dict[str, Callable[[], AbstractContextManager[list[Node]]]]] = {
    "disk": lambda: on_disk(sealed=False),
    "sealed": lambda: on_disk(sealed=True),
    "moto": lambda: far(s3.moto, 1),
    "swift": lambda: far(s3.swift, 1),
    "both": lambda: far(s3.moto, 2),
}


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60, help="all storages together")
    parser.add_argument("--least", type=int, default=20, help="messages acknowledged before each kill")
    parser.add_argument("--only", choices=tuple(STORAGES))
    options = parser.parse_args()
    chosen = [options.only] if options.only else list(STORAGES)
    print(f"{'':8}{'kills':>7}{'acknowledged':>14}{'lost':>7}{'twice':>7}{'unasked':>9}{'back, s':>10}{'longest':>9}")
    is_well = True
    for number, name in enumerate(chosen):
        kills = options.kills // len(chosen) + (number < options.kills % len(chosen))
        if kills:
            with STORAGES[name]() as nodes:
                is_well &= run(name, nodes, kills, options.least)
    sys.exit(not is_well)


if __name__ == "__main__":
    main()
