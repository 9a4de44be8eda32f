"""How a listener behaves, and what its sessions work with."""

from collections.abc import Callable
from dataclasses import dataclass

from mox_trio.base.address import Path
from mox_trio.base.metrics import Metrics
from mox_trio.mailstore.entering import Who
from mox_trio.mailstore.store import MailStore
from mox_trio.protocol.smtp.extensions import Terms
from mox_trio.protocol.smtp.server_events import Kind
from mox_trio.smtpd.receiver import Receiver
from mox_trio.transport.closing import Closing
from mox_trio.transport.tls import ServerTls


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds, sizes in bytes."""

    kind: Kind
    hostname: str
    """The name in the greeting, A-labels."""
    message_bytes: int = 100 * 1024 * 1024
    recipients: int = 1000
    tls_required: bool = False
    """On submission: neither AUTH nor MAIL without TLS. On port 25: no RCPT without TLS, but for TLS reports."""
    requiretls: bool = False
    """Offer REQUIRETLS under TLS (RFC 8689)."""
    deliver_by: bool = False
    """Offer DELIVERBY on submission (RFC 2852)."""
    priority: bool = False
    """Offer MT-PRIORITY on submission (RFC 6710)."""
    pedantic: bool = False
    """Refuse what the standards forbid and the world does."""
    command_timeout: float = 300
    transaction_timeout: float = 1800
    """For the content of a message."""
    errors: int = 20
    """Refused commands after which a session is ended."""
    failed_logins: int = 10
    """Failed logins after which a session is ended."""
    bad_transactions: int = 10
    """Refused transactions, with no good one before, after which a session is ended."""
    tarpit: float = 1
    """How long each octet of a reply takes a client that misbehaved."""

    @property
    def terms(self) -> Terms:
        """What the protocol needs to know of it."""
        return Terms(
            kind=self.kind,
            hostname=self.hostname,
            message_bytes=self.message_bytes,
            recipients=self.recipients,
            requiretls=self.requiretls,
            deliver_by=self.deliver_by,
            priority=self.priority,
            pedantic=self.pedantic,
            errors=self.errors,
        )


def no_tls_reports(path: Path) -> bool:
    """No path takes TLS reports."""
    return False


@dataclass(frozen=True, slots=True)
class Parts:
    """What all sessions of a listener share."""

    receiver: Receiver
    store: MailStore
    metrics: Metrics
    closing: Closing
    tls: Callable[[], ServerTls | None] = lambda: None
    """What STARTTLS uses; None where the listener has no certificates."""
    who: Who | None = None
    """Given on submission."""
    takes_tls_reports: Callable[[Path], bool] = no_tls_reports
    """Whether a recipient is told of TLS problems, and so must be reachable without TLS."""
