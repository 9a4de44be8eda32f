"""What the queue of a real server sends to other hosts: aiosmtpd's server, and one that writes down every byte."""

import asyncio
import base64
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.interop import wire
from tests.kit import served
from tests.kit.served import Site
from tests.kit.stored import PATIENCE

FROM = served.address("sending")


def message(subject: str, to: str, body: str = "Hello.") -> bytes:
    return f"From: <{FROM}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()


def submit(site: Site, subject: str, *recipients: str) -> None:
    with site.user("sending") as client:
        client.sendmail(FROM, recipients, message(subject, recipients[0]))


# -- aiosmtpd


@dataclass
class Taking:
    """A handler of aiosmtpd that keeps what it takes."""

    refused: dict[str, str] = field(default_factory=dict)
    """Recipients and the reply to each, the first time."""
    taken: list[Envelope] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused.pop(address)
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.taken.append(envelope)
        self.came.set()
        return "250 taken"

    def next(self) -> Envelope:
        """The next message."""
        assert self.came.wait(PATIENCE)
        self.came.clear()
        return self.taken.pop(0)


@contextmanager
def taking(handler: Taking, host: str, port: int) -> Iterator[Taking]:
    controller: Any = Controller(handler, hostname=host, port=port, loop=asyncio.new_event_loop())
    controller.start()
    try:
        yield handler
    finally:
        controller.stop()


def test_aiosmtpd_takes_a_message_for_several_at_once(site: Site) -> None:
    with taking(Taking(), "127.0.0.1", site.sinks["taking"]) as sink:
        submit(site, "for three", *(f"{name}@taking.example" for name in "abc"))
        envelope = sink.next()
    assert envelope.mail_from == FROM
    assert envelope.rcpt_tos == ["a@taking.example", "b@taking.example", "c@taking.example"]
    assert isinstance(envelope.content, bytes)
    assert b"\r\nSubject: for three\r\n" in envelope.content


def test_who_is_told_to_wait_gets_it_when_it_is_scheduled_again(site: Site) -> None:
    first, second = "first@partly.example", "second@partly.example"
    with taking(Taking({second: "451 4.7.1 come again"}), "127.0.0.1", site.sinks["partly"]) as sink:
        submit(site, "greylisted", first, second)
        assert sink.next().rcpt_tos == [first]
        assert "come again" in site.logged("delivery settled", "event=retried", f"recipient=<{second}>")
        assert site.run("queue", "schedule", "--to", second)["changed"] == 1
        assert sink.next().rcpt_tos == [second]
    site.logged("delivery settled", "event=relayed", f"recipient=<{second}>")


def test_a_host_that_was_away_gets_it_when_it_is_back(site: Site) -> None:
    to = "you@away.example"
    submit(site, "while you were away", to)
    site.logged("delivery settled", "event=retried", f"recipient=<{to}>")
    assert site.run("queue", "hold", "--to", to)["changed"] == 1
    assert [row["state"] for row in site.ask("queue-list", recipient=to)] == ["held"]
    with taking(Taking(), "127.0.0.1", site.sinks["away"]) as sink:
        assert site.ask("queue-schedule", recipient=to)["changed"] == 1
        assert site.ask("queue-unhold", recipient=to)["changed"] == 1
        assert sink.next().rcpt_tos == [to]
    site.logged("delivery settled", "event=relayed", f"recipient=<{to}>")
    assert site.ask("queue-list", recipient=to) == []


def test_the_host_that_dns_names_is_found(site: Site) -> None:
    try:
        with taking(Taking(), site.direct, 25) as sink:
            submit(site, "by MX", "you@direct.example")
            assert sink.next().rcpt_tos == ["you@direct.example"]
    except PermissionError:
        pytest.skip("port 25 is for root")


# -- every byte


class Raw(socketserver.StreamRequestHandler):
    """Takes everything that ends with CRLF.CRLF, or comes in chunks, and keeps it as it came."""

    content: list[bytes]
    came: threading.Semaphore
    offers: bytes

    def handle(self) -> None:
        """One session."""
        self.wfile.write(b"220 raw\r\n")
        chunks = b""
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.wfile.write(b"250-raw\r\n" + self.offers + b"250 SIZE\r\n")
            elif verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self._keep(self._until_end())
            elif verb == b"BDAT":
                chunks += self.rfile.read(int(line.split()[1]))
                if b"LAST" in line.upper():
                    self._keep(chunks)
                else:
                    self.wfile.write(b"250 more\r\n")
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 fine\r\n")

    def _until_end(self) -> bytes:
        content = b"\r\n"
        while not content.endswith(b"\r\n.\r\n"):
            byte = self.rfile.read(1)
            assert byte
            content += byte
        return content[2:-3]

    def _keep(self, content: bytes) -> None:
        self.content.append(content)
        self.wfile.write(b"250 taken\r\n")
        self.came.release()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def raw(port: int, offers: bytes) -> Iterator[type[Raw]]:
    handler = type("Handler", (Raw,), {"content": [], "came": threading.Semaphore(0), "offers": offers})
    with Server(("127.0.0.1", port), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield handler
        server.shutdown()


BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
INSIDE = {
    "dots": b".\r\n..\r\n.dot\r\n\r\n.",
    "bare LF": b"one\ntwo\n.\nthree\n",
    "bare CR": b"one\rtwo\r.\rthree\r",
    "an end elsewhere": b"\n.\r\nMAIL FROM:<boss@here.example>\r\n\r.\r\n",
    "no end": b"no end of line",
}
"""Content by BDAT with BINARYMIME holds any bytes: what leaves must be one message for every server on its way."""


@pytest.mark.parametrize(("name", "offers"), [("raw", b"250-PIPELINING\r\n"), ("chunks", b"250-CHUNKING\r\n")])
def test_what_leaves_never_holds_a_bare_cr_or_lf(site: Site, name: str, offers: bytes) -> None:
    with raw(site.sinks[name], offers) as sink:
        for subject, inside in INSIDE.items():
            submit_binary(site, subject, inside, f"you@{name}.example")
            assert sink.came.acquire(timeout=PATIENCE), site.log[-3000:]
        contents = sink.content
    assert len(contents) == len(INSIDE)
    for content in contents:
        assert BARE.search(content) is None
        assert content.endswith(b"\r\n")
    if b"CHUNKING" not in offers:  # by DATA a line with a dot alone would be an end
        assert not any(b"\r\n.\r\n" in content for content in contents)


def submit_binary(site: Site, subject: str, inside: bytes, to: str) -> None:
    """By BDAT as BINARYMIME, which may hold what DATA may not."""
    head = f"From: <{FROM}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n"
    content = (head + "Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\n").encode() + inside
    token = base64.b64encode(f"\0{FROM}\0{served.PASSWORD}".encode())
    with wire.opened(site.submission) as client:
        assert client.ask(b"STARTTLS").startswith("220")
        client.start_tls(site.trusting(), "localhost")
        client.ask(b"EHLO client.example")
        assert client.ask(b"AUTH PLAIN " + token).startswith("235")
        assert client.ask(b"MAIL FROM:<" + FROM.encode() + b"> BODY=BINARYMIME").startswith("250")
        assert client.ask(b"RCPT TO:<" + to.encode() + b">").startswith("250")
        client.send(b"BDAT %d LAST\r\n" % len(content) + content)
        assert client.reply().startswith("250")
