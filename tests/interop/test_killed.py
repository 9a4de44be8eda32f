"""A real server is killed with SIGKILL while mail comes and goes: what it acknowledged is there after it starts again."""

import re
import subprocess
import sys

from tests.kit import shared_server

POINTS = 2
LEAST = 10
"""Messages that are acknowledged before each kill, in and out."""
LIMIT = 90.0
"""Seconds; the machine may be busy with other tests."""


def test_nothing_that_was_acknowledged_is_lost() -> None:
    command = [sys.executable, "-m", "bench.smtp_crash", "--points", str(POINTS), "--least", str(LEAST)]
    done = subprocess.run(command, cwd=shared_server.ROOT, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    found = re.match(
        r"kills: (\d+); acknowledged in: (\d+), out: (\d+)\nlost in: (\d+),.*\nlost out: (\d+),.*outside the window: (\d+)\n",
        done.stdout,
    )
    assert found is not None, done.stdout
    kills, came, went, *wrong = map(int, found.groups())
    assert kills == POINTS
    assert min(came, went) >= POINTS * LEAST
    assert wrong == [0, 0, 0]
