"""Two processes on one Postgres and one bucket serve the same account.

What one takes, the IDLE and the webmail of the other show; when one is killed, nothing that either acknowledged is lost.
"""

import os
import signal
import smtplib
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import trio

from tests.kit import imap_clients, imap_served, postgres
from tests.kit.imap_served import DOMAIN, PASSWORD, USERS, Node
from tests.kit.s3 import S3Server
from tests.webui.mail import talking

TO = f"{USERS[0]}@{DOMAIN}"
BEFORE = 25
"""Messages that are acknowledged before the kill."""
AFTER = 10


def message(subject: str) -> bytes:
    return f"From: <ann@far.example>\r\nTo: <{TO}>\r\nSubject: {subject}\r\n\r\n{'text ' * 200}\r\n".encode()


@pytest.fixture(scope="module")
def two(postgres_server: str, moto: S3Server) -> Iterator[list[Node]]:
    """Both run. The last test kills the first."""
    with (
        postgres.database(postgres_server) as conninfo,
        imap_served.two_prepared(conninfo, moto, web=True) as nodes,
        ExitStack() as stack,
    ):
        yield [stack.enter_context(imap_served.serving(node)) for node in nodes]


class Sender:
    """Sends to a node, one message after the other, and knows what was acknowledged."""

    def __init__(self, node: Node, name: str) -> None:
        self.acknowledged: set[str] = set()
        self.enough = threading.Event()
        self.stopped = threading.Event()
        self._node = node
        self._name = name
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def stop(self) -> None:
        self.stopped.set()
        self._thread.join()

    def _send(self) -> None:
        number = 0
        try:
            with smtplib.LMTP("127.0.0.1", self._node.lmtp) as client:
                while not self.stopped.is_set():
                    subject = f"{self._name}.{number}"
                    client.sendmail("ann@far.example", [TO], message(subject))
                    self.acknowledged.add(subject)
                    number += 1
                    if number >= BEFORE:
                        self.enough.set()
        except (OSError, smtplib.SMTPException):
            return


def subjects(node: Node) -> list[str]:
    """Of the Inbox, as an IMAP client reads it."""
    with imap_clients.connect(node.port) as client:
        client.login(TO, PASSWORD)
        client.ok("SELECT Inbox")
        answer = client.ok("FETCH 1:* (ENVELOPE)")
        found = []
        for items in answer.fetched().values():
            envelope = items[b"ENVELOPE"]
            assert isinstance(envelope, tuple)
            assert isinstance(envelope[1], bytes)
            found.append(envelope[1].decode())
        return found


async def test_what_one_takes_the_idle_and_the_webmail_of_the_other_show(two: list[Node]) -> None:
    one, other = two

    def idle() -> bytes:
        with imap_clients.connect(other.port) as client:
            client.login(TO, PASSWORD)
            client.ok("SELECT Inbox")
            client.idle()
            idling.set()
            return client.read().name

    idling = threading.Event()
    heard: list[bytes] = []

    async def idle_in_thread() -> None:
        heard.append(await trio.to_thread.run_sync(idle))

    async with talking.logged_in(other, PASSWORD, TO) as browser, browser.page() as page:
        await page.look(1, mailbox=page.box("inbox"), threads=False)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(idle_in_thread)
            await trio.to_thread.run_sync(idling.wait)
            await trio.to_thread.run_sync(one.deliver, message("from one to the other"))
        ops = (await page.hear("ops"))["ops"]
    assert heard == [b"EXISTS"]
    assert [op[2]["subject"] for op in ops if op[0] == "+"] == ["from one to the other"]


def test_one_is_killed_and_nothing_that_was_acknowledged_is_lost(two: list[Node]) -> None:
    one, other = two
    before = set(subjects(one))
    senders = [Sender(one, "one"), Sender(other, "other")]
    try:
        for sender in senders:
            assert sender.enough.wait(60)
        os.kill(one.pid, signal.SIGKILL)
        senders[0].stop()
        count = len(senders[1].acknowledged)
        while len(senders[1].acknowledged) < count + AFTER:  # the other goes on by itself
            assert senders[1].stopped.wait(0.01) is False
    finally:
        for sender in senders:
            sender.stop()
    found = subjects(other)
    acknowledged = senders[0].acknowledged | senders[1].acknowledged
    assert len(acknowledged) >= 2 * BEFORE + AFTER
    assert acknowledged - set(found) == set()
    assert len(found) == len(set(found))
    assert len(set(found) - before - acknowledged) <= 2  # at most one of each was taken and not answered for
