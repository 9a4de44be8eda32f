"""A real server is killed with SIGKILL while clients change mailboxes: all that it acknowledged is there, and nothing in part."""

import re
import subprocess
import sys

from tests.kit import shared_server

POINTS = 2
LEAST = 60
"""Commands that are acknowledged before each kill."""
LIMIT = 120.0
"""Seconds; the machine may be busy with other tests."""


def test_nothing_that_was_acknowledged_is_lost() -> None:
    command = [sys.executable, "-m", "bench.imap_crash", "--points", str(POINTS), "--least", str(LEAST)]
    done = subprocess.run(command, cwd=shared_server.ROOT, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    found = re.match(r"kills: (\d+); acknowledged: (\d+) .*; wrong: (\d+)\n", done.stdout)
    assert found is not None, done.stdout
    kills, acknowledged, wrong = map(int, found.groups())
    assert kills == POINTS
    assert acknowledged >= POINTS * LEAST
    assert wrong == 0
