"""Which transport outgoing mail takes: the first route that matches, of the account, the sender's domain, everybody."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from mox_trio.base.address import Literal
from mox_trio.base.domain import Domain

Host = Domain | Literal | None
"""The domain of a path; None for the null reverse-path."""


class Route(Protocol):
    """A rule of the configuration."""

    @property
    def from_domains(self) -> Sequence[str]:
        """Domains of the sender; ".example.org" is every domain below it and itself; none is all."""

    @property
    def to_domains(self) -> Sequence[str]:
        """Domains of the recipient, written in the same way."""

    @property
    def minimum_attempts(self) -> int:
        """Attempts that must have been made before."""

    @property
    def transport(self) -> str:
        """The name of the transport."""


def transport(routes: Iterable[Sequence[Route]], *, sender: Host, recipient: Host, attempts: int) -> str:
    """The transport's name, "" for straight to the hosts of the domain.

    `routes` are lists in their order: the account's, the domain's, everybody's. `attempts` are those made so far.
    """
    for each in routes:
        for route in each:
            if (
                attempts >= route.minimum_attempts
                and _matches(route.from_domains, sender)
                and _matches(route.to_domains, recipient)
            ):
                return route.transport
    return ""


def _matches(patterns: Sequence[str], host: Host) -> bool:
    if not patterns:
        return True
    # A pattern may be written in either form.
    names = {host.ascii, host.unicode} if isinstance(host, Domain) else {str(host or "")}
    return any(_matches_one(pattern.lower(), name) for pattern in patterns for name in names)


def _matches_one(pattern: str, name: str) -> bool:
    if not pattern.startswith("."):
        return name == pattern
    # "." alone is every domain
    return pattern == "." or name == pattern[1:] or name.endswith(pattern)
