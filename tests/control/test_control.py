"""The control socket: requests, answers, and what is neither."""

import json
import os
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.control import client, place, server


async def echo(arguments: Mapping[str, Any]) -> Any:
    return dict(arguments)


async def refuse(arguments: Mapping[str, Any]) -> Any:
    raise Failure(Kind.NOT_FOUND, "there is no such message", "row 7")


async def fail(arguments: Mapping[str, Any]) -> Any:
    raise ZeroDivisionError("the details")


OPERATIONS: dict[str, server.Operation] = {"echo": echo, "refuse": refuse, "fail": fail}


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[None]:
    with server.bind(directory) as socket:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve, socket, OPERATIONS)
            yield
            nursery.cancel_scope.cancel()


async def lines(directory: Path, sent: bytes, count: int) -> list[Any]:
    """What comes back for bytes on the socket."""
    with place.short(directory) as path:
        stream = await trio.open_unix_socket(path)
    async with stream:
        await stream.send_all(sent)
        received = b""
        while received.count(b"\n") < count:
            data = await stream.receive_some()
            assert data, received
            received += data
    return [json.loads(line) for line in received.splitlines()]


async def test_a_command_is_answered(tmp_path: Path) -> None:
    async with running(tmp_path):
        assert await client.ask(tmp_path, "echo", {"ids": [1, 2], "text": "grüß"}) == {"ids": [1, 2], "text": "grüß"}


async def test_a_refusal_comes_as_the_same_failure_without_its_private_part(tmp_path: Path) -> None:
    async with running(tmp_path):
        with pytest.raises(Failure, match="no such message") as failed:
            await client.ask(tmp_path, "refuse")
    assert failed.value.kind is Kind.NOT_FOUND
    assert failed.value.private == ""


async def test_an_operation_that_fails_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path):
        with pytest.raises(Failure, match="see its log"):
            await client.ask(tmp_path, "fail")
        assert await client.ask(tmp_path, "echo") == {}
    assert "the details" in caplog.text


async def test_several_commands_go_over_one_connection_in_any_pieces(tmp_path: Path) -> None:
    two = b'{"command": "echo", "arguments": {"n": 1}}\n{"command": "echo", "arguments": {"n": 2}}\n'
    async with running(tmp_path):
        assert await lines(tmp_path, two, 2) == [{"result": {"n": 1}}, {"result": {"n": 2}}]


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b"hello\n", "invalid"),
        (b"[]\n", "invalid"),
        (b"\xff\n", "invalid"),
        (b"[" * 100_000 + b"\n", "invalid"),
        (b'{"command": "echo", "arguments": 7}\n', "invalid"),
        (b'{"command": ["echo"]}\n', "invalid"),
        (b'{"command": "nothing"}\n', "unsupported"),
        (b"{}\n", "unsupported"),
    ],
)
async def test_what_is_no_request_is_answered_so(tmp_path: Path, sent: bytes, kind: str) -> None:
    async with running(tmp_path):
        (answer,) = await lines(tmp_path, sent, 1)
        assert answer["kind"] == kind


async def test_a_line_without_end_is_cut_off(tmp_path: Path) -> None:
    async with running(tmp_path):
        (answer,) = await lines(tmp_path, b"x" * (server.LINE + 1), 1)
    assert answer["kind"] == "limit"


async def test_the_socket_is_for_its_user_alone(tmp_path: Path) -> None:
    async with running(tmp_path):
        assert stat.S_IMODE((tmp_path / place.NAME).stat().st_mode) == 0o600
        assert os.listdir(tmp_path) == [place.NAME]


async def test_a_socket_that_a_server_left_is_replaced(tmp_path: Path) -> None:
    server.bind(tmp_path).close()
    with pytest.raises(Failure, match="no server runs"):
        await client.ask(tmp_path, "echo")
    async with running(tmp_path):
        assert await client.ask(tmp_path, "echo") == {}
    server.remove(tmp_path)
    server.remove(tmp_path)
    assert os.listdir(tmp_path) == []


async def test_where_no_server_runs_it_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no server runs") as failed:
        await client.ask(tmp_path, "echo")
    assert failed.value.kind is Kind.UNAVAILABLE


async def test_a_directory_with_a_long_name_will_do(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 100) / ("e" * 100)
    directory.mkdir(parents=True)
    async with running(directory):
        assert await client.ask(directory, "echo") == {}


async def test_a_server_that_goes_before_it_answers_is_a_failure(tmp_path: Path) -> None:
    async def vanish() -> None:
        accepted, _ = await listening.accept()
        accepted.close()

    with server.bind(tmp_path) as listening:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(vanish)
            with pytest.raises(Failure, match="before it answered"):
                await client.ask(tmp_path, "echo")
