"""Who is asked about each step of a transaction: the seam between the servers of SMTP and what becomes of mail.

`incoming` (port 25, LMTP) and `outgoing` (submission) satisfy it without importing it. A refusal is a `Refusal`, whose
reply goes to the client; a `Failure` or `StorageError` is translated by `replies`. Anything else is a fault of the program and
ends the connection.
"""

from collections.abc import Sequence
from typing import Protocol

from mox_trio.mailstore.spool import Spooled
from mox_trio.protocol.smtp.envelope import Client, Envelope, Recipient
from mox_trio.protocol.smtp.reply import Reply


class Receiver(Protocol):
    """Decides about senders and recipients, and takes messages. One serves all sessions of a listener."""

    async def mail(self, client: Client, envelope: Envelope) -> None:
        """May this transaction begin? `envelope` has no recipients yet. Raises Refusal, Failure, StorageError."""

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient) -> None:
        """May this recipient join those in `envelope`, which were accepted before? Raises Refusal, Failure, StorageError."""

    async def data(self, client: Client, envelope: Envelope, message: Spooled) -> Sequence[Reply]:
        """Take the message: one reply for each recipient, in their order; a positive one is a promise kept on disk.

        Raises Refusal, Failure, StorageError, which then are the reply for all.
        """
