"""Ask a running server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.control import place

ANSWER: Final = 120.0
"""Seconds to wait for an answer."""
LARGEST: Final = 256 * 1024 * 1024
"""Octets of an answer."""


async def ask(directory: Path, command: str, arguments: Mapping[str, Any] | None = None) -> Any:
    """The result of a command from the server of a data directory.

    UNAVAILABLE when none runs there or it does not answer; else the failure that the server says.
    """
    with trio.move_on_after(ANSWER):
        async with await _connected(directory) as stream:
            request = {"command": command, "arguments": dict(arguments or {})}
            try:
                await stream.send_all(json.dumps(request).encode() + b"\n")
                return _result(await _line(stream))
            except trio.BrokenResourceError as error:
                raise Failure(Kind.UNAVAILABLE, "the server ended before it answered") from error
    raise Failure(Kind.UNAVAILABLE, f"the server did not answer within {ANSWER:g} s")


async def _connected(directory: Path) -> trio.SocketStream:
    opened = trio.socket.socket(trio.socket.AF_UNIX)
    try:
        with place.short(directory) as path:
            await opened.connect(path)
        return trio.SocketStream(opened)
    except OSError as error:
        opened.close()
        if isinstance(error, PermissionError):
            public = f"this user may not talk to the server of {directory}; use the server's own"
            raise Failure(Kind.FORBIDDEN, public) from error
        raise Failure(Kind.UNAVAILABLE, f"no server runs with the data directory {directory}; start it") from error
    except BaseException:
        opened.close()
        raise


async def _line(stream: trio.SocketStream) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        data = await stream.receive_some()
        if not data or len(received) > LARGEST:
            raise Failure(Kind.UNAVAILABLE, "the server ended before it answered")
        received += data
    return bytes(received)


def _result(line: bytes) -> Any:
    answer = json.loads(line)
    if "error" in answer:
        raise Failure(Kind(answer["kind"]), answer["error"])
    return answer["result"]
