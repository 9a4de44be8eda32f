"""What a server acknowledged is in IMAP after it was killed: a kill of the measurement of that, on an encrypted disk."""

import subprocess
import sys

from tests.kit import shared_server

STORAGE = "sealed"
LEAST = 15
"""Messages that are acknowledged before the kill."""
LIMIT = 120.0
"""Seconds; the machine may be busy with other tests."""


def test_nothing_is_lost_and_nothing_comes_twice() -> None:
    command = [sys.executable, "-m", "bench.durability", "--kills", "1", "--least", str(LEAST), "--only", STORAGE]
    done = subprocess.run(command, cwd=shared_server.ROOT, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    name, kills, acknowledged, lost, twice, *_ = done.stdout.splitlines()[1].split()
    assert (name, kills, lost, twice) == (STORAGE, "1", "0", "0")
    assert int(acknowledged) >= LEAST
