"""A call of a method: what functions of methods get and give."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from mox_trio.mailstore.answered import Once
from mox_trio.mailstore.api_keys import Scope
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.webapi.shapes import Shape
from mox_trio.running import Web
from webui.login import Caller
from webui.webapi.uploads import Uploads


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, and what beside the request's JSON."""

    web: Web
    caller: Caller
    uploads: Uploads
    once: Once | None = None
    """Given where the request has an Idempotency-Key."""
    notes: dict[str, str] = field(default_factory=dict)
    """Header fields for the answer."""

    @property
    def account(self) -> Account:
        """Whose call it is."""
        return self.caller.account

    @property
    def store(self) -> MailStore:
        """Where the mail is."""
        return self.web.services.mail


@dataclass(frozen=True, slots=True)
class Streamed:
    """Bytes instead of JSON."""

    blocks: AsyncIterator[bytes]
    content_type: str
    size: int | None = None


Run = Callable[[Call, Any], Awaitable[Shape | Streamed]]


@dataclass(frozen=True, slots=True)
class Method:
    """One method."""

    name: str
    scope: Scope
    """What a key must open."""
    request: type[Shape]
    result: type[Shape] | None
    """None for bytes."""
    run: Run
    summary: str
    group: str
    idempotent: bool = False
    """Takes an Idempotency-Key."""
    files: bool = False
    """Takes files beside its JSON."""
    example: str = "{}"
    """JSON of a request, for the page that explains it."""
