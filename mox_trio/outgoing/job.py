"""One attempt to bring a message to the hosts of one domain, and what became of it.

The queue makes a Job of due rows that go the same way; `delivering.Delivering` carries it out and gives a Result for each
recipient, in their order. A Job is never kept: what an attempt learns for the next one is in `Result.dialled`.
"""

import enum
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from mox_trio.base.address import Literal, Path
from mox_trio.base.domain import Domain
from mox_trio.config.models.transports import Transport
from mox_trio.protocol.smtp.envelope import Body, Recipient, Return
from mox_trio.protocol.smtp.reply import Reply

Dialled = Mapping[str, tuple[str, ...]]
"""Host name (A-labels) to the addresses that were tried for it, oldest first."""


def _none() -> Dialled:
    return MappingProxyType({})


class OutgoingMessage(Protocol):
    """The bytes to send, whatever lies behind them."""

    @property
    def size(self) -> int:
        """Bytes as they are sent, with CRLF line ends; a little too much does no harm (RFC 1870)."""

    def blocks(self) -> AsyncIterator[bytes]:
        """The header block with what was put before it, and the body. May be called again for another host.

        Bare CR and LF may be in it: who sends them turns them into CRLF. Raises Failure when the bytes cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Job:
    """What to send, to whom, and how. All recipients are at `host`."""

    sender: Path
    recipients: tuple[Recipient, ...]
    host: Domain | Literal
    message: OutgoingMessage
    time_left: Callable[[], float]
    """Seconds that the claim on the message still holds; grows when the claim is renewed."""
    transport: Transport | None = None
    """None is direct."""
    attempt: int = 1
    """From 1."""
    dialled: Dialled = field(default_factory=_none)
    """What earlier attempts tried."""
    body: Body = Body.EIGHT_BIT
    smtputf8: bool = False
    """The addresses or the header block hold UTF-8 (RFC 6531)."""
    require_tls: bool | None = None
    """REQUIRETLS: true; TLS-Required: No: false (RFC 8689)."""
    envelope_id: str = ""
    """ENVID (RFC 3461), decoded."""
    ret: Return | None = None


class Outcome(enum.Enum):
    """What became of one recipient. The value is the name in logs."""

    DELIVERED = "delivered"
    RELAYED = "relayed"
    """Taken by a host that sends no notices of success (RFC 3461 5.2.2)."""
    TEMPORARY = "temporary"
    """The same may succeed later."""
    PERMANENT = "permanent"
    """The same will fail again."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one recipient."""

    recipient: Recipient
    outcome: Outcome
    reply: Reply | None = None
    """What the other host said; None where it said nothing, or was not asked."""
    status: str = ""
    """RFC 3463: the other host's, else ours; never empty for a failure."""
    detail: str = ""
    """One line: why; for the log, the sender's notice and the administrator."""
    remote_host: str = ""
    """The host that answered, or the last that was tried."""
    remote_ip: str = ""
    secure: str = ""
    """The version of TLS as ssl names it; empty for none."""
    dialled: Dialled = field(default_factory=_none, repr=False)
    """What was tried until now, for the next attempt."""

    @property
    def is_failure(self) -> bool:
        """Whether the recipient has not got the message."""
        return self.outcome in (Outcome.TEMPORARY, Outcome.PERMANENT)
