"""The keeper of shared servers: one server for all users, none left when they are gone, however they went."""

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit import echo_server, shared_server

USER = """
import sys
from pathlib import Path
from tests.kit import echo_server, shared_server
with shared_server.shared(Path(sys.argv[1]), echo_server.running) as facts:
    print(facts["port"], flush=True)
    sys.stdin.read()
"""


def start_user(root: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(root)],
        cwd=shared_server.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def port_of(user: "subprocess.Popen[str]") -> int:
    assert user.stdout is not None
    return int(user.stdout.readline())


def echoes(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"hello")
        return connection.recv(100) == b"hello"


def wait_until_gone(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ready, _, _ = select.select([descriptor], [], [], 20)
    os.close(descriptor)
    assert ready, f"process {pid} still runs"


def test_processes_share_one_server(tmp_path: Path) -> None:
    with start_user(tmp_path) as first, start_user(tmp_path) as second:
        port = port_of(first)
        assert port_of(second) == port
        first.communicate()
        assert echoes(port)
        second.communicate()


def test_server_stops_when_its_last_user_is_killed(tmp_path: Path) -> None:
    with start_user(tmp_path) as user:
        port = port_of(user)
        with shared_server.shared(tmp_path, echo_server.running) as facts:
            pid = int(facts["pid"])
            assert echoes(port)
        user.kill()
    wait_until_gone(pid)


def test_server_is_started_again_after_its_keeper_died(tmp_path: Path) -> None:
    with shared_server.shared(tmp_path, echo_server.running) as facts:
        server = int(facts["pid"])
        keeper = int(Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(keeper, signal.SIGKILL)
        wait_until_gone(server)
        with shared_server.shared(tmp_path, echo_server.running) as again:
            assert echoes(int(again["port"]))


def test_server_that_cannot_start_tells_why(tmp_path: Path) -> None:
    with (
        pytest.raises(shared_server.StartFailed, match="nothing can run in"),
        shared_server.shared(tmp_path, echo_server.failing),
    ):
        pass
