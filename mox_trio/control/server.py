"""Answer the control socket: each line of a client is a request, each answer a line.

    {"command": "queue-hold", "arguments": {"ids": [7]}}
    {"result": 1}        or  {"error": "there is no such message", "kind": "not-found"}

The socket has mode 0600 before anybody can find it, in a directory of the same user. A request that makes no sense is
answered so; an operation that fails is logged, answered, and nothing else happens. Lines have a largest size, clients
a largest number and a longest silence.
"""

import json
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.control import place

logger = logging.getLogger(__name__)

Operation = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Does what a command says with its arguments; what it returns can be written as JSON. Raises Failure."""

LINE: Final = 1024 * 1024
"""Octets of a request: a thousand ids with room to spare."""
CLIENTS: Final = 16
"""At the same time; others wait."""
SILENCE: Final = 60.0
"""Seconds."""


def bind(directory: Path) -> trio.socket.SocketType:
    """Listen in a directory, in the place of a socket that a server left there. Blocks for a moment. Failure UNAVAILABLE."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        fresh = f".{place.NAME}.{secrets.token_hex(4)}"
        with place.short(directory, fresh) as path:
            opened.bind(path)
            # Nobody finds it under this name, and under its own it has the mode already.
            os.chmod(path, 0o600)
            opened.listen(CLIENTS)
            os.rename(path, Path(path).with_name(place.NAME))
    except OSError as error:
        opened.close()
        raise Failure(Kind.UNAVAILABLE, f"cannot make the control socket in {directory}: {error.strerror}") from error
    return trio.socket.from_stdlib_socket(opened)


def remove(directory: Path) -> None:
    """Take the socket out of the directory; harmless when it is not there."""
    (directory / place.NAME).unlink(missing_ok=True)


async def serve(listening: trio.socket.SocketType, operations: Mapping[str, Operation]) -> None:
    """Answer clients for ever."""
    free = trio.CapacityLimiter(CLIENTS)
    async with trio.open_nursery() as nursery:
        while True:
            await free.acquire_on_behalf_of(token := object())
            accepted, _ = await listening.accept()
            nursery.start_soon(_client, trio.SocketStream(accepted), operations, free, token)


async def _client(
    stream: trio.SocketStream, operations: Mapping[str, Operation], free: trio.CapacityLimiter, token: object
) -> None:
    try:
        async with stream:
            await _converse(stream, operations)
    except trio.BrokenResourceError:
        return
    finally:
        free.release_on_behalf_of(token)


async def _converse(stream: trio.SocketStream, operations: Mapping[str, Operation]) -> None:
    waiting = bytearray()
    while True:
        while (end := waiting.find(b"\n")) < 0:
            if len(waiting) > LINE:
                await stream.send_all(_line(_error(Kind.LIMIT, "the request is too long")))
                return
            data = b""
            with trio.move_on_after(SILENCE):
                data = await stream.receive_some(LINE)
            if not data:
                return
            waiting += data
        line = bytes(waiting[:end])
        del waiting[: end + 1]
        await stream.send_all(_line(await _answer(line, operations)))


async def _answer(line: bytes, operations: Mapping[str, Operation]) -> dict[str, Any]:
    try:
        request = json.loads(line)
        command, arguments = request["command"], request.get("arguments", {})
        operation = operations[command]
        if not isinstance(arguments, dict):
            raise TypeError
    except KeyError:
        return _error(Kind.UNSUPPORTED, "there is no such command")
    except (ValueError, TypeError, AttributeError, RecursionError):
        return _error(Kind.INVALID, "this is no request; send one JSON object a line")
    try:
        result = await operation(arguments)
    except Failure as failure:
        logger.info("command refused", extra={"command": command, "reason": failure.public, "detail": failure.private})
        return _error(failure.kind, failure.public)
    except Exception:
        logger.exception("command failed", extra={"command": command})
        return _error(Kind.UNAVAILABLE, "the server failed; see its log")
    logger.info("command done", extra={"command": command})
    return {"result": result}


def _error(kind: Kind, text: str) -> dict[str, Any]:
    return {"error": text, "kind": kind.value}


def _line(answer: Mapping[str, Any]) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode() + b"\n"
