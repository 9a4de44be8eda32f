"""A load of SMTP for measurements: `python -m bench.smtp_load PORT [options]`; prints JSON with messages and seconds.

Threads send for some seconds, each on a connection of its own: kept open, or a new one for each message. Messages come
from one sender or each from another, signed ones are taken as they are from files.
"""

import argparse
import base64
import itertools
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LINE: Final = b"The quick brown fox jumps over the lazy dog, again and again.\r\n"
TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, and to whom."""

    port: int
    recipient: str
    size: int
    spread: bool
    keep: bool
    login: str
    password: str
    message: bytes
    sender: str

    def content(self, number: int) -> tuple[str, bytes]:
        """Sender and message, its dots stuffed."""
        if self.message:
            return self.sender, self.message
        sender = f"user{number % 500}@sender{number}.example" if self.spread else self.sender
        header = (
            f"From: <{sender}>\r\nTo: <{self.recipient}>\r\nSubject: measured {number}\r\n"
            f"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}.{time.time_ns()}@{sender.partition('@')[2]}>\r\n\r\n"
        ).encode()
        return sender, header + LINE * max(1, (self.size - len(header)) // len(LINE))


class Connection:
    """A client that asks for little."""

    def __init__(self, load: Load, number: int) -> None:
        source = f"127.{number // 60 % 250 + 1}.{number % 60 * 4}.{number % 250 + 1}" if load.spread else "127.0.0.1"
        wire = socket.create_connection(("127.0.0.1", load.port), timeout=120, source_address=(source, 0))
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire: socket.socket = wire
        self._rest = b""
        if load.login:
            self._wire = TLS.wrap_socket(wire)
        self._expect(1)
        self._say(b"EHLO client.example\r\n", 1)
        if load.login:
            token = base64.b64encode(f"\0{load.login}\0{load.password}".encode())
            self._say(b"AUTH PLAIN " + token + b"\r\n", 1)

    def send(self, sender: str, recipient: str, content: bytes) -> None:
        """One message."""
        self._say(f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode(), 3)
        self._say(content + b".\r\n", 1)

    def close(self) -> None:
        """Say goodbye."""
        self._say(b"QUIT\r\n", 1)
        self._wire.close()

    def _say(self, data: bytes, replies: int) -> None:
        self._wire.sendall(data)
        self._expect(replies)

    def _expect(self, replies: int) -> None:
        while replies:
            while b"\n" not in self._rest:
                data = self._wire.recv(65536)
                if not data:
                    raise ConnectionError("the server closed the connection")
                self._rest += data
            line, _, self._rest = self._rest.partition(b"\n")
            if line[3:4] == b"-":
                continue
            if line[:1] not in b"23":
                raise RuntimeError(line.decode("latin-1"))
            replies -= 1


def run(load: Load, connections: int, seconds: float) -> dict[str, float]:
    """Send and count. RuntimeError with the reply when anything is refused."""
    numbers = itertools.count()
    counts = [0] * connections
    latencies: list[float] = []
    errors: list[BaseException] = []
    ends = time.perf_counter() + seconds

    def work(slot: int) -> None:
        connection: Connection | None = None
        try:
            while time.perf_counter() < ends:
                number = next(numbers)
                began = time.perf_counter()
                connection = connection or Connection(load, number)
                sender, content = load.content(number)
                connection.send(sender, load.recipient, content)
                if not load.keep:
                    connection.close()
                    connection = None
                counts[slot] += 1
                latencies.append(time.perf_counter() - began)
            if connection is not None:
                connection.close()
        except (OSError, RuntimeError) as error:
            errors.append(error)

    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=(slot,)) for slot in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if errors:
        raise RuntimeError(f"{len(errors)} connections failed, the first: {errors[0]}")
    latencies.sort()
    p99 = latencies[int(len(latencies) * 0.99)] if latencies else 0.0
    return {"messages": sum(counts), "seconds": took, "p99": p99}


def main() -> None:
    """Parse arguments and send."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--recipient", required=True)
    parser.add_argument("--sender", default="a@sender.example")
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--spread", action="store_true", help="each message from another address, sender and domain")
    parser.add_argument("--keep", action="store_true", help="many messages on a connection")
    parser.add_argument(
        "--login", default="", help="log in with AUTH PLAIN in TLS; the password is the first line of input"
    )
    parser.add_argument("--message", type=Path, help="a file with the message, instead of one made up")
    given = parser.parse_args()
    load = Load(
        port=given.port,
        recipient=given.recipient,
        size=given.size,
        spread=given.spread,
        keep=given.keep,
        login=given.login,
        password=input() if given.login else "",
        message=given.message.read_bytes() if given.message else b"",
        sender=given.sender,
    )
    print(json.dumps(run(load, given.connections, given.seconds)))


if __name__ == "__main__":
    main()
