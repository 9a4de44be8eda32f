"""Wake-ups between the processes that share a SQLite database, as datagrams on local sockets.

Each process has a socket in the directory beside the database (mode 0700: who can send can read the rows anyway). It
greets the others when it comes, so all know each other; a socket that nobody holds any more is removed by who finds it.
Accounts touched within 3 ms go out together. A lost datagram (a slow process, a full queue) costs its waiters the five
seconds until the next comparison with the database, which this thread also runs: one query for all that is watched.
"""

import os
import secrets
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from storage_backends.errors import Unavailable
from storage_backends.index.api import AccountId, ModSeq
from storage_backends.index.marks import Marks

GATHER_SECONDS: Final = 0.003
COMPARE_SECONDS: Final = 5.0
PAIR: Final = struct.Struct("=qq")
PAIRS: Final = 500
"""Accounts in one datagram."""
GREETING: Final = b"hello"


def directory_of(path: Path) -> Path:
    """The directory of the turns and sockets beside the database, made when it is not there. Unavailable."""
    directory = path.with_name(path.name + "-wake")
    try:
        with suppress(FileExistsError):
            os.mkdir(directory, 0o700)
    except OSError as error:
        raise Unavailable(f"cannot make {directory}: {error.strerror}") from error
    return directory


class LocalWakes:
    """The thread, its socket and what is to be sent."""

    def __init__(self, directory: Path, heard: Callable[[Marks], None], compare: Callable[[], None]) -> None:
        self._heard = heard
        self._compare = compare
        # A socket's path has 107 bytes at most; through the descriptor any directory is near.
        self._directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}.sock"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(self._address(self._name))
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._outbox: dict[AccountId, ModSeq] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._peers = {name for name in os.listdir(self._directory) if name.endswith(".sock")} - {self._name}
        self._send(GREETING + self._name.encode())
        self._thread = threading.Thread(target=self._loop, name="index-wakes", daemon=True)
        self._thread.start()

    def tell(self, marks: Marks) -> None:
        """From the writer, after a commit: let the other processes know soon."""
        if not self._peers or not marks:
            return
        with self._lock:
            ring = not self._outbox
            self._outbox.update(marks)
        if ring:
            os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """Send what waits and end the thread. Blocks."""
        self._closing = True
        os.eventfd_write(self._bell, 1)
        self._thread.join()
        with suppress(FileNotFoundError):
            os.unlink(self._name, dir_fd=self._directory)
        self._socket.close()
        os.close(self._bell)
        os.close(self._directory)

    def _loop(self) -> None:
        inbox = self._socket.fileno()
        waiting = select.poll()  # select() knows no descriptors from 1024
        waiting.register(inbox, select.POLLIN)
        waiting.register(self._bell, select.POLLIN)
        compare_at = time.monotonic() + COMPARE_SECONDS
        while not self._closing:
            ready = dict(waiting.poll(max(0.0, compare_at - time.monotonic()) * 1000))
            if inbox in ready:
                self._receive()
            if self._bell in ready:
                if not self._closing:
                    time.sleep(GATHER_SECONDS)  # more commits come meanwhile
                self._flush()
            if time.monotonic() >= compare_at:
                self._compare()
                compare_at = time.monotonic() + COMPARE_SECONDS

    def _receive(self) -> None:
        marks: dict[AccountId, ModSeq] = {}
        with suppress(BlockingIOError):
            while True:
                datagram = self._socket.recv(PAIR.size * PAIRS)
                if datagram.startswith(GREETING):
                    self._peers = self._peers | {os.path.basename(datagram[len(GREETING) :].decode(errors="replace"))}
                else:
                    marks.update(_pairs(datagram))
        if marks:
            self._heard(marks)

    def _flush(self) -> None:
        os.eventfd_read(self._bell)
        with self._lock:
            marks, self._outbox = self._outbox, {}
        packed = [PAIR.pack(account, modseq) for account, modseq in marks.items()]
        for start in range(0, len(packed), PAIRS):
            self._send(b"".join(packed[start : start + PAIRS]))

    def _send(self, datagram: bytes) -> None:
        for name in self._peers:
            try:
                self._socket.sendto(datagram, self._address(name))
            except (ConnectionRefusedError, FileNotFoundError):
                self._peers = self._peers - {name}
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self._directory)
            except OSError:
                continue  # its queue is full: it compares by itself

    def _address(self, name: str) -> str:
        return f"/proc/self/fd/{self._directory}/{name}"


def _pairs(datagram: bytes) -> Iterator[tuple[AccountId, ModSeq]]:
    whole = len(datagram) - len(datagram) % PAIR.size
    for account, modseq in PAIR.iter_unpack(datagram[:whole]):
        yield AccountId(account), ModSeq(modseq)
