"""A web server of a customer, on connections in memory: takes calls, remembers them, answers as a test wants."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import h11
import trio

from mox_trio.transport.connection import Broken, Connection


@dataclass
class Taken:
    """One call."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def told(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers 200 unless `answers` says otherwise."""

    answers: Callable[[int], tuple[int, dict[str, str], bytes]] = lambda number: (200, {}, b"ok")
    calls: list[Taken] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    hold: float = 0.0

    async def serve(self, connection: Connection) -> None:
        """One connection."""
        self.connections += 1
        state = h11.Connection(h11.SERVER)
        try:
            while await self._one(connection, state):
                state.start_next_cycle()
        except (Broken, h11.RemoteProtocolError):
            pass
        finally:
            await connection.aclose()

    async def _one(self, connection: Connection, state: h11.Connection) -> bool:
        request, body = None, b""
        while True:
            event = state.next_event()
            if event is h11.NEED_DATA:
                data = await connection.receive(timeout=10_000_000)
                state.receive_data(data)
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return False
        assert request is not None
        headers = {name.decode(): value.decode() for name, value in request.headers}
        self.calls.append(Taken(request.method.decode(), request.target.decode(), headers, body, trio.current_time()))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await trio.sleep(self.hold)
        self.at_once -= 1
        status, more, answer = self.answers(len(self.calls))
        fields = [*more.items(), ("content-length", str(len(answer)))]
        await connection.send(state.send(h11.Response(status_code=status, headers=fields)), timeout=60)
        await connection.send(state.send(h11.Data(data=answer)) + state.send(h11.EndOfMessage()), timeout=60)
        return state.our_state is h11.DONE and state.their_state is h11.DONE
