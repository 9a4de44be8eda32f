"""What an account sent: limits of a day, and whom it wrote to, for completing addresses and for trusting answers.

`submitting` is a unit for the transaction that queues a message: when the message is not queued, nothing was sent. Limits
count whole hours, so they may count up to an hour more than a day.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

from mox_trio.base.address import Literal, Path
from mox_trio.base.domain import Domain
from mox_trio.base.failure import Failure, Kind
from storage_backends.index.api import NO_ACCOUNT, AccountId, Index, Transaction
from storage_backends.index.tables import sent as rows
from storage_backends.index.tables.sent import Correspondent, Sent


class Codec(Protocol):
    """How content of the account is kept in rows (`mox_trio.mailstore.codec`)."""

    def seal(self, place: str, value: bytes) -> bytes:
        """For the row and column that `place` names."""

    def open(self, place: str, stored: bytes) -> bytes:
        """What `seal` was given."""

    def key(self, kind: str, value: bytes) -> int:
        """For look-ups by equality."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Recipients in 24 hours."""

    recipients: int
    first_time: int
    """Of them, those that the account never wrote to before."""


class Known(NamedTuple):
    """Somebody the account wrote to."""

    address: str
    name: str
    last_sent: int


def address_key(codec: Codec, path: Path) -> int:
    """What stands for an address, in whatever case its localpart is written."""
    return codec.key("correspondent", f"{path.localpart.lower()}@{_host(path.host)}".encode())


def domain_key(codec: Codec, domain: Domain | Literal | None) -> int:
    """What stands for the domain of an address, or its organizational domain."""
    return codec.key("sent domain", _host(domain).encode())


def correspondent(codec: Codec, path: Path, organization: Domain | None, name: str = "") -> Correspondent:
    """The row for a recipient, with its organizational domain and the name the sender gave it."""
    key = address_key(codec, path)
    text = json.dumps({"address": str(path)[1:-1], "name": name}, ensure_ascii=False, separators=(",", ":"))
    sealed = codec.seal(_place(key), text.encode("utf-8", "replace"))
    own = domain_key(codec, path.host)
    return Correspondent(key, own, own if organization is None else domain_key(codec, organization), sealed)


def submitting(
    account: AccountId, written_to: Sequence[Correspondent], limits: Limits, now: int
) -> Callable[[Transaction], Callable[[], None]]:
    """A unit that takes these recipients from the limits and remembers them. It raises Failure (RATE) beyond them."""

    def ask(tx: Transaction) -> Callable[[], None]:
        before = rows.since_a_day(tx, account, now)
        known = rows.known(tx, account, [each.address_key for each in written_to])
        return partial(decide, tx, before, known)

    def decide(tx: Transaction, before: Callable[[], Sent], known: Callable[[], set[int]]) -> None:
        old, met = before(), known()
        new = {each.address_key for each in written_to} - met
        if old.recipients + len(written_to) > limits.recipients:
            text = f"more than {limits.recipients} recipients in 24 hours; try again later"
            raise Failure(Kind.RATE, text, "max_outgoing_messages_per_day")
        if new and old.first_time + len(new) > limits.first_time:
            text = f"more than {limits.first_time} recipients in 24 hours that were never written to; try again later"
            raise Failure(Kind.RATE, text, "max_first_time_recipients_per_day")
        rows.count(tx, account, now, Sent(len(written_to), len(new)))
        rows.remember(tx, account, {each.address_key: each for each in written_to}.values(), now)

    return ask


def remembering(account: AccountId, written_to: Sequence[Correspondent], now: int) -> Callable[[Transaction], None]:
    """A unit that remembers whom a message went to that somebody else sent: it counts towards no limit."""
    return partial(rows.remember, account=account, written_to=written_to, now=now)


async def used(index: Index, account: AccountId, now: int) -> Sent:
    """What counts towards the limits now."""
    return await index.read(lambda tx: rows.since_a_day(tx, account, now)())


async def last_sent(index: Index, account: AccountId, codec: Codec, path: Path) -> int | None:
    """When the account last wrote to an address, in milliseconds; None for never."""
    key = address_key(codec, path)
    return await index.read(lambda tx: rows.last_sent(tx, account, key))


async def known(index: Index, account: AccountId, codec: Codec) -> Sequence[Known]:
    """Everybody the account wrote to, the last first."""
    found: list[Known] = []
    after = -(2**63)
    while page := await index.read(partial(rows.addresses, account=account, after=after)):
        found += _opened(codec, page)
        after = page[-1][0]
    return sorted(found, key=lambda each: each.last_sent, reverse=True)


async def prune(index: Index, now: int) -> int:
    """Forget counts that no limit asks for any more; return how many rows."""
    return await index.write(NO_ACCOUNT, partial(rows.prune_counts, now=now))


def _opened(codec: Codec, page: Sequence[tuple[int, bytes, int]]) -> Iterator[Known]:
    for key, sealed, last in page:
        value = json.loads(codec.open(_place(key), sealed))
        yield Known(value["address"], value["name"], last)


def _place(key: int) -> str:
    return f"correspondent {key}"


def _host(host: Domain | Literal | None) -> str:
    return host.ascii if isinstance(host, Domain) else str(host or "")
