"""A mixed load for minutes: `python -m bench.soak [--minutes N]`.

One server (disk and SQLite, DNS and a sink beside it) at the same time takes mail on port 25, takes submissions and delivers
them, serves IMAP clients that read, flag, search, copy, append, expunge and idle, serves pages of the webmail that look, search
and send, and has messages imported by the command line. Mailboxes are kept at a bounded size, so that what grows is a leak. It
ends with 1 when

- memory grew: the median of the last third of the time is more than `GROWTH` above that of the second third;
- the log has a line of level warn or error, or a client met an error;
- the event loop kept others waiting for more than 50 ms in more than one of a thousand looks
  (`moxtrio_event_loop_computing_seconds`; `moxtrio_event_loop_stall_seconds`, which is shown beside it, holds what other
  programs of the machine take, too).
"""

import argparse
import os
import random
import re
import smtplib
import socketserver
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import trio

from bench import imap_load, importing
from bench.smtp_crash import Seen, Sink
from bench.smtp_server import PASSWORD, RECIPIENT, command, free_ports, names, prepare
from tests.kit import imap_clients, served
from tests.kit.imap_clients import Client, members
from tests.webui.mail import talking

GROWTH: Final = 0.05
SLOW: Final = 0.05
"""Seconds."""
MOST: Final = 1500
"""Messages of a mailbox."""
IDLE: Final = 10
IMPORTED: Final = 200
SAMPLE: Final = 2.0
TROUBLE: Final = (
    *(OSError, AssertionError, ExceptionGroup, subprocess.SubprocessError, trio.TooSlowError, httpx.HTTPError),
    *(smtplib.SMTPException, imap_clients.Refused, imap_clients.Closed, talking.Refused),
)
"""What clients meet when something is wrong."""
MORE: Final = """
[listeners.reading]
ips = ["127.0.0.1"]
imap = {{ port = {imap}, require_starttls = false }}
webmail_http = {{ port = {web} }}
metrics_http = {{ port = {metrics} }}
[[listeners.reading.tls.certificates]]
cert_file = "{directory}/cert.pem"
key_file = "{directory}/key.pem"
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the server is; ports on 127.0.0.1."""

    config: Path
    smtp: int
    submissions: int
    imap: int
    web: int
    metrics: int

    @property
    def base(self) -> int:
        """As pages are found."""
        return self.web - 80

    def metric(self, name: str) -> dict[float, float]:
        """A histogram: how many up to each end of a bucket."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics") as answer:
            text = answer.read().decode()
        found = re.findall(rf'^moxtrio_{name}_bucket{{le="([^"]+)"}} (\S+)$', text, re.MULTILINE)
        return {float(end): float(count) for end, count in found}


@dataclass(slots=True)
class Clients:
    """Threads that work until they are told to stop."""

    stopped: threading.Event = field(default_factory=threading.Event)
    done: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self, name: str, work: Callable[[], Iterator[None]], pause: float) -> None:
        """Step through work, again and again, with a pause of about so many seconds between the steps."""

        def run() -> None:
            while not self.stopped.is_set():
                try:
                    for _ in work():
                        self.done[name] += 1
                        if self.stopped.wait(random.uniform(0.5, 1.5) * pause):
                            return
                except (
                    OSError,
                    smtplib.SMTPException,
                    imap_clients.Refused,
                    imap_clients.Closed,
                    AssertionError,
                ) as error:
                    self.errors.append(f"{name}: {error!r}")
                    self.stopped.wait(1)

        thread = threading.Thread(target=run, name=name)
        self.threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """End all after the step in hand."""
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def message(number: int, sender: str, to: str) -> bytes:
    """One from outside, or to it; some large."""
    size = random.choice((1, 4, 4, 4, 40, 400)) * 1024
    head = (
        f"From: <{sender}>\r\nTo: <{to}>\r\nSubject: soak {number} word{number % 50}\r\n"
        f"Message-ID: <{number}.{time.time_ns()}@x.example>\r\n\r\n"
    )
    return head.encode() + b"The quick brown fox jumps over the lazy dog.\r\n" * (size // 46)


def incoming(place: Place) -> Iterator[None]:
    """Mail from many domains, some messages on each connection."""
    with smtplib.SMTP("127.0.0.1", place.smtp, "client.example", timeout=60) as client:
        for number in range(random.randrange(1, 20)):
            sender = f"user{number}@sender{random.randrange(200)}.example"
            client.sendmail(sender, [RECIPIENT], message(number, sender, RECIPIENT))
            yield


def outgoing(place: Place) -> Iterator[None]:
    """Submissions to other domains."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with smtplib.SMTP_SSL("127.0.0.1", place.submissions, "laptop", timeout=60, context=context) as client:
        client.login(RECIPIENT, PASSWORD)
        for number in range(random.randrange(1, 10)):
            to = f"you@far{random.randrange(20)}.example"
            client.sendmail(RECIPIENT, [to], message(number, RECIPIENT, to))
            yield


