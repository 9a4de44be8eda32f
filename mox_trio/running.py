"""A server that serves, and what its web pages work with, as values that are handed to them. Commands need none of it."""

from collections.abc import Callable
from dataclasses import dataclass

from mox_trio.base.metrics import Metrics
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.mailstore.attempts import LoginAttempts
from mox_trio.outgoing.parts import Parts
from mox_trio.outgoing.submit import Submission
from mox_trio.policy.ratelimit import FailedLogins, IpAddress
from mox_trio.services import Services
from mox_trio.webhooks.desk import Desk


@dataclass(frozen=True, slots=True)
class Running:
    """A server that serves; `app.server` makes it."""

    services: Services
    metrics: Metrics
    queue: Mailqueue
    stop: Callable[[], None]
    """Order it to stop; again, to stop without waiting for sessions."""
    sessions: Callable[[], int]
    """How many connections are open."""
    listening: tuple[str, ...]
    """Services and where they listen: smtp 127.0.0.1:25."""
    started: int
    """Milliseconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class Web:
    """What web applications work with; `app.server` makes it."""

    services: Services
    metrics: Metrics
    failed_logins: FailedLogins
    """Those of all servers together."""
    attempts: LoginAttempts
    outgoing: Parts
    """The queue of outgoing mail, and what belongs to it."""
    submission: Submission
    """Takes the mail of users."""
    hooks: Desk
    """Calls to customers' URLs."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who makes a web request; applications find it in `scope["state"]["visitor"]`."""

    address: IpAddress
    """Of the client, also behind a proxy that is believed."""
    local_address: IpAddress
    session: str
    """Id of the connection, for the log."""
    secure: bool
    """The client speaks TLS, with us or with our proxy."""
    exempt: bool
    """From a network without limits."""
    tls: str = ""
    """Version and cipher; empty without, or where a proxy does it."""
