"""A message's content on its way from the client into the spool, and then to the receiver.

Blocks go to the spool as they come: no more than its 256 KiB of a message is in memory. When the spool cannot take more
(the disk is full) the content is read to its end all the same, and then refused.
"""

import logging

import trio

from mox_trio.base.failure import Failure
from mox_trio.mailstore.spool import Spool
from mox_trio.protocol.smtp import server
from mox_trio.protocol.smtp.reply import Refusal, Reply
from mox_trio.protocol.smtp.server_events import NEED_DATA, Block, ChunkEnd, ContentEnd, Data, Event, Handled, Kind
from mox_trio.smtpd import replies
from mox_trio.smtpd.dialog import Dialog
from storage_backends.errors import StorageError

logger = logging.getLogger(__name__)


async def receive(dialog: Dialog, first: Event) -> Event | None:
    """Read a message that begins with this event, and settle it; what is returned is to be handled next."""
    async with Spool(dialog.parts.store, dialog.settings.message_bytes) as spool:
        return await _Receiving(dialog, spool).run(first)


class _Receiving:
    def __init__(self, dialog: Dialog, spool: Spool) -> None:
        self._dialog = dialog
        self._spool = spool
        self._until = trio.current_time() + dialog.settings.transaction_timeout
        self._failure: Failure | None = None

    async def run(self, first: Event) -> Event | None:
        """Until the transaction is over."""
        dialog = self._dialog
        event: Event = first
        while True:
            began = trio.current_time()
            match event:
                case Block(data):
                    await self._keep(data)
                case ContentEnd():
                    await self._settle(began)
                    return None
                case Data():
                    dialog.answer("DATA", server.START_CONTENT, began)
                case ChunkEnd(octets):
                    self._answer_chunk(octets, began)
                case Handled(verb, reply):
                    dialog.observe(verb or "other", reply, began)
                    if not dialog.protocol.in_transaction:
                        dialog.message_settled(accepted=False)
                case _:
                    if event is not NEED_DATA:
                        return event
                    await dialog.flush()
                    await self._more()
            if not dialog.protocol.in_transaction:
                return None
            event = dialog.protocol.next_event()

    async def _more(self) -> None:
        left = self._until - trio.current_time()
        await self._dialog.receive(max(0, min(left, self._dialog.settings.command_timeout)))

    async def _keep(self, data: bytes) -> None:
        if self._failure is not None:
            return
        if not self._spool.fits(len(data)):
            self._dialog.takes_its_time()
        try:
            await self._spool.write(data)
        except Failure as failure:
            self._failure = failure

    def _answer_chunk(self, octets: int, began: float) -> None:
        if self._failure is None:
            self._dialog.answer("BDAT", Reply.of(250, "2.0.0", f"{octets} octets"), began)
            return
        self._dialog.answer("BDAT", self._failed(self._failure), began)
        self._dialog.message_settled(accepted=False)

    async def _settle(self, began: float) -> None:
        dialog = self._dialog
        dialog.takes_its_time()
        answers = await self._answers()
        for reply in answers:
            dialog.observe("content", reply, began)
        session = dialog.client.session
        if dialog.settings.kind is Kind.LMTP:
            dialog.protocol.answer_each([replies.with_session(reply, session) for reply in answers])
        else:
            dialog.protocol.answer(replies.with_session(replies.merged(answers), session))
        is_accepted = any(reply.is_positive for reply in answers)
        if (
            is_accepted
        ):  # nothing may come between the promise and the reply: a client that does not hear it sends again
            await dialog.flush_finally()
        else:
            await dialog.flush()
        dialog.message_settled(accepted=is_accepted)

    async def _answers(self) -> list[Reply]:
        """One reply for each recipient."""
        dialog = self._dialog
        envelope = dialog.protocol.envelope
        recipients = len(envelope.recipients)
        if self._failure is not None:
            return [self._failed(self._failure)] * recipients
        try:
            message = await self._spool.finish()
            answers = list(await dialog.parts.receiver.data(dialog.client, envelope, message))
        except Refusal as refusal:
            logger.info("refused", extra=dialog.fields(cmd="DATA", reason=refusal.reason, reply=str(refusal.reply)))
            return [refusal.reply] * recipients
        except (Failure, StorageError) as error:
            return [self._failed(error)] * recipients
        if len(answers) != recipients:
            raise RuntimeError(f"{len(answers)} replies for {recipients} recipients")
        return answers

    def _failed(self, error: Failure | StorageError) -> Reply:
        private = error.private or error.public if isinstance(error, Failure) else str(error)
        logger.warning("message not taken", extra=self._dialog.fields(reason=private))
        return replies.of(error)
