"""A raw SMTP connection for tests that send what no library would."""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

PATIENCE: Final = 20.0
"""Seconds until a reply has to be there."""


class Wire:
    """Bytes out, whole replies in."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._received = b""

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def reply(self) -> str:
        """The next reply, all its lines; empty at the end of the connection."""
        while (match := re.match(rb"(?:\d{3}-[^\n]*\n)*\d{3}[ \r][^\n]*\n", self._received)) is None:
            try:
                data = self._socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                return ""
            self._received += data
        self._received = self._received[match.end() :]
        return match[0].decode()

    def ask(self, line: bytes) -> str:
        """Send a command and wait for its reply."""
        self.send(line + b"\r\n")
        return self.reply()

    def begin(self, sender: bytes, recipient: bytes) -> None:
        """Go on until the server waits for content."""
        for line, code in (
            (b"MAIL FROM:<" + sender + b">", "250"),
            (b"RCPT TO:<" + recipient + b">", "250"),
            (b"DATA", "354"),
        ):
            assert self.ask(line).startswith(code)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Begin TLS; nothing that was received before counts."""
        self._socket = context.wrap_socket(self._socket, server_hostname=name)
        self._received = b""


@contextmanager
def opened(port: int, first: bytes = b"", hello: bytes = b"EHLO client.example") -> Iterator[Wire]:
    """A connection to a port of 127.0.0.1 that has been greeted, and has said hello unless that is empty."""
    with closing(Wire(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))) as wire:
        wire.send(first)
        assert wire.reply().startswith("220")
        if hello:
            assert wire.ask(hello).startswith("250")
        yield wire
