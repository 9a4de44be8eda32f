"""How a listener behaves, and what its sessions work with."""

from collections.abc import Callable
from dataclasses import dataclass

from mox_trio.base.metrics import Metrics
from mox_trio.base.quota import UNLIMITED, Quota
from mox_trio.imapd.feeds import Feeds
from mox_trio.mailstore.entering import Who
from mox_trio.mailstore.store import MailStore
from mox_trio.transport.closing import Closing
from mox_trio.transport.tls import ServerTls


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds, sizes in bytes."""

    hostname: str
    """The name in the greeting, A-labels."""
    version: str = ""
    """Of the program: told by ID to those who are logged in."""
    message_bytes: int = 100 * 1024 * 1024
    """Largest message that APPEND takes."""
    tls_required: bool = True
    """No login without TLS."""
    pedantic: bool = False
    """Refuse what the standards forbid and the world does."""
    idle_timeout: float = 1800
    """For the next command of somebody who is logged in; RFC 9051 5.4 asks for 30 minutes."""
    login_timeout: float = 30
    """For each line before that."""
    send_timeout: float = 300
    """For a client that takes nothing."""
    failed_logins: int = 10
    """Failed logins after which a session is ended."""
    tarpit: float = 1
    """How long each octet of a reply takes a client that misbehaved."""


def nothing_disabled(account: str) -> frozenset[str]:
    """Every capability is announced."""
    return frozenset()


def no_quota(account: str) -> Quota:
    """No account has a limit."""
    return UNLIMITED


@dataclass(frozen=True, slots=True)
class Parts:
    """What all sessions of a listener share; sessions of all listeners share the feeds."""

    store: MailStore
    metrics: Metrics
    closing: Closing
    feeds: Feeds
    who: Who
    tls: Callable[[], ServerTls | None] = lambda: None
    """What STARTTLS uses; None where the listener has no certificates."""
    disabled_capabilities: Callable[[str], frozenset[str]] = nothing_disabled
    """Names in upper case that an account's sessions do not announce."""
    quota: Callable[[str], Quota] = no_quota
    """What an account may hold."""
    personal: Callable[[str], frozenset[str]] = nothing_disabled
    """Mailboxes besides Inbox that an account's mail is delivered to: "inboxes" of NOTIFY and ESEARCH (RFC 5465 6.3)."""