def reading(place: Place) -> Iterator[None]:
    """A client of IMAP: looks, flags, searches, copies, appends, and keeps mailboxes small."""
    with imap_clients.connect(place.imap) as client:
        client.login(RECIPIENT, PASSWORD)
        client.run("CREATE Copies")
        for _ in range(random.randrange(5, 30)):
            client.ok("SELECT Inbox")
            for command_line in (
                "UID FETCH 1:* (FLAGS)",
                "FETCH * (ENVELOPE BODYSTRUCTURE PREVIEW BODY.PEEK[])",
                f"UID SEARCH TEXT word{random.randrange(50)}",
                f"SEARCH SUBJECT word{random.randrange(50)}",
                r"STORE * +FLAGS (\Seen $Forwarded)",
                "COPY * Copies",
                "STATUS Copies (MESSAGES UNSEEN)",
            ):
                client.run(command_line)
                yield
            client.append("Copies", imap_load.message(random.randrange(1000)))
            for box in ("Copies", "Inbox"):
                _shrink(client, box)
            yield


def _shrink(client: Client, box: str) -> None:
    client.ok(f"SELECT {box}")
    (found,) = client.ok("UID SEARCH RETURN (ALL) ALL").of(b"ESEARCH")
    uids = members(found.values[-1]) if len(found.values) > 2 else []
    if len(uids) > MOST:
        client.run(f"UID STORE {uids[0]}:{uids[-MOST]} +FLAGS.SILENT (\\Deleted)")
        client.run("EXPUNGE")


def idling(place: Place) -> Iterator[None]:
    """A client that waits for what comes."""
    with imap_clients.connect(place.imap) as client:
        client.login(RECIPIENT, PASSWORD)
        client.ok("SELECT Inbox")
        while True:
            tag = client.idle()
            yield
            client.done(tag)


def importing_mail(place: Place, source: Path) -> Iterator[None]:
    """The command line imports beside the server; a client removes what came."""
    command(place.config, "import", "bench", str(source), "--mailbox", "Imported")
    yield
    with imap_clients.connect(place.imap) as client:
        client.login(RECIPIENT, PASSWORD)
        client.run("DELETE Imported/Bench")
        client.run("DELETE Imported")
        yield


def looking(place: Place) -> Iterator[None]:
    """A page of the webmail."""
    trio.run(_page, place)
    yield


async def _page(place: Place) -> None:
    async with talking.logged_in(place, PASSWORD, RECIPIENT) as browser, browser.page() as page:
        await page.look(1, mailbox=page.box("inbox"), threads=True)
        await page.look(2, query=f"word{random.randrange(50)}")
        to = [["", f"you@far{random.randrange(20)}.example"]]
        await page.call("send", letter=talking.letter("from the page", sender=["", RECIPIENT], to=to))
        with trio.move_on_after(2):
            await page.hear("ops")


