"""Wake-ups between the processes that share a Postgres database: NOTIFY, on connections of its own.

A NOTIFY inside the writing transactions would serialise all commits of the server; here accounts touched within 3 ms
go out together, from a connection that does not wait for the disk. A wake-up that is lost, as when the connection was
away, costs its waiters the five seconds until the next comparison with the database, which this thread also runs: one
query for all that is watched.
"""

import os
import re
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import psycopg

from storage_backends.errors import StorageError
from storage_backends.index import marks
from storage_backends.index.api import AccountId, ModSeq
from storage_backends.index.postgres_connection import (
    Again,
    Connection,
    Connector,
    Lost,
    close,
)
from storage_backends.index.postgres_transaction import PostgresTransaction
from storage_backends.index.postgres_wire import Asked, Wire

GATHER_SECONDS: Final = 0.003
COMPARE_SECONDS: Final = 5.0
CHANNEL: Final = "mox_trio"
NOTIFY: Final = "SELECT pg_notify(%(channel)s, %(payload)s)"
PAIR: Final = re.compile(r"\b([0-9]{1,19}):([0-9]{1,19})\b")
PAIRS: Final = 150
"""Accounts in one notification, whose payload has 8,000 bytes at most."""

Heard = Callable[[marks.Marks], None]
Compared = Callable[[list[AccountId], marks.Marks], None]


class NotifyWakes:
    """The thread, its two connections and what is to be sent."""

    def __init__(
        self, connector: Connector, watched: Callable[[], list[AccountId]], heard: Heard, compared: Compared
    ) -> None:
        self._connector = connector
        self._watched = watched
        self._heard = heard
        self._compared = compared
        self._listening: Connection | None = None
        self._sending: Wire | None = None
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._outbox: dict[AccountId, ModSeq] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._connect()
        self._thread = threading.Thread(target=self._loop, name="index-wakes", daemon=True)
        self._thread.start()

    def tell(self, touched: marks.Marks) -> None:
        """From a writer, after a commit: let the other processes know soon."""
        if not touched:
            return
        with self._lock:
            ring = not self._outbox
            self._outbox.update(touched)
        if ring:
            os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """Send what waits and end the thread. Blocks."""
        self._closing = True
        os.eventfd_write(self._bell, 1)
        self._thread.join()
        os.close(self._bell)

    def _loop(self) -> None:
        compare_at = time.monotonic() + COMPARE_SECONDS
        while not self._closing:
            inbox = -1 if self._listening is None else self._listening.fileno()
            waiting = select.poll()  # select() knows no descriptors from 1024
            waiting.register(self._bell, select.POLLIN)
            if inbox >= 0:
                waiting.register(inbox, select.POLLIN)
            ready = dict(waiting.poll(max(0.0, compare_at - time.monotonic()) * 1000))
            try:
                if self._bell in ready:
                    self._send()
                if inbox in ready:
                    self._receive()
                if time.monotonic() >= compare_at:
                    compare_at = time.monotonic() + COMPARE_SECONDS
                    self._connect()
                    self._compare()
            except (psycopg.Error, StorageError, Again, Lost):
                self._disconnect()
        self._disconnect()

    def _receive(self) -> None:
        if self._listening is None:
            return
        mine = self._sending.backend if self._sending is not None else 0
        touched: dict[AccountId, ModSeq] = {}
        for notification in self._listening.notifies(timeout=0):
            if notification.pid != mine:
                touched.update(_unpacked(notification.payload))
        self._heard(touched)

    def _send(self) -> None:
        if not self._closing:
            time.sleep(GATHER_SECONDS)  # more commits come meanwhile
        os.eventfd_read(self._bell)
        with self._lock:
            touched, self._outbox = self._outbox, {}
        if self._sending is None:
            return  # the others compare by themselves
        packed = [f"{account}:{modseq}" for account, modseq in touched.items()]
        for start in range(0, len(packed), PAIRS):
            payload = ",".join(packed[start : start + PAIRS])
            self._sending.converse((Asked(NOTIFY, {"channel": CHANNEL, "payload": payload}),))

    def _connect(self) -> None:
        with suppress(StorageError):
            self._sending = self._sending or self._connector.wire(synchronous_commit="off")
            if self._listening is None:
                self._listening = self._connector.connect()
                self._listening.execute(f"LISTEN {CHANNEL}")

    def _disconnect(self) -> None:
        close(self._listening)
        if self._sending is not None:
            self._sending.close()
        self._listening = self._sending = None

    def _compare(self) -> None:
        watched = self._watched()
        if watched and self._sending is not None:
            self._compared(watched, marks.current(PostgresTransaction(self._sending), watched))


def _unpacked(payload: str) -> dict[AccountId, ModSeq]:
    """What is not ours is left out: anybody may notify on a channel."""
    return {AccountId(int(match[1])): ModSeq(int(match[2])) for match in PAIR.finditer(payload)}
