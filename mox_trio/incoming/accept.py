"""How a judged message gets into mailboxes: put once for each account, side by side, and a reply for each.

1. The account is open and the mailbox known. Fails: refused, temporarily.
2. `mailstore.deliver`: body durable, then its rows. QUOTA refuses with 452; a mailbox that cannot be made (a rule of the
   user names it) becomes Inbox; other trouble of the stores refuses with 451, and the sender tries again.

A copy that is in is in: what happens to others does not take it back.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from mox_trio.base.address import Path
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import quotas
from mox_trio.config.directory import ToAccount
from mox_trio.config.live import Snapshot
from mox_trio.incoming import rows
from mox_trio.incoming.headers import Fields
from mox_trio.incoming.holders import Holder, Holders
from mox_trio.incoming.judge import Subject
from mox_trio.incoming.settings import Settings
from mox_trio.mailstore import deliver, mailboxes
from mox_trio.mailstore.deliver import Incoming, Terms
from mox_trio.mailstore.spool import Spooled
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.mailstore.together import together
from mox_trio.policy.verdict import Verdict
from mox_trio.protocol.smtp.reply import Reply
from mox_trio.webhooks.arrivals import Also, Facts
from storage_backends.errors import NotFound, StorageError
from storage_backends.index.tables import mailboxes as special_use

logger = logging.getLogger(__name__)

AT_ONCE: Final = 16
"""Copies of one message that are delivered side by side."""
_MAILBOX_TROUBLE: Final = frozenset({Kind.INVALID, Kind.NOT_FOUND, Kind.LIMIT, Kind.CONFLICT})

VALIDATED: Final = frozenset({"strict", "dmarc", "relaxed"})
"""Words of evidence that make the address in From certain."""
QUOTA: Final = Reply.of(452, "4.2.2", "the mailbox is full")
TROUBLE: Final = Reply.of(451, "4.3.0", "error processing, try again later")
GONE: Final = Reply.of(450, "4.2.1", "the mailbox is not there at the moment, try again later")


class Arrivals(Protocol):
    """Tells customers' URLs of mail: `webhooks.arrivals.Arrivals`, or what stands before it."""

    async def also(self, owner: Account, message: Spooled, facts: Facts) -> Sequence[Also]:
        """Units for the transaction that delivers a message."""

    def committed(self, also: Sequence[Also]) -> None:
        """What was written is there."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The message for one address of an account."""

    to: ToAccount
    holder: Holder
    recipient: Path
    """As in RCPT: for an alias, the alias."""
    delivered_to: str
    """For the header: the address itself, for an alias the member's."""
    verdict: Verdict


class Acceptor:
    """Delivers copies of messages of one listener."""

    def __init__(
        self, settings: Settings, store: MailStore, holders: Holders, arrivals: Arrivals | None = None
    ) -> None:
        """`arrivals` calls customers' URLs about what is delivered."""
        self._settings = settings
        self._store = store
        self._holders = holders
        self._arrivals = arrivals

    async def put(
        self, copies: list[Copy], subject: Subject, message: Spooled, fields: Fields, snapshot: Snapshot
    ) -> list[Reply | None]:
        """Deliver all copies of `message` (as it is to be stored); for each None, or why it was not taken."""
        one = partial(self._put_one, subject=subject, message=message, fields=fields, snapshot=snapshot)
        return await together([partial(one, each) for each in copies], AT_ONCE)

    async def _put_one(
        self, copy: Copy, *, subject: Subject, message: Spooled, fields: Fields, snapshot: Snapshot
    ) -> Reply | None:
        verdict = copy.verdict
        incoming = Incoming(
            message,
            fields.prefix(copy.delivered_to, verdict),
            verdict.flags,
            fields.now,
            rows.evidence(subject, copy.recipient, verdict),
        )
        settings = snapshot.directory.account(copy.to.account)
        quota = quotas.of(self._settings.limits, settings)
        try:
            mailbox = await self._junk(copy.holder) if verdict.junk else verdict.mailbox
            await self._deliver(copy, mailbox, incoming, Terms(quota=quota))
        except Failure as error:
            if error.kind is Kind.QUOTA:
                return QUOTA
            return self._trouble(copy, subject, error.private or error.public)
        except NotFound as error:  # the account was removed since it was opened
            self._holders.forget(copy.to.account)
            self._trouble(copy, subject, str(error))
            return GONE
        except StorageError as error:
            return self._trouble(copy, subject, str(error))
        return None

    async def _deliver(self, copy: Copy, mailbox: str, incoming: Incoming, terms: Terms) -> None:
        account = copy.holder.account
        also = await self._also(copy, mailbox, incoming)
        try:
            await deliver.to_mailbox(self._store, account, mailbox, incoming, terms, also)
        except Failure as error:
            if error.kind not in _MAILBOX_TROUBLE or mailbox == mailboxes.INBOX:
                raise
            extra = {"account": account.name, "mailbox": mailbox, "detail": error.public}
            logger.warning("a mailbox cannot be used, the message goes to Inbox", extra=extra)
            also = await self._also(copy, mailboxes.INBOX, incoming)
            await deliver.to_mailbox(self._store, account, mailboxes.INBOX, incoming, terms, also)
        if self._arrivals is not None:
            self._arrivals.committed(also)

    async def _also(self, copy: Copy, mailbox: str, incoming: Incoming) -> Sequence[Also]:
        """Calls to the account's URL, for the transaction that delivers."""
        evidence = incoming.evidence
        if self._arrivals is None or evidence is None:
            return ()
        facts = Facts(
            mail_from=evidence.mail_from,
            rcpt_to=str(copy.recipient)[1:-1],
            received=self._store.now() if incoming.received is None else incoming.received,
            mailbox=mailbox,
            remote_ip=evidence.remote_ip,
            mail_from_validated=evidence.mail_from_validation == "pass",
            msg_from_validated=evidence.msg_from_validation in VALIDATED,
            dkim_domains=tuple(evidence.dkim_domains.split()),
        )
        return await self._arrivals.also(copy.holder.account, incoming.spooled, facts)

    async def _junk(self, holder: Holder) -> str:
        """The mailbox for junk: the one with that special use (RFC 6154), else the configured one."""
        rows_ = await mailboxes.listed(self._store, holder.account)
        found = (each.name for each in rows_ if each.special_use & special_use.JUNK)
        return next(found, self._settings.junk_mailbox)

    def _trouble(self, copy: Copy, subject: Subject, detail: str) -> Reply:
        extra = {"session": subject.client.session, "account": copy.to.account, "detail": detail}
        logger.error("a message could not be delivered", extra=extra)
        return TROUBLE
