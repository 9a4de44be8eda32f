"""Carries out a job: straight to the hosts of its domain, or by the transport that was chosen for it.

`deliver` always gives a result for each recipient; only cancellation is raised, and errors of the program. An attempt ends
after SESSION seconds, unless the answer to a whole message is being waited for. `run` keeps conversations for the next job; it
is a loop of the server, and without it every job connects anew.
"""

import random as randomness
from typing import Final

import trio

from mox_trio.base.failure import Failure
from mox_trio.base.metrics import Metrics
from mox_trio.config.models.transports import Direct, Fail, Socks
from mox_trio.outgoing.connections import Connections
from mox_trio.outgoing.destinations import Random, Undeliverable
from mox_trio.outgoing.direct import ToHosts
from mox_trio.outgoing.handing_over import HandingOver
from mox_trio.outgoing.job import Job, Outcome, Result
from mox_trio.outgoing.opening import Dial, Opener
from mox_trio.outgoing.relay import ToRelay
from mox_trio.outgoing.smtp_dialog import Timeouts
from mox_trio.outgoing.tally import Place, Tally
from mox_trio.outgoing.way import Settings
from mox_trio.protocol.smtp.reply import Reply
from mox_trio.transport import dial as network
from mox_trio.transport.resolver import Resolver

SESSION: Final = 1800.0
"""Seconds of an attempt, all hosts together."""
MOST_ATTEMPTS_SHOWN: Final = 10
"""Attempts that have a label of their own in metrics."""


class Delivering:
    """What deliveries need, for one server; serves any number of jobs at once."""

    def __init__(
        self,
        resolver: Resolver,
        settings: Settings,
        metrics: Metrics,
        *,
        dial: Dial = network.connect,
        random: Random = randomness.random,
        timeouts: Timeouts | None = None,
    ) -> None:
        """`settings` are `way.Settings.of(static)`; `random` gives numbers from 0 up to 1."""
        self.timeouts = timeouts or Timeouts()
        self._metrics = metrics
        self._connections = Connections()
        room = HandingOver(settings, Opener(settings, metrics, dial, self.timeouts), self._connections)
        self._to_hosts = ToHosts(resolver, settings, room, random, metrics)
        self._to_relay = ToRelay(resolver, settings, room, random, metrics)

    async def run(self) -> None:
        """Keep conversations for a moment, and end them; until cancelled."""
        await self._connections.run()

    async def deliver(self, job: Job) -> list[Result]:
        """Carry out the job: one result for each recipient, in order.

        Cancelled when hosts have taken the message for some recipients, it gives its results too, the rest being temporary:
        who calls writes them down, since those recipients must not get the message again.
        """
        began = trio.current_time()
        tally = Tally(job)
        limit = trio.CancelScope(deadline=began + SESSION)
        try:
            with limit:
                await self._deliver(job, tally, limit)
        except Undeliverable as error:
            tally.setback(tally.pending, error.status, str(error), Place(str(job.host)))
        except Failure as failure:
            tally.setback(tally.pending, "4.3.0", f"the message cannot be read: {failure.public}")
        except trio.Cancelled:
            if not tally.has_taken:
                raise
            tally.setback(tally.pending, "4.3.2", "the server stops")
        if limit.cancelled_caught:
            tally.setback(tally.pending, "4.4.7", f"the attempt took longer than {SESSION:.0f} s")
        results = tally.results()
        self._measure(job, results, trio.current_time() - began)
        return results

    async def _deliver(self, job: Job, tally: Tally, limit: trio.CancelScope) -> None:
        transport = job.transport
        if isinstance(transport, Fail):
            status = f"{transport.code // 100}.7.1"
            reply = Reply.of(transport.code, status, transport.message)
            tally.setback(tally.pending, status, f"the transport for this mail says: {reply}", reply=reply)
        elif transport is None or isinstance(transport, Direct | Socks):
            await self._to_hosts.deliver(job, tally, transport, limit)
        else:
            await self._to_relay.deliver(job, tally, transport, limit)

    def _measure(self, job: Job, results: list[Result], seconds: float) -> None:
        outcomes = {each.outcome for each in results}
        worst = next((each for each in (Outcome.PERMANENT, Outcome.TEMPORARY) if each in outcomes), Outcome.DELIVERED)
        self._metrics.observe(
            "queue_delivery_duration_seconds",
            seconds,
            attempt=str(min(job.attempt, MOST_ATTEMPTS_SHOWN)),
            transport=job.transport.kind if job.transport else "direct",
            tlsmode="tls" if any(each.secure for each in results) else "plain",
            result=worst.value,
        )
