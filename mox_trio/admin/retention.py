"""Expunge what is older than the document allows, in every account."""

from mox_trio.admin.accounts import Desk, opened
from mox_trio.mailstore import upkeep


async def run(desk: Desk) -> int:
    """Apply every account's retention once; return how many messages went."""
    gone = 0
    for name, settings in desk.config.current.dynamic.accounts.items():
        if settings.retention:
            account = await opened(desk, name)
            for mailbox, age in settings.retention.items():
                gone += await upkeep.retain(desk.mail, account, mailbox, int(age * 1000))
    return gone
