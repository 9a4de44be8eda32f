"""What the checks found about who a message is from, and who makes them (`checks` does, by DNS)."""

from dataclasses import dataclass
from typing import Protocol

from mox_trio.base.address import Path
from mox_trio.base.domain import Domain
from mox_trio.incoming.content import Content
from mox_trio.mailstore.spool import Spooled
from mox_trio.policy.results import Arc, DkimSignature, Dmarc, Iprev, IprevStatus, Spf
from mox_trio.policy.sender_domain import Receives
from mox_trio.protocol.smtp.envelope import Client, Envelope


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the checks found."""

    iprev: Iprev
    spf: Spf
    dkim: tuple[DkimSignature, ...]
    arc: Arc
    dmarc: Dmarc

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the client that lead back to its address."""
        return self.iprev.names if self.iprev.status is IprevStatus.PASS else ()

    def log_fields(self) -> dict[str, object]:
        """For a line of the log."""
        shown: dict[str, object] = {
            "iprev": self.iprev.status.value,
            "spf": self.spf.status.value,
            "dkim": [each.status.value for each in self.dkim],
            "dmarc": self.dmarc.status.value,
        }
        if self.spf.explanation:  # words of the domain: for the log, not for the client
            shown["spf_explanation"] = self.spf.explanation
        return shown


class Checks(Protocol):
    """Makes the checks. Nothing raises but cancellation: trouble is a result, and everything ends in bounded time."""

    async def receives(self, domain: Domain, client: Client | None = None) -> Receives:
        """Whether the domain of a sender takes mail. A message of the `client` is expected then."""

    async def spf(self, client: Client, reverse_path: Path) -> Spf:
        """SPF alone, before the message is there."""

    async def gather(
        self, client: Client, envelope: Envelope, message: Spooled, content: Content, spf: Spf | None
    ) -> Evidence:
        """All checks of a message; `spf` where it was made already."""
