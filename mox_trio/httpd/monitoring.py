"""What the internal listener says: /metrics for Prometheus, /health for whoever restarts servers that are ill.

/health (and /healthz) is 200 and {"status": "ok"} when the check passes within its time, else 503 and the reason. Both answer
GET and HEAD; anything else is 404 or 405.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import trio

from mox_trio.base.metrics import Metrics

HEALTHY: Final = ("/health", "/healthz")
"""The second is what those who run containers expect."""
HEALTH: Final = 5.0
"""Seconds that the check may take."""

Check = Callable[[], Awaitable[None]]
"""Raises an Exception, which says why, when the server cannot do its work."""

_TEXT: Final = b"text/plain; version=0.0.4; charset=utf-8"


class Monitoring:
    """An ASGI application."""

    def __init__(self, metrics: Metrics, check: Check) -> None:
        self._metrics = metrics
        self._check = check

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["path"] not in ("/metrics", *HEALTHY):
            await _answer(send, 404, b"there is /metrics and /health\n")
        elif scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"use GET\n")
        elif scope["path"] == "/metrics":
            # In a thread: with many series it takes longer than others should wait.
            await _answer(send, 200, await trio.to_thread.run_sync(self._metrics.text))
        else:
            status, facts = await self._health()
            await _answer(send, status, json.dumps(facts).encode() + b"\n", b"application/json")

    async def _health(self) -> tuple[int, dict[str, str]]:
        with trio.move_on_after(HEALTH):
            try:
                await self._check()
            except Exception as error:  # whatever it is, the answer is that the server is ill
                return 503, {"status": "ill", "reason": f"{type(error).__name__}: {error}"}
            return 200, {"status": "ok"}
        return 503, {"status": "ill", "reason": f"the check took more than {HEALTH:g} s"}


async def _answer(send: Any, status: int, body: bytes, kind: bytes = _TEXT) -> None:
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
