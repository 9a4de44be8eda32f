"""kill -9 under mail: `python -m bench.smtp_crash [--points N] [--least N]`.

A real server (disk and SQLite) takes mail on port 25 and submissions, and delivers those to a sink; it is killed with
SIGKILL at random moments and started again. At the end:

- lost in: messages that were acknowledged on port 25 and are not in the mailbox; twice in: that are there twice;
- lost out: submissions that were acknowledged and never reached the sink;
- twice out: submissions that reached it more than once. The one window for that lies between the sink's reply and our
  commit, so `outside the window` counts those whose first reply was sent longer before the next kill than that takes.

It ends with 1 when something was lost, or came twice outside the window.
"""

import argparse
import bisect
import os
import random
import re
import smtplib
import socket
import socketserver
import ssl
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.smtp_server import PASSWORD, RECIPIENT, free_ports, inbox, names, prepare, running

WINDOW: Final = 2.0
"""Seconds between a reply of the sink and our commit, at most."""
LATE: Final = 1.0
"""Seconds until the sink has read what a server sent before it was killed, at most."""
PATIENCE: Final = 240
"""Seconds without news after which nothing more is expected: longer than a lease."""
ID: Final = re.compile(rb"Message-ID: <([^>@]+)@crash\.example>", re.IGNORECASE)


@dataclass(slots=True)
class Seen:
    """What was acknowledged, what arrived, and when it was killed."""

    acknowledged_in: set[str] = field(default_factory=set)
    acknowledged_out: set[str] = field(default_factory=set)
    arrived: dict[str, list[float]] = field(default_factory=dict)
    kills: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_for(self, least: int) -> None:
        """Until so many more have been acknowledged, in and out."""
        wanted = [len(acknowledged) + least for acknowledged in (self.acknowledged_in, self.acknowledged_out)]
        while len(self.acknowledged_in) < wanted[0] or len(self.acknowledged_out) < wanted[1]:
            time.sleep(0.02)

    def outside(self, replied: float) -> bool:
        """Whether no kill came soon after this moment, or so short before that the reply found nobody."""
        at = bisect.bisect_left(self.kills, replied - LATE)
        return at == len(self.kills) or self.kills[at] > replied + WINDOW


class Sink(socketserver.StreamRequestHandler):
    """A host that takes everything."""

    seen: Seen

    def handle(self) -> None:
        """One session."""
        self.wfile.write(b"220 sink\r\n")
        while line := self.rfile.readline(4096):
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.wfile.write(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self._content()
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 fine\r\n")

    def _content(self) -> None:
        found = ""
        while (line := self.rfile.readline(65536)) not in (b".\r\n", b""):
            if match := ID.match(line):
                found = match[1].decode()
        if line:
            time.sleep(random.uniform(0, 0.02))
            with self.seen.lock:
                self.seen.arrived.setdefault(found, []).append(time.monotonic())
            self.wfile.write(b"250 taken\r\n")


class Clients:
    """Threads that send until the server goes away."""

    def __init__(self, seen: Seen, smtp: int, submissions: int, point: int) -> None:
        self._seen = seen
        self._ports = smtp, submissions
        works = [(self._receive, number) for number in range(4)] + [(self._submit, number) for number in range(4)]
        self._threads = [threading.Thread(target=work, args=(f"{point}.{number}",)) for work, number in works]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait for them."""
        for thread in self._threads:
            thread.join()

    def _receive(self, name: str) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", self._ports[0], "client.example", timeout=30) as client:
                self._send(client, f"in.{name}", "a@crash.example", RECIPIENT, self._seen.acknowledged_in)
        except (OSError, smtplib.SMTPException):
            return

    def _submit(self, name: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            with smtplib.SMTP_SSL("127.0.0.1", self._ports[1], "client.example", timeout=30, context=context) as client:
                client.login(RECIPIENT, PASSWORD)
                self._send(client, f"out.{name}", RECIPIENT, "b@far.example", self._seen.acknowledged_out)
        except (OSError, smtplib.SMTPException):
            return

    def _send(self, client: smtplib.SMTP, name: str, sender: str, recipient: str, acknowledged: set[str]) -> None:
        for number in range(1_000_000):
            each = f"{name}.{number}"
            header = (
                f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: crash\r\nMessage-ID: <{each}@crash.example>\r\n\r\n"
            )
            client.sendmail(sender, [recipient], header + "Some text.\r\n" * random.randrange(1, 400))
            with self._seen.lock:
                acknowledged.add(each)


def report(seen: Seen, arrived_in: list[str], points: int) -> bool:
    """Print the figures; whether all is well."""
    print(f"kills: {points}; acknowledged in: {len(seen.acknowledged_in)}, out: {len(seen.acknowledged_out)}")
    twice_in = len(arrived_in) - len(set(arrived_in))
    lost_in = len(seen.acknowledged_in - set(arrived_in))
    print(f"lost in: {lost_in}, twice in: {twice_in}")
    twice = {name: times for name, times in seen.arrived.items() if len(times) > 1}
    outside = sum(seen.outside(times[0]) for times in twice.values())
    lost = len(seen.acknowledged_out - seen.arrived.keys())
    print(f"lost out: {lost}, twice out: {len(twice)}, of those outside the window: {outside}", flush=True)
    return not (lost_in or lost or outside)


def drained(seen: Seen) -> None:
    """Wait until all that was acknowledged has arrived, or nothing comes any more."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < PATIENCE:
        with seen.lock:
            count, missing = len(seen.arrived), len(seen.acknowledged_out - seen.arrived.keys())
        if not missing:
            return
        if count != last:
            last, since = count, time.monotonic()
        time.sleep(0.5)


def run(points: int, top: Path, least: int) -> bool:
    """Kill so often, each time after `least` more were acknowledged in and out, and look; whether all is well."""
    seen = Seen()
    ports = free_ports(4)
    config = prepare(top, ports)
    handler = type("Handler", (Sink,), {"seen": seen})
    with socketserver.ThreadingTCPServer(("127.0.0.1", ports[2]), handler) as sink, names(ports[3]):
        sink.daemon_threads = True
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        for point in range(points):
            with running(config, ports) as server:
                clients = Clients(seen, server.smtp, server.submissions, point)
                seen.wait_for(least)
                time.sleep(random.uniform(0, 1))
                os.kill(server.pid, 9)
                with seen.lock:
                    seen.kills.append(time.monotonic())
                clients.join()
        with running(config, ports):
            drained(seen)
        sink.shutdown()
    return report(seen, [match.decode() for each in inbox(config) for match in ID.findall(each)], points)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--least", type=int, default=1)
    options = parser.parse_args()
    socket.setdefaulttimeout(60)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as top:
        is_well = run(options.points, Path(top), options.least)
    sys.exit(not is_well)


if __name__ == "__main__":
    main()
