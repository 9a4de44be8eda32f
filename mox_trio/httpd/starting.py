"""An application that answers from the moment it has started; who asks before waits a little."""

from typing import Any, Final

import trio

from mox_trio.httpd.serving import Application, Lifetime

PATIENCE: Final = 10.0
"""Seconds that a request waits for an application to start."""


def when_started(application: Application, lifetime: Lifetime) -> Application:
    """The application; 503 where it does not start."""

    async def call(scope: Any, receive: Any, send: Any) -> None:
        if not lifetime.started.is_set():
            with trio.move_on_after(PATIENCE):
                await lifetime.started.wait()
        if lifetime.started.is_set():
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013})
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"10")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": b"the service does not run at the moment\n"})

    return call
