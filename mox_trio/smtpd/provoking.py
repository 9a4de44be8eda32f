"""Addresses that provoke errors, for those who test their programs against a server of their own (localserve).

The beginning of a localpart says where (mailfrom: MAIL, rcptto and queue: RCPT; listeners of submission let queue pass,
so that the queue meets it), its end says what: temperror, permerror, timeout (no answer for an hour), or a code from 400
to 599.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

import trio

from mox_trio.mailstore.spool import Spooled
from mox_trio.protocol.smtp.envelope import Client, Envelope, Recipient
from mox_trio.protocol.smtp.reply import Refusal, Reply
from mox_trio.smtpd.receiver import Receiver

TIMEOUT: Final = 3600.0
MAIL_FROM: Final = "mailfrom"
RCPT_TO: Final = "rcptto"
QUEUE: Final = "queue"

_CODE: Final = re.compile(r"[45]\d\d\Z")


class Provoking:
    """A receiver that does what such addresses ask for, and else what another does."""

    def __init__(self, receiver: Receiver, recipients: Collection[str] = (RCPT_TO,)) -> None:
        """`recipients`: beginnings that are heard at RCPT."""
        self._receiver = receiver
        self._recipients = tuple(recipients)

    async def mail(self, client: Client, envelope: Envelope) -> None:
        """May this transaction begin? Refusal, Failure."""
        localpart = envelope.reverse_path.localpart.lower()
        if localpart.startswith(MAIL_FROM):
            await _provoked(localpart)
        await self._receiver.mail(client, envelope)

    async def rcpt(self, client: Client, envelope: Envelope, recipient: Recipient) -> None:
        """May this recipient join? Refusal, Failure."""
        localpart = recipient.path.localpart.lower()
        if localpart.startswith(self._recipients):
            await _provoked(localpart)
        await self._receiver.rcpt(client, envelope, recipient)

    async def data(self, client: Client, envelope: Envelope, message: Spooled) -> Sequence[Reply]:
        """Take the message. Refusal, Failure."""
        return await self._receiver.data(client, envelope, message)


async def _provoked(localpart: str) -> None:
    if localpart.endswith("timeout"):
        await trio.sleep(TIMEOUT)
    if localpart.endswith("temperror"):
        raise _refusal(451)
    if localpart.endswith("permerror"):
        raise _refusal(550)
    code = _CODE.search(localpart)
    if code:
        raise _refusal(int(code[0]))


def _refusal(code: int) -> Refusal:
    return Refusal(Reply.of(code, f"{code // 100}.0.0", "as the address asks for"), "provoked")