@dataclass(slots=True)
class Memory:
    """Samples of what the server holds, in MiB."""

    samples: list[float] = field(default_factory=list)

    def take(self, pid: int) -> None:
        """One more."""
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        self.samples.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)

    def thirds(self) -> list[float]:
        """Medians of the thirds of the time."""
        size = max(len(self.samples) // 3, 1)
        return [statistics.median(self.samples[at : at + size]) for at in range(0, size * 3, size)]


def unexpected(log: str) -> list[str]:
    """Lines that nobody who runs this should see."""
    return [line for line in log.splitlines() if re.search(r"\blevel=(warn|error)\b", line) or "level=" not in line]


def slow(buckets: dict[float, float]) -> tuple[float, float]:
    """The part of the looks that were late by more than `SLOW`, and the end of the bucket of the latest."""
    total = buckets[float("inf")]
    latest = next(end for end, count in sorted(buckets.items()) if count == total)
    return 1 - buckets[SLOW] / total, latest


@contextmanager
def serving(directory: Path) -> Iterator[tuple[Place, int, Path]]:
    """The server with all that is beside it: where, its process and its log."""
    *ports, imap, web, metrics = free_ports(7)
    config = prepare(directory, ports)
    more = MORE.format(imap=imap, web=web, metrics=metrics, directory=directory)
    config.write_text(config.read_text().replace('level = "warn"', 'level = "info"') + more)
    handler = type("Handler", (Sink,), {"seen": Seen()})
    with ExitStack() as stack:
        sink = stack.enter_context(socketserver.ThreadingTCPServer(("127.0.0.1", ports[2]), handler))
        sink.daemon_threads = True
        threading.Thread(target=sink.serve_forever, daemon=True).start()
        stack.callback(sink.shutdown)
        stack.enter_context(names(ports[3]))
        log = directory / "serve.log"
        process = stack.enter_context(served.serving(config, log))
        yield Place(config, ports[0], ports[1], imap, web, metrics), process.pid, log


def run(minutes: float, directory: Path) -> bool:
    """Load it so long, and print what was seen; whether all is well."""
    source = importing.write_source(directory, "mbox", IMPORTED, 4096)
    memory, clients = Memory(), Clients()
    with serving(directory) as (place, pid, log):
        works: list[tuple[str, Callable[[], Iterator[None]], float, int]] = [
            ("mail in", partial(incoming, place), 0.1, 4),
            ("mail out", partial(outgoing, place), 0.2, 2),
            ("IMAP", partial(reading, place), 0.2, 4),
            ("IDLE", partial(idling, place), 10, IDLE),
            ("pages", partial(looking, place), 1, 2),
            ("import", partial(importing_mail, place, source), 15, 1),
        ]
        for name, work, pause, count in works:
            for _ in range(count):
                clients.start(name, work, pause)
        ends = time.monotonic() + minutes * 60
        while time.monotonic() < ends:
            memory.take(pid)
            time.sleep(SAMPLE)
        clients.stop()
        stalls = {name: slow(place.metric(f"event_loop_{name}_seconds")) for name in ("stall", "computing")}
    return report(clients, memory, stalls, unexpected(log.read_text()))


def report(clients: Clients, memory: Memory, stalls: dict[str, tuple[float, float]], lines: list[str]) -> bool:
    """Print it; whether all is well."""
    print(", ".join(f"{count} of {name}" for name, count in clients.done.most_common()))
    first, second, third = memory.thirds()
    print(
        f"memory, MiB: {memory.samples[0]:.0f} at first, then {first:.0f}, {second:.0f}, {third:.0f} (medians of thirds)"
    )
    for name, (part, latest) in stalls.items():
        print(
            f"event loop, {name}: {part * 1000:.2f} of 1000 looks late by more than 50 ms; the latest below {latest:g} s"
        )
    print(f"errors of clients: {len(clients.errors)}; unexpected lines in the log: {len(lines)}", flush=True)
    for text in [*clients.errors[:10], *lines[:20]]:
        print("-", text[:1000])
    grew = third > second * (1 + GROWTH)
    return not (grew or clients.errors or lines or stalls["computing"][0] > 0.001)


def main() -> None:
    """Parse arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mox-trio-soak-", dir=os.environ.get("BENCH_DIR")) as top:
        sys.exit(not run(options.minutes, Path(top)))


if __name__ == "__main__":
    main()
