"""One message for some recipients in a conversation with another server: MAIL, RCPT, and the content by DATA or BDAT.

Every recipient gets a verdict: the reply to RCPT where it was refused, else the reply to the message. `smtp_dialog.Trouble` ends
the conversation without any.

Where the server offers PIPELINING everything up to DATA goes out at once, and a small message by BDAT whole (RFC 2920,
RFC 3030). The end of a message is sent only while the claim on it lasts longer than its answer may take; else it is Trouble:
the connection is closed in the middle, which makes the server forget the message.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import trio

from mox_trio.outgoing.content import Chunks, Pieces
from mox_trio.outgoing.job import OutgoingMessage
from mox_trio.outgoing.smtp_dialog import NOT_KNOWN, ClaimEnds, Dialog, Trouble
from mox_trio.protocol.smtp import client_commands as commands
from mox_trio.protocol.smtp.client_commands import Command, Step
from mox_trio.protocol.smtp.envelope import Body, Envelope
from mox_trio.protocol.smtp.reply import Reply

CHUNKS_AHEAD: Final = 4
"""Chunks that are sent before the first of them is answered."""
LAST_WORDS: Final = 5.0
"""Seconds to wait for what a server has to say that takes no more bytes."""


@dataclass(frozen=True, slots=True)
class Work:
    """One message for the recipients in `envelope`."""

    envelope: Envelope
    message: OutgoingMessage
    time_left: Callable[[], float]
    """Seconds of the claim on the message."""
    before_end: Callable[[], None]
    """Called before the end of the message is sent: from there on the answer is waited for, whatever the hour."""
    chunking: bool = True
    """Use BDAT where it is offered, not only where it is needed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the server said about one recipient."""

    step: Step
    reply: Reply

    @property
    def is_taken(self) -> bool:
        """Whether the server took responsibility for the message (RFC 5321 6.1)."""
        return self.step in (Step.CONTENT, Step.BDAT) and self.reply.is_positive


async def transact(dialog: Dialog, work: Work) -> list[Verdict]:
    """Send one message; a verdict for each recipient, in order. Trouble; Failure when the message cannot be read.

    The envelope fits the server: `client_commands.missing` is empty.
    """
    _check_claim(dialog, work)
    envelope = replace(work.envelope, size=work.message.size)
    offers, utf8 = dialog.offers, commands.needs_utf8(envelope)
    opening = [commands.rset()] if dialog.needs_reset else []
    opening.append(commands.mail(envelope, offers))
    opening += [commands.rcpt(each, offers, utf8=utf8) for each in envelope.recipients]
    dialog.needs_reset = True
    dialog.mails += 1
    is_binary = envelope.body is Body.BINARY
    pieces = Pieces(work.message.blocks())
    try:
        if is_binary or (offers.chunking and work.chunking):
            return await dialog.together(_ByChunks(dialog, work, Chunks(pieces, is_binary=is_binary)).send(opening))
        return await dialog.together(_by_data(dialog, work, opening, pieces))
    finally:
        await pieces.aclose()


async def _by_data(dialog: Dialog, work: Work, opening: Sequence[Command], pieces: Pieces) -> list[Verdict]:
    """RFC 5321 4.1.1.4."""
    verdicts, reply = await _open(dialog, opening, commands.data())
    if reply is None:
        return verdicts
    if reply.code != 354:
        return _for_accepted(verdicts, Step.DATA, reply)
    if not _any_accepted(verdicts):  # RFC 2920 3.1: DATA went ahead, and the server wants it to end
        await dialog.send(dialog.client.end_of_content(), dialog.timeouts.block)
        await dialog.reply()
        return verdicts
    reply = await _send_content(dialog, work, pieces)
    dialog.needs_reset = not reply.is_positive
    return _for_accepted(verdicts, Step.CONTENT, reply)


async def _send_content(dialog: Dialog, work: Work, pieces: Pieces) -> Reply:
    """Everything including the end; the reply to it, or that of a server that does not want to hear the end of it."""
    pending = b""
    while (piece := await pieces.next()) is not None:
        if pending and (early := await _send_unless_refused(dialog, pending)) is not None:
            return early
        pending = dialog.client.content(piece)
    _before_end(dialog, work)
    await dialog.send(pending + dialog.client.end_of_content(), dialog.timeouts.block)
    return await dialog.reply(in_doubt=True)


async def _send_unless_refused(dialog: Dialog, data: bytes) -> Reply | None:
    try:
        await dialog.send_part(data, dialog.timeouts.block)
    except Trouble:
        with trio.move_on_after(LAST_WORDS):
            try:
                return await dialog.reply()
            except Trouble:
                pass  # it said nothing more; the first trouble is the one to tell
        raise
    return None


class _ByChunks:
    """RFC 3030."""

    def __init__(self, dialog: Dialog, work: Work, chunks: Chunks) -> None:
        self._dialog = dialog
        self._work = work
        self._chunks = chunks

    async def send(self, opening: Sequence[Command]) -> list[Verdict]:
        dialog = self._dialog
        chunk, is_last = await self._chunks.next()
        if is_last and dialog.offers.pipelining:
            _before_end(dialog, self._work)
            verdicts, reply = await _open(dialog, opening, commands.bdat(len(chunk), last=True), chunk)
        else:
            verdicts, _ = await _open(dialog, opening, None)
            reply = await self._send_each(chunk, is_last) if _any_accepted(verdicts) else None
        if reply is None:
            return verdicts
        dialog.needs_reset = not reply.is_positive
        if reply.code in NOT_KNOWN and _any_accepted(verdicts) and self._work.envelope.body is not Body.BINARY:
            # What promises CHUNKING and does not know BDAT took the message for commands. A later attempt does without.
            raise Trouble("4.5.1", f"the host offers CHUNKING and refuses BDAT: {reply}", reply=reply)
        return _for_accepted(verdicts, Step.BDAT, reply)

    async def _send_each(self, chunk: bytes, is_last: bool) -> Reply:
        """The reply that counts: the first refusal, or that to the last chunk."""
        while not is_last:
            await self._send_chunk(chunk, is_last=False)
            reply = await self._answers(CHUNKS_AHEAD if self._dialog.offers.pipelining else 0)
            if reply is not None and not reply.is_positive:
                await self._answers(0)
                return reply
            chunk, is_last = await self._chunks.next()
        _before_end(self._dialog, self._work)
        await self._send_chunk(chunk, is_last=True)
        return await self._answers(0, in_doubt=True) or await self._dialog.reply(in_doubt=True)

    async def _send_chunk(self, chunk: bytes, *, is_last: bool) -> None:
        command = self._dialog.client.send(commands.bdat(len(chunk), last=is_last))
        await self._dialog.send_part(command + chunk, self._dialog.timeouts.block)

    async def _answers(self, most: int, *, in_doubt: bool = False) -> Reply | None:
        """Wait until at most so many replies are awaited; the first refusal among those that came, else the last one."""
        found: Reply | None = None
        while self._dialog.client.awaits > most:
            reply = await self._dialog.reply(in_doubt=in_doubt)
            if found is None or found.is_positive:
                found = reply
        return found


async def _open(
    dialog: Dialog, opening: Sequence[Command], then: Command | None, content: bytes = b""
) -> tuple[list[Verdict], Reply | None]:
    """RSET, MAIL and RCPT, and what follows them if any recipient is accepted; or all together where that is offered.

    Verdicts on recipients that were refused are final, those on accepted ones say that RCPT was accepted.
    """
    client = dialog.client
    if dialog.offers.pipelining:
        group = [*opening, then] if then else opening
        await dialog.send(b"".join(map(client.send, group)) + content, dialog.timeouts.command)
        has_end = then is not None and then.last_chunk
        replies = [await dialog.reply(in_doubt=has_end) for _ in group]
        verdicts = _verdicts(opening, replies)
        return verdicts, replies[-1] if then else None
    replies = []
    for command in opening:
        replies.append(await dialog.say(command))
        if command.step is Step.MAIL and not replies[-1].is_positive:
            break
    verdicts = _verdicts(opening, replies)
    return verdicts, await dialog.say(then) if then and _any_accepted(verdicts) else None


def _verdicts(opening: Sequence[Command], replies: Sequence[Reply]) -> list[Verdict]:
    """One for each RCPT: its reply, or that of MAIL where that was refused."""
    at = next(index for index, command in enumerate(opening) if command.step is Step.MAIL)
    recipients = len(opening) - at - 1
    if not replies[at].is_positive:
        return [Verdict(Step.MAIL, replies[at])] * recipients
    return [Verdict(Step.RCPT, reply) for reply in replies[at + 1 : at + 1 + recipients]]


def _any_accepted(verdicts: Sequence[Verdict]) -> bool:
    return any(each.reply.is_positive for each in verdicts)


def _for_accepted(verdicts: Sequence[Verdict], step: Step, reply: Reply) -> list[Verdict]:
    """The verdicts, with `reply` for those recipients that were accepted before."""
    return [Verdict(step, reply) if each.reply.is_positive else each for each in verdicts]


def _check_claim(dialog: Dialog, work: Work) -> None:
    if work.time_left() < dialog.timeouts.final:
        raise ClaimEnds("4.3.0", "the claim on the message would end before the host has to answer")


def _before_end(dialog: Dialog, work: Work) -> None:
    """The end is sent only while the claim lasts, and answered within the time of the answer all in all."""
    _check_claim(dialog, work)
    work.before_end()
    dialog.hurry(dialog.timeouts.final)
