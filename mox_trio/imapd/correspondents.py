"""Whom an account writes to, from messages that clients append to its mailbox for sent mail: for completing addresses, and for
knowing whose mail is an answer. Submission notes the same of what it takes.
"""

from collections.abc import Iterator
from typing import Final

import trio

from mox_trio.base.address import Address, InvalidAddress, Path
from mox_trio.imapd.state import Session
from mox_trio.ledger import sent
from mox_trio.mailstore.codec import Codec
from mox_trio.policy import public_suffix
from mox_trio.protocol.mime import addresses, header
from storage_backends.index.tables import mailboxes
from storage_backends.index.tables.mailboxes import MailboxRow
from storage_backends.index.tables.sent import Correspondent

MOST: Final = 1000
"""Recipients of one message that are kept: as many as one submission may have."""
_FIELDS: Final = frozenset({b"to", b"cc", b"bcc"})
_QUICK: Final = 4 * 1024
"""Octets of a header that is read without a thread."""


def are_kept(mailbox: MailboxRow) -> bool:
    """Whether messages in it were sent."""
    return bool(mailbox.special_use & mailboxes.SENT)


async def of(session: Session, block: bytes) -> dict[int, Correspondent]:
    """The rows for the recipients that a header block names, by their keys."""
    codec = session.require_account().codec
    if len(block) > _QUICK:
        return await trio.to_thread.run_sync(_rows, codec, block, limiter=session.store.computing)
    return _rows(codec, block)


def _rows(codec: Codec, block: bytes) -> dict[int, Correspondent]:
    rows: dict[int, Correspondent] = {}
    for address, name in _named(block):
        organization = public_suffix.organizational_domain(address.domain)
        row = sent.correspondent(codec, Path.of(address), organization, name)
        rows.setdefault(row.address_key, row)
    return rows


def _named(block: bytes) -> Iterator[tuple[Address, str]]:
    left = MOST
    for field in header.parse(block).fields:
        if field.key not in _FIELDS:
            continue
        for mailbox in addresses.mailboxes(addresses.parse_list(field.body, left)):
            left -= 1
            if left < 0:
                return
            try:
                yield Address.parse(mailbox.address), mailbox.display
            except InvalidAddress:
                continue
