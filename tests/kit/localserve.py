"""`mox-trio localserve` as a process, on ports of its own."""

import json
import random
import signal
import smtplib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit import programs
from tests.kit.programs import Process

PROGRAM = programs.PROGRAM
PORTS = (25, 80, 81, 143, 443, 465, 587, 993, 1080, 8010)
START = 60
"""Seconds; the machine may be busy with other tests."""


@dataclass(frozen=True)
class LocalServer:
    """A server that runs."""

    directory: Path
    base: int
    process: Process
    log: Path

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command of the command line on its configuration; what it prints."""
        return programs.run("--config", str(self.directory / "mox-trio.toml"), *arguments, code=code)

    def json(self, *arguments: str) -> Any:
        """The same as JSON."""
        return json.loads(self.run("--json", *arguments))

    def smtp(self) -> smtplib.SMTP:
        """A connection to the port for other servers."""
        return smtplib.SMTP("127.0.0.1", self.base + 25, local_hostname="client.example.org", timeout=START)

    def submission(self) -> smtplib.SMTP:
        """A connection to the port for users."""
        return smtplib.SMTP("127.0.0.1", self.base + 587, local_hostname="client.example.org", timeout=START)

    def subjects(self, mailbox: str = "Inbox") -> list[str]:
        """Subjects of what is in a mailbox, in the order of arrival."""
        return [row["subject"] for row in self.json("mailbox", "messages", "mox", mailbox)]

    def wait_for_subject(self, subject: str, mailbox: str = "Inbox") -> None:
        """Until a message is in a mailbox: the queue is not waited for by whoever submits."""
        deadline = time.monotonic() + START
        while subject not in self.subjects(mailbox):
            assert time.monotonic() < deadline, self.log.read_text()

    def wait_for_line(self, text: str) -> str:
        """Until the log has a line with a text; the line."""
        deadline = time.monotonic() + START
        while True:
            for line in self.log.read_text().splitlines():
                if text in line:
                    return line
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(START)


@contextmanager
def running(directory: Path, *options: str, base: int | None = None) -> Iterator[LocalServer]:
    """Run it until the block ends; it is ready when the block begins."""
    base = base or free_base()
    log = directory.with_name(directory.name + ".log")
    command = ["localserve", "--dir", str(directory), "--base-port", str(base), *options]
    before = log.stat().st_size if log.exists() else 0
    with programs.started(command, log) as process:
        _wait_until_ready(log, before, process)
        yield LocalServer(directory, base, process, log)


def _wait_until_ready(log: Path, before: int, process: Process) -> None:
    """`before`: octets that an earlier server wrote to the log."""
    deadline = time.monotonic() + START
    while b"\nready\n" not in log.read_bytes()[before:]:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)  # another process: there is no event to wait for


def free_base() -> int:
    """A base port above which every port of a service is free."""
    while True:
        base = random.randrange(10_000, 30_000)
        with suppress(OSError):
            for port in PORTS:
                socket.create_server(("127.0.0.1", base + port)).close()
            return base
