"""The smallest server that `shared_server` can keep: the tests of the keeper itself use it."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.kit import shared_server

PROGRAM = """
import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(self.request.recv(100))
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""


@contextmanager
def running(directory: Path) -> Iterator[dict[str, str]]:
    """Run an echo server."""
    (port,) = shared_server.free_ports(1)
    command = [sys.executable, "-c", PROGRAM, str(port)]
    with shared_server.child(command, directory / "log") as process:
        shared_server.wait_for_port(port, process)
        yield {"port": str(port), "pid": str(process.pid)}


def failing(directory: Path) -> AbstractContextManager[dict[str, str]]:
    """A server that does not start."""
    raise RuntimeError(f"nothing can run in {directory}")
