"""The program, run by tests: commands in the process of the test, servers as processes of their own that start fast.

`run` calls the command line as the console script does, in a thread: a test of trio may call it too, and waits meanwhile.

`started` gives a server as a real process, with its own memory, log and signals, that can be killed. Within pytest it is forked
from one that has imported the program before, because a start is mostly that, and a run of all tests has a hundred of them;
elsewhere the console script is started. Tests of the console script itself start it: tests/app/test_serve.py where systemd gives
it an environment, tests/cli/test_readme.py and test_sendmail.py.
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Final, Protocol

from click.testing import CliRunner, Result

from mox_trio.cli import main
from tests.kit import shared_server

PROGRAM: Final = Path(sys.executable).with_name("mox-trio")
FORKING: Final = "MOX_TRIO_TESTS_FORK"
"""In the environment where servers are forked; tests/conftest.py sets it."""
IMPORTED: Final = (
    "__main__",
    "mox_trio.cli.commands.serve",
    "mox_trio.cli.commands.localserve",
    "storage_backends.index.sqlite",
    "webui.mail.application",
    "webui.webapi.application",
    "tests.kit.programs",
)
"""Before any server is forked."""
GOING: Final = 5.0
"""Seconds after SIGTERM until SIGKILL."""


class Process(Protocol):
    """A server that runs; `subprocess.Popen` is one."""

    pid: int

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it is there. subprocess.TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """To a process that runs."""

    def kill(self) -> None:
        """SIGKILL."""


class Forked:
    """A process that was forked, as `subprocess.Popen` shows one."""

    def __init__(self, process: ForkServerProcess) -> None:
        process.start()
        assert process.pid is not None
        self.pid = process.pid
        self._process = process

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it is there. subprocess.TimeoutExpired."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("mox-trio", timeout or 0)
        return code

    def send_signal(self, sig: int) -> None:
        """To a process that runs."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def run(*arguments: str, code: int = 0, stdin: str = "") -> str:
    """Run a command; what it prints on standard output. Its exit code must be `code`."""
    results: list[Result] = []
    thread = threading.Thread(target=lambda: results.append(CliRunner().invoke(main.cli, arguments, input=stdin)))
    thread.start()
    thread.join()
    (result,) = results
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


@contextmanager
def started(arguments: Sequence[str], log: Path) -> Iterator[Process]:
    """Run a server until the block ends; its output is added to `log`. It dies with this process."""
    with _forked(arguments, log) if FORKING in os.environ else _popen(arguments, log) as process:
        yield process


def _popen(arguments: Sequence[str], log: Path) -> AbstractContextManager[Process]:
    return shared_server.child([str(PROGRAM), *arguments], log)


@contextmanager
def _forked(arguments: Sequence[str], log: Path) -> Iterator[Process]:
    log.touch()
    process = Forked(_server().Process(target=_serve, args=(list(arguments), str(log))))
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GOING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@cache
def _server() -> ForkServerContext:
    """One a process; it ends with it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    return context


def _serve(arguments: list[str], log: str) -> None:
    """In the process that was forked: what the console script does."""
    ctypes.CDLL(None).prctl(shared_server.PR_SET_PDEATHSIG, signal.SIGKILL)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(shared_server.ROOT)
    sys.argv = [str(PROGRAM), *arguments]
    main.main()
