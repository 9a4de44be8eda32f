"""Real servers for tests: started once a run, shared by all xdist workers, always stopped.

A server is a context manager function `running(directory)` at the top level of a module: it starts the server with its
data below `directory`, yields a flat dict of strings (what a client needs to know), and stops it. `shared(root,
running)` gives that dict in any number of processes; the function itself runs in one keeper process.

What keeps it honest is file locks, which the kernel drops however a process ends. Every user holds `users` shared; the
keeper waits until it gets `users` alone, then stops the server and ends, so a run that is interrupted or killed leaves
nothing behind. The keeper holds `alive`; when it died, the next user starts another. Children started by `child` die
with the keeper.

A session fixture for a server is three lines:

    @pytest.fixture(scope="session")
    def postgres(tmp_path_factory):
        with shared_server.shared(shared_server.run_root(tmp_path_factory), postgres_server.running) as facts:
            yield Postgres(**facts)
"""

import ctypes
import fcntl
import importlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Final, Protocol

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
"""The top of the repository: keepers run here, so that `tests.kit` can be imported."""

Running = Callable[[Path], AbstractContextManager[Mapping[str, str]]]
PR_SET_PDEATHSIG: Final = 1
FIRST_PORT: Final = 12_000
LAST_PORT: Final = 32_000


class Polled(Protocol):
    """A process that runs; `subprocess.Popen` is one."""

    pid: int

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""


class StartFailed(Exception):
    """The server did not start; the text is the end of the keeper's log."""


def run_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The temporary directory that all xdist workers of this run have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@contextmanager
def shared(root: Path, running: Running) -> Iterator[dict[str, str]]:
    """Give what `running` yields, starting it in a keeper process unless another process of this run has done so.

    `root` is a directory common to all users. Raises StartFailed.
    """
    name = f"{running.__module__}:{running.__name__}"
    directory = root / name.replace(":", ".")
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "users").open("w") as users, (directory / "gate").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)  # one starter at a time
        fcntl.flock(users, fcntl.LOCK_SH)  # waits for a keeper that is stopping
        facts = facts_of_living_keeper(directory) or start_keeper(name, directory)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield facts


def facts_of_living_keeper(directory: Path) -> dict[str, str] | None:
    """What a running keeper wrote, or None when there is none or it died."""
    with (directory / "alive").open("w") as alive:
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            facts: dict[str, str] = json.loads((directory / "facts.json").read_text())
            return facts
    return None


def start_keeper(name: str, directory: Path) -> dict[str, str]:
    """Start a keeper and wait until its server is ready."""
    log = directory / "keeper.log"
    with log.open("ab") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.kit.shared_server", name, str(directory)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for pytest; the keeper sees that its users are gone
        )
    assert keeper.stdout is not None
    with keeper.stdout:
        line = keeper.stdout.readline()
    keeper.returncode = 0  # it outlives this process: nobody waits for it, and Popen shall not warn
    if not line:
        raise StartFailed(f"{name} did not start:\n{log.read_text(errors='replace')[-4000:]}")
    facts: dict[str, str] = json.loads(line)
    return facts


def keep(running: Running, directory: Path, ready: IO[str]) -> None:
    """Run the server until nobody holds `users` any more. Runs in the keeper process."""
    # `alive` is closed before `users`: who gets `users` sees that this keeper is gone
    with (directory / "users").open("w") as users, (directory / "alive").open("w") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        data = directory / f"data-{os.getpid()}"
        data.mkdir()
        with running(data) as facts:
            (directory / "facts.json").write_text(json.dumps(dict(facts)))
            ready.write(json.dumps(dict(facts)) + "\n")
            ready.close()
            fcntl.flock(users, fcntl.LOCK_EX)  # granted when the last user is gone
        shutil.rmtree(data, ignore_errors=True)


@contextmanager
def child(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server process that dies with this one; its output goes to `log`. SIGTERM at the end, SIGKILL after 5 s."""

    def die_with_parent() -> None:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_ports(count: int) -> list[int]:
    """Loopback TCP ports that were free a moment ago, all different.

    They lie below those that the system gives to connections, which may be many while the server that takes one starts.
    """
    found: dict[int, socket.socket] = {}
    while len(found) < count:
        port = secrets.choice(range(FIRST_PORT, LAST_PORT))
        with suppress(OSError):
            found[port] = socket.create_server(("127.0.0.1", port))
    for each in found.values():
        each.close()
    return list(found)


def wait_for_port(port: int, process: Polled, seconds: float = 30) -> None:
    """Wait until something listens on a loopback port. Raises StartFailed when the process ends or time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartFailed(f"process {process.pid} ended with {process.poll()}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)  # another process: there is no event to wait for
    raise StartFailed(f"nothing listens on port {port} after {seconds} s")


def main() -> None:
    """The keeper: `python -m tests.kit.shared_server module:function directory`."""

    def stop(*_: object) -> None:
        sys.exit(0)  # unwinds `keep`, which stops the server

    signal.signal(signal.SIGTERM, stop)
    module, _, function = sys.argv[1].partition(":")
    ready = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a server prints by accident is log, not facts
    keep(getattr(importlib.import_module(module), function), Path(sys.argv[2]), ready)


if __name__ == "__main__":
    main()
