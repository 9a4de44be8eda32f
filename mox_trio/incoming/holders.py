"""Accounts that mail arrives for, with their rules, kept for a few seconds: a busy account costs no look-up a message.

A rule that this process set counts at once; one that another process set, or an account that was switched off, within `KEPT`
seconds. An account that the configuration has and the store has not yet is made. Rules that cannot be read stop no mail:
they are logged and left out.
"""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import trio

from mox_trio.base.failure import Failure
from mox_trio.mailstore import accounts, rulesets
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.policy.rulesets import Rules, Ruleset

logger = logging.getLogger(__name__)

KEPT: Final = 5.0
"""Seconds."""
MOST: Final = 10_000
"""Accounts that are kept."""


@dataclass(frozen=True, slots=True)
class Holder:
    """An account that exists."""

    account: Account
    rules: Rules
    until: float
    settings_set: int
    """Of the account, when its rules were read."""

    def rules_for(self, address: str) -> Sequence[Ruleset]:
        """The rules about mail to an address in canonical form, then those about all mail."""
        if not self.rules:
            return ()
        return (*self.rules.get(address, ()), *self.rules.get("", ()))


class Holders:
    """Opens accounts."""

    def __init__(self, store: MailStore) -> None:
        self._store = store
        self._kept: OrderedDict[str, Holder] = OrderedDict()

    async def get(self, name: str) -> Holder:
        """The account of this name. Errors of the stores pass through."""
        kept = self._kept.get(name)
        now = trio.current_time()
        set_here = self._store.settings_set
        if kept is not None and now < kept.until and kept.settings_set == set_here[kept.account.id]:
            return kept
        account = await accounts.ensure(self._store, name)
        before = set_here[account.id]
        holder = Holder(account, await self._rules(account), now + KEPT, before)
        self._kept[name] = holder
        self._kept.move_to_end(name)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return holder

    def forget(self, name: str) -> None:
        """Open it anew next time."""
        self._kept.pop(name, None)

    async def _rules(self, account: Account) -> Rules:
        try:
            return await rulesets.of_account(self._store, account)
        except Failure as error:
            extra = {"account": account.name, "detail": error.private}
            logger.warning("rules of an account cannot be read and are left out", extra=extra)
            return {}
