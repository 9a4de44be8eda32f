"""Tell systemd how the server is (sd_notify(3)). Without NOTIFY_SOCKET in the environment nothing is told to nobody.

A datagram that cannot be sent is forgotten: systemd then thinks what it thinks.
"""

import os
import socket
from collections.abc import Mapping
from typing import Final

import trio

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
_ALIVE: Final = "WATCHDOG=1"


class Systemd:
    """The socket that systemd named in the environment of this process."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._path = environment.get("NOTIFY_SOCKET", "")
        microseconds = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog = int(microseconds) / 1e6 if microseconds.isdecimal() and is_ours else 0.0
        """Seconds without a sign of life after which systemd kills this process; 0 is never."""

    def say(self, *facts: str) -> None:
        """Send facts such as READY=1."""
        if not self._path:
            return
        # A name in the abstract namespace is written with an @.
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as sender:
            try:
                sender.sendto("\n".join(facts).encode(), address)
            except OSError:
                return

    async def keep_alive(self) -> None:
        """Give signs of life twice as often as asked for, as long as the loop turns."""
        while True:
            if not self.watchdog:
                await trio.sleep_forever()
            self.say(_ALIVE)
            await trio.sleep(self.watchdog / 2)
