"""What measurements of IMAP are made with: messages, a client that reads without parsing, CPU and memory of a server."""

import os
import random
import re
import socket
import time
from pathlib import Path
from typing import Final

from bench.imap_server import Target
from tests.kit import imap_clients

RARE: Final = "sesquipedalian"
"""In the subject of one message in a hundred, in the text of one in ninety-seven."""
WORDS: Final = [
    first + last for first in ("lo", "ca", "mi", "ter", "quo", "ven", "sal") for last in ("rem", "dit", "nus", "par")
]
LINES: Final = 11
TICK: Final = os.sysconf("SC_CLK_TCK")


def message(number: int, size: int = 4096) -> bytes:
    """A message of about this size: one in three has a text in two forms, the others one."""
    draw = random.Random(number)

    def words(count: int) -> str:
        return " ".join(draw.choices(WORDS, k=count))

    def text(length: int) -> str:
        lines = [f"one {RARE} word"] if number % 97 == 0 else []
        while sum(map(len, lines)) + 2 * len(lines) < length:
            lines.append(words(LINES))
        return "\r\n".join(lines) + "\r\n"

    subject = words(5) + (f" {RARE}" if number % 100 == 0 else "")
    minute = f"{number // 60 % 60:02}:{number % 60:02}"
    head = (
        "Received: from client.example (client.example [192.0.2.9])\r\n"
        f"\tby mx.example with ESMTPS id {number:08x};\r\n\tMon, 23 Nov 2026 10:{minute} +0000\r\n"
        f'From: "{words(2).title()}" <user{number % 500}@client.example>\r\nTo: <mia@here.example>\r\n'
        f"Subject: {subject}\r\nDate: Mon, 23 Nov 2026 10:{minute} +0000\r\n"
        f"Message-ID: <{number}.{draw.getrandbits(48)}@client.example>\r\nMIME-Version: 1.0\r\n"
    )
    plain = "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    if number % 3:
        return (head + plain + text(size - len(head) - 50)).encode()
    half = (size - len(head) - 300) // 2
    parts = f"--b\r\n{plain}{text(half)}\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{text(half)}</p>\r\n--b--\r\n"
    return f'{head}Content-Type: multipart/alternative; boundary="b"\r\n\r\n{parts}'.encode()


class Load:
    """A connection that sends octets and reads to the tagged response, in large blocks that it does not look at."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._buffer = bytearray(1 << 20)
        self._view = memoryview(self._buffer)
        self._count = 0
        self.received = 0
        """Octets of the last answer."""
        client = imap_clients.opened(target.port)
        client.login(target.user, target.password)
        self.wire: socket.socket = client.wire
        self.wire.settimeout(600)

    def run(self, command: str, keep: bool = False) -> bytes:
        """Give a command and read to its end; what was read last, or all of it. Refused."""
        self._count += 1
        tag = b"zz%d" % self._count
        self.wire.sendall(b"%b %b\r\n" % (tag, command.encode()))
        return self.finish(tag, keep=keep)

    def append(self, mailbox: str, messages: list[bytes]) -> None:
        """One APPEND, of several messages if there are several."""
        self._count += 1
        tag = b"zz%d" % self._count
        parts = [b"%b APPEND %b" % (tag, mailbox.encode())]
        parts += [b" {%d+}\r\n%b" % (len(each), each) for each in messages]
        self.wire.sendall(b"".join((*parts, b"\r\n")))
        self.finish(tag)

    def append_pipelined(self, mailbox: str, messages: list[bytes]) -> None:
        """Many APPENDs that are sent without waiting."""
        parts = []
        for each in messages:
            self._count += 1
            parts.append(b"zz%d APPEND %b {%d+}\r\n%b\r\n" % (self._count, mailbox.encode(), len(each), each))
        self.wire.sendall(b"".join(parts))
        self.finish(b"zz%d" % self._count)

    def finish(self, tag: bytes, *, keep: bool = False) -> bytes:
        """Read to a tagged response."""
        mark, tail, kept = b"\n" + tag + b" ", b"\n", bytearray()
        self.received = 0
        while True:
            size = self.wire.recv_into(self._view)
            if not size:
                raise imap_clients.Closed(tail.decode(errors="replace"))
            self.received += size
            if keep:
                kept += self._view[:size]
            tail = (tail + bytes(self._view[max(0, size - 1000) : size]))[-2000:]
            if tail.endswith(b"\r\n") and (at := tail.rfind(mark)) >= 0:
                status = tail[at + len(mark) :]
                if not status.startswith(b"OK"):
                    raise imap_clients.Refused(status.decode(errors="replace"))
                return bytes(kept) or tail

    def count(self, mailbox: str) -> int:
        """How many messages a mailbox has."""
        found = re.search(rb"MESSAGES (\d+)", self.run(f"STATUS {mailbox} (MESSAGES)"))
        assert found is not None
        return int(found[1])

    def close(self) -> None:
        """Close the connection."""
        self.wire.close()


def fill(target: Target, mailbox: str, count: int) -> float:
    """Bring a new mailbox to so many messages; how many a second."""
    load = Load(target)
    load.run(f"CREATE {mailbox}")
    began = time.perf_counter()
    for first in range(0, count, 100):
        load.append(mailbox, [message(number) for number in range(first, min(first + 100, count))])
    took = time.perf_counter() - began
    assert load.count(mailbox) == count
    load.close()
    return count / took


def processes(root: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(") ")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found = [root]
    for each in found:
        found += children.get(each, [])
    return found


def cpu(root: int) -> float:
    """Seconds of CPU that a server's processes have used, those that have ended included."""
    total = 0
    for pid in processes(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / TICK


def memory(root: int) -> int:
    """KiB of memory that a server's processes hold, pages that are shared split fairly."""
    total = 0
    for pid in processes(root):
        try:
            found = re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        except OSError:
            continue
        total += int(found[1]) if found else 0
    return total
