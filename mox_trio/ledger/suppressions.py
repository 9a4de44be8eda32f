"""Addresses that an account sends nothing more to, because mail to them fails for good: sending on spoils a reputation.

What is compared is the base address: the localpart up to its first "+" or "-", without dots and case. An address is added by
hand, by a reply that says it does not exist or wants no mail, or when three messages in a row failed for good. A reply about
the message, or about who may send, is only counted: another message may be taken.
"""

from collections.abc import Collection
from functools import partial
from typing import Final

from mox_trio.base.address import Path
from mox_trio.base.domain import Domain
from mox_trio.protocol.smtp.reply import Reply
from storage_backends.index.api import AccountId, Index, Transaction
from storage_backends.index.tables import sent as rows
from storage_backends.index.tables.sent import Suppressed

FAILURES: Final = 3
"""Messages in a row that fail for good until an address is suppressed, whatever the replies say."""
_CODES: Final = frozenset({521, 550, 551, 553, 556})
"""They mean the address where no status says otherwise."""
_STATUSES: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.7.17"})
_OTHER_SUBJECTS: Final = ("5.6.", "5.7.")
"""Content and policy (RFC 3463 3.7, 3.8). Also 5.7.1, "delivery not authorized": hosts say it of spam, of blocked senders and of
lists that one may not write to alike.
"""
_OTHERS: Final = frozenset({"5.1.7", "5.1.8", "5.2.2", "5.2.3", "5.3.4"})
"""The sender's address, a full mailbox, a message that is too large."""


def base_address(path: Path) -> str:
    """What stands for an address and its variants."""
    localpart = path.localpart.lower()
    cut = min((at for sign in "+-" if (at := localpart.find(sign)) > 0), default=len(localpart))
    base = localpart[:cut].replace(".", "") or localpart
    return f"{base}@{path.host.ascii if isinstance(path.host, Domain) else path.host}"


def says_never_again(reply: Reply | None) -> bool:
    """Whether a reply means the address itself rather than the message."""
    if reply is None or not reply.is_permanent:
        return False
    status = reply.enhanced
    if status in _STATUSES:
        return True
    return reply.code in _CODES and status not in _OTHERS and not status.startswith(_OTHER_SUBJECTS)


def note_failure(tx: Transaction, account: AccountId, path: Path, key: int, reply: Reply | None, now: int) -> bool:
    """In the transaction that gives a recipient up: whether its address is suppressed from now on.

    `key` is that of `sent.address_key`.
    """
    failures = rows.failed(tx, account, key)
    if says_never_again(reply):
        reason = f"the other server said: {reply}"[:500]
    elif failures >= FAILURES:
        reason = f"{failures} messages in a row could not be delivered"
    else:
        return False
    addresses = (base_address(path), str(path)[1:-1])
    return rows.suppress(tx, account, addresses, manual=False, reason=reason, now=now)


def note_success(tx: Transaction, account: AccountId, key: int) -> None:
    """In the transaction that settles a delivery."""
    rows.succeeded(tx, account, key)


async def suppressed(index: Index, asked: Collection[tuple[AccountId, Path]]) -> set[tuple[AccountId, Path]]:
    """Which of these addresses get nothing more from their accounts."""
    bases = {each: base_address(each[1]) for each in asked}
    accounts = sorted({account for account, _ in asked})
    found = await index.read(partial(rows.suppressed, accounts=accounts, bases=sorted(set(bases.values()))))
    return {each for each, base in bases.items() if (each[0], base) in found}


async def listed(index: Index, account: AccountId) -> list[Suppressed]:
    """The whole list of an account."""
    found: list[Suppressed] = []
    after = 0
    while page := await index.read(partial(rows.suppressions, account=account, after=after)):
        found += page
        after = page[-1].id
    return found


async def add(index: Index, account: AccountId, path: Path, reason: str, now: int) -> bool:
    """Put an address on the list by hand; False when it is there already."""
    addresses = (base_address(path), str(path)[1:-1])
    unit = partial(rows.suppress, account=account, addresses=addresses, manual=True, reason=reason[:500], now=now)
    return await index.write([account], unit)


async def remove(index: Index, account: AccountId, path: Path) -> bool:
    """Take an address off the list; False when it is not on it."""
    return await index.write([account], partial(rows.allow, account=account, base=base_address(path)))
