"""Messages as a test wants to see them: parsed, with who got them and where they lie."""

import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cached_property

from mox_trio.mailstore import mailboxes, reading
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import EmailId
from storage_backends.index.tables.messages import EVERYTHING, MessageRow


@dataclass(frozen=True)
class Message:
    """A message in a mailbox."""

    account: str
    """Name of the account."""
    mailbox: str
    uid: int
    received: datetime
    raw: bytes = field(repr=False)

    @cached_property
    def email(self) -> EmailMessage:
        """Parsed, by the rules of `email.policy.default`."""
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def subject(self) -> str:
        """Decoded; "" without."""
        return str(self.email["Subject"] or "")

    @property
    def sender(self) -> str:
        """The envelope's sender, from Return-Path; "" for a bounce."""
        return str(self.email["Return-Path"] or "").strip("<> ")

    @property
    def recipient(self) -> str:
        """The envelope's recipient, from Delivered-To."""
        return str(self.email["Delivered-To"] or "").strip("<> ")

    @property
    def text(self) -> str:
        """The plain text; "" without."""
        return self._body("plain")

    @property
    def html(self) -> str:
        """The HTML; "" without."""
        return self._body("html")

    @property
    def attachments(self) -> dict[str, bytes]:
        """Contents by file name."""
        found = {}
        for part in self.email.iter_attachments():
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                found[part.get_filename() or ""] = content
        return found

    def _body(self, kind: str) -> str:
        part = self.email.get_body((kind,))
        return str(part.get_content()) if part is not None else ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages are meant; what is None may be anything."""

    to: str | None = None
    """The recipient of the envelope, in whatever case."""
    subject: str | None = None
    """Part of the subject."""
    account: str | None = None
    mailbox: str = "Inbox"

    def fits(self, message: Message) -> bool:
        """Whether it is meant."""
        return (self.to is None or message.recipient.lower() == self.to.lower()) and (
            self.subject is None or self.subject in message.subject
        )


class Reader:
    """Reads what lies in mailboxes; each message once."""

    def __init__(self, store: MailStore) -> None:
        self._store = store
        self._known: dict[EmailId, bytes] = {}

    async def mailbox(self, account: Account, mailbox: str) -> AsyncIterator[Message]:
        """The messages of a mailbox in the order in which they came; none where there is no such mailbox."""
        name = mailboxes.canonical(mailbox)
        box = next((each for each in await mailboxes.listed(self._store, account) if each.name == name), None)
        for row in await reading.rows(self._store, box.id, EVERYTHING) if box else []:
            received = datetime.fromtimestamp(row.received / 1000, UTC)
            yield Message(account.name, name, int(row.uid), received, await self._bytes(account, row))

    async def _bytes(self, account: Account, row: MessageRow) -> bytes:
        if row.email_id not in self._known:
            async with reading.open_mail(self._store, account, row.email_id) as blocks:
                self._known[row.email_id] = b"".join([block async for block in blocks])
        return self._known[row.email_id]
