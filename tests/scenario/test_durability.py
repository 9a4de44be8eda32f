"""What a server acknowledged is in IMAP after it was killed: a kill of the measurement of that, on disk and encrypted."""

import subprocess
import sys

import pytest

from tests.kit import shared_server

LEAST = 15
"""Messages that are acknowledged before the kill."""
LIMIT = 120.0
"""Seconds; the machine may be busy with other tests."""


@pytest.mark.parametrize("storage", ["disk", "sealed"])
def test_nothing_is_lost_and_nothing_comes_twice(storage: str) -> None:
    command = [sys.executable, "-m", "bench.durability", "--kills", "1", "--least", str(LEAST), "--only", storage]
    done = subprocess.run(command, cwd=shared_server.ROOT, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    name, kills, acknowledged, lost, twice, *_ = done.stdout.splitlines()[1].split()
    assert (name, kills, lost, twice) == (storage, "1", "0", "0")
    assert int(acknowledged) >= LEAST
