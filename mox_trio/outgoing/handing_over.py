"""Hands a job's recipients over to one host: opens a conversation at its addresses, or takes one that waits, and transacts.

Whatever happens is in the tally afterwards: who was taken or refused is settled, everybody else has a setback and is for the
next host, unless the end of the message was sent and not answered, because then the host may have it. Undeliverable is
raised when the host turns out to be this server.

Recipients that a host takes no more of (RFC 5321 4.5.3.1.10) follow in the next transaction, as long as each takes some. A
conversation that was used before may have been closed by the host meanwhile: then a new one is opened, which is no setback.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import trio

from mox_trio.outgoing.connections import Connections
from mox_trio.outgoing.destinations import Undeliverable
from mox_trio.outgoing.job import Job
from mox_trio.outgoing.opening import NotReached, Opener, Target
from mox_trio.outgoing.smtp_dialog import ClaimEnds, Dialog, Refused, Trouble
from mox_trio.outgoing.smtp_transaction import Verdict, Work, transact
from mox_trio.outgoing.tally import Place, Tally, is_for_later
from mox_trio.outgoing.way import Settings, Way
from mox_trio.protocol.smtp import client_commands as commands
from mox_trio.protocol.smtp.client_commands import Step
from mox_trio.protocol.smtp.envelope import Body, Envelope, IpAddress

logger = logging.getLogger(__name__)

DIALLING: Final = 30.0
"""Seconds for all addresses of a host."""
TOGETHER: Final = 100
"""Recipients of one transaction: as many as every host has to take (RFC 5321 4.5.3.1.8)."""
_STATUS: Final = {"SMTPUTF8": "5.6.7", "BINARYMIME": "5.6.3", "REQUIRETLS": "5.7.30", "8BITMIME": "5.6.3"}


@dataclass(frozen=True, slots=True)
class Host:
    """One host and how to get there."""

    name: str
    """In A-labels; for an address, the address."""
    ips: tuple[IpAddress, ...]
    """In the order to try them."""
    way: Way
    is_dual: bool = False
    proxy: tuple[IpAddress, ...] = ()

    @property
    def key(self) -> tuple[str, Way]:
        """What has to be equal to use a conversation again."""
        return self.name, self.way


class HandingOver:
    """What handing over needs, for one server."""

    def __init__(self, settings: Settings, opener: Opener, connections: Connections) -> None:
        self.settings = settings
        self.connections = connections
        self._opener = opener

    async def to_host(self, job: Job, tally: Tally, host: Host, limit: trio.CancelScope) -> None:
        """Try one host. `limit` ends the attempt; it is put off while the answer to a message is waited for.

        Undeliverable; Failure when the message cannot be read.
        """
        await _Handover(self, self._opener, job, tally, host, limit).run()


class _Handover:
    """One job at one host."""

    def __init__(
        self, room: HandingOver, opener: Opener, job: Job, tally: Tally, host: Host, limit: trio.CancelScope
    ) -> None:
        self._room = room
        self._opener = opener
        self._job = job
        self._tally = tally
        self._host = host
        self._limit = limit
        self._deadline = limit.deadline
        self._todo = tally.pending
        self._place = Place(host.name)

    async def run(self) -> None:
        while self._todo:
            dialog = await self._waiting()
            was_used = dialog is not None
            if dialog is None:
                dialog = await self._open()
            if dialog is None:
                return
            is_over = False
            try:
                is_over = await self._converse(dialog, was_used)
            finally:
                if not is_over:
                    await dialog.connection.aclose()
            await self._room.connections.give(self._host.key, dialog)

    async def _waiting(self) -> Dialog | None:
        """A conversation that waits and that the host has not left, or None."""
        while (dialog := self._room.connections.maybe_take(self._host.key)) is not None:
            is_alive = False
            try:
                is_alive = await dialog.is_alive()
            finally:
                if not is_alive:
                    await dialog.connection.aclose()
            if is_alive:
                return dialog
        return None

    async def _open(self) -> Dialog | None:
        """A new conversation, or None with a setback for everybody."""
        share = DIALLING / max(len(self._host.ips), 1)
        for ip in self._host.ips:
            self._tally.dial(self._host.name, str(ip))
            self._place = Place(self._host.name, str(ip), is_dual=self._host.is_dual)
            try:
                dialog = await self._opener.open(Target(self._host.way, self._host.name, ip, self._host.proxy), share)
            except NotReached as error:
                self._tally.setback(self._todo, "4.4.1", str(error), self._place)
            except Trouble as trouble:
                self._tally.setback(self._todo, trouble.status, str(trouble), self._place, trouble.reply)
            except Refused as refused:
                if self._refused(refused):
                    return None
            else:
                await self._check_for_loop(dialog)
                return dialog
        return None

    def _refused(self, refused: Refused) -> bool:
        """Whether the refusal is for the whole host. A relay's is temporary: the administrator can do something about it."""
        if not self._host.way.is_direct:
            detail = f"{refused.step.value} was answered {refused.reply}"
            self._tally.setback(self._todo, "4.7.0", detail, self._place, refused.reply)
            return refused.reply.is_permanent
        for index in self._todo:
            self._tally.judge(index, Verdict(refused.step, refused.reply), self._place)
        return refused.reply.is_permanent

    async def _check_for_loop(self, dialog: Dialog) -> None:
        """RFC 5321 6.3: this server is where the mail goes to, under a name or an address that nobody told it."""
        settings, connection = self._room.settings, dialog.connection
        if not self._host.way.is_direct or settings.may_loop:
            return
        if connection.peer_address == connection.local_address or dialog.offers.host.lower() in settings.own_names:
            await dialog.say_goodbye(wait=False)
            raise Undeliverable("5.4.6", f"mail loops back to this server: {self._host.name} is this server")

    async def _converse(self, dialog: Dialog, was_used: bool) -> bool:
        """Transactions until all is said; whether the conversation may be used again by others. False: close it."""
        tls = dialog.connection.tls
        self._place = Place(
            self._host.name,
            str(dialog.connection.peer_address),
            tls.version if tls else "",
            self._host.is_dual,
            dialog.offers.dsn,
        )
        while self._todo and dialog.is_reusable:
            batch = self._todo[: min(TOGETHER, dialog.offers.most_recipients or TOGETHER)]  # RFC 9422
            envelope = self._envelope(batch)
            if self._is_unfit(dialog, envelope):
                return True
            try:
                verdicts = await transact(dialog, self._work(envelope))
            except Trouble as trouble:
                return self._after_trouble(trouble, batch, was_used)
            finally:
                self._limit.deadline = self._deadline
            was_used = False
            self._judge(batch, verdicts)
        return True

    def _is_unfit(self, dialog: Dialog, envelope: Envelope) -> bool:
        """Whether the host cannot take the message at all: a setback then, since another one may."""
        offers = dialog.offers
        lacking = commands.missing(envelope, offers)
        if not lacking and self._room.settings.pedantic and envelope.body is Body.EIGHT_BIT and not offers.eight_bit:
            lacking = "8BITMIME"
        if lacking:
            detail = f"the message needs {lacking}, which the host does not offer"
            self._setback_for_all(_STATUS[lacking], detail)
        elif offers.size is not None and self._job.message.size > offers.size:
            detail = f"the message has {self._job.message.size} bytes, the host takes {offers.size}"
            self._setback_for_all("5.3.4", detail)
        return not self._todo

    def _after_trouble(self, trouble: Trouble, batch: Sequence[int], was_used: bool) -> bool:
        if isinstance(trouble, ClaimEnds):
            self._tally.give_up(self._todo, trouble.status, str(trouble), self._place)
        elif trouble.in_doubt:
            self._tally.give_up(batch, trouble.status, str(trouble), self._place)
            rest = [index for index in self._todo if index not in batch]
            self._tally.setback(rest, trouble.status, str(trouble), self._place)
        elif was_used:
            return False  # the host had closed it; what is to do is still to do
        else:
            self._tally.setback(self._todo, trouble.status, str(trouble), self._place, trouble.reply)
        self._todo = []
        return False

    def _judge(self, batch: Sequence[int], verdicts: Sequence[Verdict]) -> None:
        """What became of the recipients of one transaction; those that it took no more of stay to do."""
        some_taken = any(each.step is not Step.RCPT for each in verdicts)
        again = []
        for index, verdict in zip(batch, verdicts, strict=True):
            if some_taken and is_for_later(verdict):
                again.append(index)
            else:
                self._tally.judge(index, verdict, self._place)
        rest = self._todo[len(batch) :]
        if verdicts[0].step is Step.MAIL:  # the host does not want the sender: nobody else need be asked for
            for index in rest:
                self._tally.judge(index, verdicts[0], self._place)
            rest = []
        self._todo = [*again, *rest]

    def _setback_for_all(self, status: str, detail: str) -> None:
        self._tally.setback(self._todo, status, detail, self._place)
        self._todo = []

    def _envelope(self, batch: Sequence[int]) -> Envelope:
        job = self._job
        return Envelope(
            job.sender,
            self._tally.recipients(batch),
            job.body,
            job.smtputf8,
            ret=job.ret,
            envelope_id=job.envelope_id,
            require_tls=self._host.way.level.require_tls,
        )

    def _work(self, envelope: Envelope) -> Work:
        # A host that offers BDAT and does not know it is spoken to without from the second attempt on.
        job = self._job
        return Work(envelope, job.message, job.time_left, self._before_end, chunking=job.attempt == 1)

    def _before_end(self) -> None:
        self._limit.deadline = float("inf")
