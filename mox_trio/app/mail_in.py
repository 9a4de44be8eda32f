"""Joins the rooms that take mail from other servers."""

from dataclasses import dataclass

from mox_trio.app.doors import Door
from mox_trio.app.testing import Testing
from mox_trio.base.metrics import Metrics
from mox_trio.incoming.accept import Arrivals
from mox_trio.incoming.checks import DnsChecks
from mox_trio.incoming.holders import Holders
from mox_trio.incoming.notices import Notices
from mox_trio.incoming.pipeline import Incoming, Parts
from mox_trio.incoming.rates import Rates
from mox_trio.incoming.settings import Settings
from mox_trio.services import Services
from mox_trio.smtpd.provoking import QUEUE, RCPT_TO, Provoking
from mox_trio.smtpd.receiver import Receiver
from mox_trio.transport.closing import Closing
from mox_trio.transport.resolver import Resolver


@dataclass(frozen=True, slots=True)
class MailIn:
    """What of it the server needs."""

    services: Services
    parts: Parts
    testing: Testing | None

    def receiver(self, door: Door) -> Receiver:
        """Who takes the mail that comes by a door."""
        settings = Settings.of_listener(
            self.services.static,
            door.settings,
            lmtp=door.service.name == "lmtp",
            everything_to=self.testing.account if self.testing else "",
        )
        receiver = Incoming(settings, self.parts)
        # The queue of a server for tests delivers to itself: here it meets the errors that it is to meet.
        return receiver if self.testing is None else Provoking(receiver, (RCPT_TO, QUEUE))


def build(
    services: Services,
    resolver: Resolver,
    metrics: Metrics,
    notices: Notices,
    testing: Testing | None,
    closing: Closing,
    *,
    arrivals: Arrivals | None = None,
) -> MailIn:
    """Join them. `arrivals` calls customers' URLs about what is delivered."""

    def seconds() -> float:
        return services.mail.now() / 1000

    parts = Parts(
        config=services.config,
        store=services.mail,
        checks=DnsChecks(
            resolver,
            services.mail,
            metrics,
            services.static.hostname,
            tree_walk=services.static.incoming.dmarc_tree_walk,
            now=seconds,
        ),
        holders=Holders(services.mail),
        rates=Rates(seconds),
        notices=notices,
        metrics=metrics,
        closing=closing,
        arrivals=arrivals,
    )
    return MailIn(services, parts, testing)
