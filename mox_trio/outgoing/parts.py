"""What the functions of this room work on: the stores, the queue and the configuration of one server.

All are values or seams: a test makes ten servers in one process. `accounts` are handles that were opened before: ids of
accounts are never used again, so a handle stays right; what is stored under one that is gone fails with NotFound.
"""

import os
import random as randomness
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from mox_trio.base.address import Address, Localpart
from mox_trio.base.metrics import Metrics
from mox_trio.config.live import LiveConfig, Snapshot
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.mailstore import accounts
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.outgoing.job import Job, Result
from mox_trio.outgoing.leftovers import Leftovers
from mox_trio.outgoing.recent import Recent
from mox_trio.policy.backoff import Schedule
from mox_trio.webhooks.arrivals import Arrivals
from storage_backends.index.api import AccountId, Transaction
from storage_backends.index.tables.queue import Claimed, Message

HANDLES: Final = 2000
"""Accounts whose handles are kept."""


class Deliverer(Protocol):
    """Brings mail to other hosts: `delivering.Delivering`."""

    async def deliver(self, job: Job) -> list[Result]:
        """One result for each recipient, in their order; raises nothing but cancellation."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a recipient, for those who want to add to the transaction that says so."""

    row: Claimed
    message: Message
    result: Result
    at: int
    """When: milliseconds since 1970 UTC."""
    event: str
    """delivered, relayed, expanded, delayed, retried, failed, suppressed, canceled."""


class Also(Protocol):
    """What is added to transactions that settle attempts, such as calls to customers' URLs."""

    def write(self, tx: Transaction, account: Account, settled: Sequence[Settled]) -> None:
        """In the transaction, which may be run more than once."""

    def committed(self, account: Account) -> None:
        """What was written is there."""


@dataclass(frozen=True, slots=True)
class Parts:
    """See above."""

    store: MailStore
    queue: Mailqueue
    config: LiveConfig
    metrics: Metrics
    random: Callable[[], float] = randomness.random
    """From 0 up to 1."""
    entropy: Callable[[int], bytes] = os.urandom
    also: tuple[Also, ...] = ()
    arrivals: Arrivals | None = None
    """Calls customers' URLs about what is delivered here."""
    handles: OrderedDict[AccountId, Account] = field(default_factory=OrderedDict)
    recent: Recent = field(default_factory=Recent)
    leftovers: Leftovers = field(default_factory=Leftovers)
    _named: dict[str, tuple[Snapshot, Account]] = field(default_factory=dict)

    async def account(self, account_id: AccountId) -> Account:
        """The handle of an account. The stores' NotFound when it is gone."""
        handle = self.handles.get(account_id)
        if handle is None:
            handle = await accounts.by_id(self.store, account_id)
            self.handles[account_id] = handle
            while len(self.handles) > HANDLES:
                self.handles.popitem(last=False)
        return handle

    async def account_named(self, name: str) -> Account:
        """The handle of an account that the configuration has, made where it is not there yet; kept until the configuration
        changes, since an account is removed from that first.
        """
        snapshot = self.config.current
        since, handle = self._named.get(name, (None, None))
        if handle is None or since is not snapshot:
            handle = await accounts.ensure(self.store, name)
            self._named.pop(name, None)
            self._named[name] = snapshot, handle
            while len(self._named) > HANDLES:
                del self._named[next(iter(self._named))]
        return handle

    def forget_account(self, name: str) -> None:
        """It is gone although the configuration has it: look again next time."""
        self._named.pop(name, None)

    def schedule(self) -> Schedule:
        """When mail is tried again, as configured."""
        queue = self.config.current.static.queue
        return Schedule(float(queue.first_retry), queue.attempts, queue.delay_notice_after)

    def postmaster(self) -> Address:
        """Who notices come from."""
        return Address(Localpart("postmaster"), self.config.current.static.hostname)
