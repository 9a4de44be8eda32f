"""What a listener that takes mail needs to know of the configuration."""

from dataclasses import dataclass, field
from typing import Literal, Self

from mox_trio.base.domain import Domain
from mox_trio.config.models.limits import Limits
from mox_trio.config.models.listeners import Listener
from mox_trio.config.models.static import Static

UNKNOWN_DELAY = 5.0
"""Seconds before a message without a known recipient is refused: who tries names shall not be fast."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds, sizes in bytes."""

    hostname: Domain
    """In Received, and the authserv-id of Authentication-Results."""
    names: frozenset[Domain]
    """All names of this server: nobody else may write Authentication-Results in them."""
    lmtp: bool = False
    """The clients are servers of the same site: they have judged what they hand over."""
    first_time_sender_delay: float = 15
    unknown_recipients: Literal["rcpt", "data"] = "rcpt"
    unknown_delay: float = UNKNOWN_DELAY
    quarantine_to_junk: bool = False
    max_received: int = 100
    limits: Limits = field(default_factory=Limits)
    """Quotas of accounts without their own are among them."""
    junk_mailbox: str = "Junk"
    """Where an account has no mailbox with that special use."""
    everything_to: str = ""
    """An account that gets mail for unknown recipients and for domains that are not ours: a server for tests, whose notices
    go nowhere else, so that it takes any number of recipients of any sender.
    """
    pedantic: bool = False

    @classmethod
    def of_listener(cls, static: Static, listener: Listener, *, lmtp: bool = False, everything_to: str = "") -> Self:
        """The settings of a listener's smtp or lmtp service."""
        hostnames = (each.hostname for each in static.listeners.values())
        delay = listener.smtp.first_time_sender_delay if listener.smtp else 0
        return cls(
            hostname=listener.hostname or static.hostname,
            names=frozenset({static.hostname, *(each for each in hostnames if each is not None)}),
            lmtp=lmtp,
            first_time_sender_delay=delay,
            unknown_recipients=static.incoming.unknown_recipients,
            quarantine_to_junk=static.incoming.dmarc_quarantine == "junk",
            max_received=static.incoming.max_received,
            limits=static.limits,
            junk_mailbox=static.initial_mailboxes.junk or "Junk",
            everything_to=everything_to,
            pedantic=static.pedantic,
        )
