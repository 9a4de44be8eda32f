"""What systemd is told."""

import os
import socket
from pathlib import Path

import trio

from mox_trio.app import systemd
from mox_trio.app.systemd import Systemd


def listening(path: str) -> socket.socket:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(path)
    receiver.setblocking(False)
    return receiver


def test_facts_arrive_as_one_datagram(tmp_path: Path) -> None:
    with listening(str(tmp_path / "notify")) as receiver:
        Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify")}).say(systemd.READY, "STATUS=serving")
        assert receiver.recv(1000) == b"READY=1\nSTATUS=serving"


def test_a_name_may_be_abstract() -> None:
    name = f"mox-trio-test-{os.getpid()}"
    with listening("\0" + name) as receiver:
        Systemd({"NOTIFY_SOCKET": "@" + name}).say(systemd.STOPPING)
        assert receiver.recv(1000) == b"STOPPING=1"


def test_without_systemd_nothing_happens(tmp_path: Path) -> None:
    Systemd({}).say(systemd.READY)
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}).say(systemd.READY)


async def test_the_watchdog_hears_twice_as_often_as_it_asks(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    with listening(str(tmp_path / "notify")) as receiver:
        told = Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000000"})
        with trio.move_on_after(35):
            await told.keep_alive()
        assert [receiver.recv(100) for _ in range(4)] == [b"WATCHDOG=1"] * 4


async def test_a_watchdog_of_another_process_is_not_ours(autojump_clock: trio.testing.MockClock) -> None:
    told = Systemd({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"})
    assert told.watchdog == 0
    with trio.move_on_after(1000) as scope:
        await told.keep_alive()
    assert scope.cancelled_caught
