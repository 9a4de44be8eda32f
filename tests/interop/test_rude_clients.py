"""Clients that go away without a word, or never were of SMTP: each costs its own connection and nothing else."""

import socket
import struct

import pytest

from tests.interop import wire
from tests.kit import served
from tests.kit.served import Site

TO = served.address("other").encode()
ENVELOPE = b"EHLO c.example\r\nMAIL FROM:<ann@lenient.example>\r\nRCPT TO:<" + TO + b">\r\n"
LAST = {
    "nothing": b"",
    "half a command": b"EHL",
    "a transaction": ENVELOPE,
    "half a message": ENVELOPE + b"DATA\r\nSubject: half\r\n\r\nabc",
    "half an end": ENVELOPE + b"DATA\r\nSubject: half\r\n\r\nabc\r\n.",
    "half a chunk": ENVELOPE + b"BDAT 1000 LAST\r\nSubject: half\r\n",
    "a message and no wait": ENVELOPE + b"DATA\r\nFrom: <a@lenient.example>\r\nSubject: no wait\r\n\r\nx\r\n.\r\n",
    "TLS that does not begin": b"EHLO c.example\r\nSTARTTLS\r\n",
    "HTTP": b"GET / HTTP/1.1\r\nHost: mail.here.example\r\n\r\n",
    "TLS where there is none": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
    "bytes": bytes(range(256)) * 300,
}


@pytest.mark.parametrize("port", ["smtp", "lmtp", "submission", "submissions", "proxied"])
@pytest.mark.parametrize("how", ["end", "reset"])
def test_who_goes_away_in_the_middle_is_forgotten(site: Site, port: str, how: str) -> None:
    for last in LAST.values():
        with socket.create_connection(("127.0.0.1", getattr(site, port)), timeout=wire.PATIENCE) as client:
            if how == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                client.sendall(last)
                if how == "end":
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):
                        pass
            except OSError:
                continue  # the server closed first
    with wire.opened(site.smtp) as polite:
        assert polite.ask(b"NOOP").startswith("250")
    assert not any(b"Subject: half" in mail for mail in site.mails("other", 0))


def test_many_who_say_nothing_keep_nobody_out(site: Site) -> None:
    silent = [socket.create_connection(("127.0.0.1", site.smtp), timeout=wire.PATIENCE) for _ in range(300)]
    try:
        with wire.opened(site.smtp) as client:
            assert client.ask(b"MAIL FROM:<ann@lenient.example>").startswith("250")
            assert client.ask(b"RCPT TO:<" + TO + b">").startswith("250")
    finally:
        for each in silent:
            each.close()
