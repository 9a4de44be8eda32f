"""A server of the world with the HTTP API, and a client of it on a wire in memory."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from trio.testing import MockClock

from tests.httpd.talking import Answer, Client
from tests.kit import world

STATIC = "webapi_http = { port = 80 }\n"


def basic(user: str, password: str = world.PASSWORD) -> str:
    """A header Authorization."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class Api:
    """The API of one server, as somebody uses it."""

    net: world.Net
    name: str = "one"
    authorization: str = ""
    client_address: str = world.STRANGER

    @property
    def server(self) -> world.Server:
        return self.net[self.name]

    async def send(self, request: httpx.Request) -> Answer:
        """Make a request on a connection of its own."""
        connection = self.server.accept("webapi_http", self.client_address)
        headers = {name.replace("-", "_"): value for name, value in request.headers.items()}
        for name in ("host", "content_length", "connection"):
            headers.pop(name, None)
        if self.authorization and "authorization" not in headers:
            headers["authorization"] = self.authorization
        try:
            path = request.url.raw_path.decode()
            return await Client(connection).ask(
                path, method=request.method, body=request.read(), host="localhost", **headers
            )
        finally:
            await connection.aclose()

    async def post(self, method: str, **given: Any) -> Answer:
        """POST whatever httpx can make."""
        return await self.send(httpx.Request("POST", f"http://localhost/webapi/v0/{method}", **given))

    async def call(self, method: str, request: Any = None, **headers: str) -> Answer:
        """Call a method as clients of mox do."""
        text = json.dumps({} if request is None else request)
        return await self.post(method, data={"request": text}, headers=headers)

    async def ok(self, method: str, request: Any = None, **headers: str) -> Any:
        """The result of a call that is carried out."""
        answer = await self.call(method, request, **headers)
        assert answer.status == 200, answer.body
        return answer.facts

    async def refused(self, method: str, request: Any = None, **headers: str) -> str:
        """The code of a call that is not carried out."""
        answer = await self.call(method, request, **headers)
        assert answer.status in (400, 403), answer.body
        assert set(answer.facts) == {"Code", "Message"}
        assert answer.facts["Message"]
        return str(answer.facts["Code"])

    async def get(self, path: str, **headers: str) -> Answer:
        """GET a page."""
        return await self.send(httpx.Request("GET", f"http://localhost/webapi/{path}", headers=headers))


@asynccontextmanager
async def opened(directory: Path, clock: MockClock, *names: str, **settings: Any) -> AsyncIterator[Api]:
    """A world whose servers have the API; somebody is logged in as ann at the first."""
    given = {name: {"static": STATIC, **settings} for name in names or ("one",)}
    async with world.opened(directory, clock, *(names or ("one",)), **given) as net:
        yield Api(net, authorization=basic("ann@one.example"))


def message(*to: str, **more: Any) -> dict[str, Any]:
    """A request of Send."""
    return {"To": [{"Address": each} for each in to], "Subject": "hello", "Text": "hi\n", **more}
