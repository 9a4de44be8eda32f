"""Many sessions of IMAP at once never disagree with the model of what each must believe, nor with each other.

`python -m bench.imap_stress` runs the same for as long as one likes.
"""

import re
import subprocess
import sys

import pytest

from tests.kit import dovecot, postgres, shared_server

COMMANDS = 600
LIMIT = 280.0
"""Seconds; the machine may be busy with other tests."""


@pytest.mark.parametrize("kind", ["mox", "mox-postgres", "mox-postgres-s3", "dovecot"])
def test_sessions_agree(kind: str) -> None:
    if kind == "dovecot":
        dovecot.needed()
    elif kind != "mox":
        postgres.needed()
    command = [
        sys.executable,
        "-m",
        "bench.imap_stress",
        "--kind",
        kind,
        "--commands",
        str(COMMANDS),
        "--between",
        "1000",
    ]
    done = subprocess.run(command, cwd=shared_server.ROOT, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-4000:]
    found = re.search(r"^disagreements: (\d+)", done.stdout, re.MULTILINE)
    assert found is not None
    assert found[1] == "0"
    given = re.search(r": (\d+) commands in ", done.stdout)
    assert given is not None
    assert int(given[1]) >= COMMANDS
