"""Recipients of one message that are delivered together: those of one domain with the same history and the same way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from mox_trio.base import limits
from mox_trio.base.address import Literal, Path
from mox_trio.base.domain import Domain
from mox_trio.config.live import Snapshot
from mox_trio.config.models.transports import Transport
from mox_trio.mailqueue.queue import Claim
from mox_trio.mailstore.store import Account
from mox_trio.outgoing import bytes_out
from mox_trio.outgoing.bytes_out import QueuedMessage
from mox_trio.outgoing.parts import Parts
from mox_trio.policy import routing
from mox_trio.protocol.smtp.envelope import Notify, Recipient
from storage_backends.index.tables.queue import Candidate, Claimed, Message, QueuedId

MOST: Final = 100
"""Recipients of one transaction: every host takes so many (RFC 5321 4.5.3.1.8)."""
PARSED: Final = 4096
"""Paths and hosts that are kept parsed: each is asked for several times in an attempt."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one claim that go together, with all that an attempt needs."""

    claim: Claim
    rows: tuple[Claimed, ...]
    message: Message
    account: Account
    snapshot: Snapshot
    transport: str
    """The name of the transport; "" for straight to the hosts."""
    suppressed: frozenset[QueuedId] = frozenset()
    """Rows whose recipient is on the account's suppression list."""

    @property
    def sender(self) -> Path:
        """The reverse-path."""
        return path_of(self.rows[0].sender)

    @property
    def ids(self) -> tuple[QueuedId, ...]:
        """The ids of the rows."""
        return tuple(row.id for row in self.rows)

    def of(self, rows: Sequence[Claimed]) -> "Group":
        """A part of it."""
        return replace(self, rows=tuple(rows))

    def content(self, parts: Parts) -> QueuedMessage:
        """The bytes. Corrupt when what is sealed does not open."""
        return bytes_out.of(parts, self.account, self.message)

    def transport_settings(self) -> Transport | None:
        """The transport; None for straight to the hosts. KeyError when it was taken out of the configuration."""
        return self.snapshot.static.transports[self.transport] if self.transport else None


def recipient(row: Claimed) -> Recipient:
    """The recipient of a row."""
    return Recipient(path_of(row.recipient), None if row.notify is None else Notify(row.notify), row.original)


def transport_name(snapshot: Snapshot, account: str, row: Candidate | Claimed, attempts: int) -> str:
    """The transport that a row takes after so many attempts: chosen by hand, else by the routes; "" is none."""
    if row.transport:
        return row.transport
    dynamic = snapshot.dynamic
    settings = dynamic.accounts.get(account)
    sender = path_of(row.sender).host
    domain = dynamic.domains.get(sender) if isinstance(sender, Domain) else None
    lists = (settings.routes if settings else (), domain.routes if domain else (), dynamic.routes)
    if not any(lists):
        return ""
    return routing.transport(lists, sender=sender, recipient=host(row.destination), attempts=attempts)


@lru_cache(PARSED)
def path_of(written: str) -> Path:
    """The path that a row writes."""
    return Path.parse(written, localpart_octets=limits.LOCALPART_OCTETS_OF_OTHERS)


@lru_cache(PARSED)
def host(destination: str) -> Domain | Literal:
    """The host that a row names."""
    return Literal.parse(destination) if destination.startswith("[") else Domain.parse(destination, underscore=True)


def split(claim: Claim) -> Iterator[list[Claimed]]:
    """Rows of a claim that may go together."""
    together: dict[tuple[object, ...], list[Claimed]] = {}
    for row in claim.rows:
        alike = (
            row.outgoing_id,
            row.destination,
            row.sender,
            row.attempts,
            row.transport,
            row.require_tls,
            row.dialled,
        )
        together.setdefault(alike, []).append(row)
    for rows in together.values():
        for start in range(0, len(rows), MOST):
            yield rows[start : start + MOST]
