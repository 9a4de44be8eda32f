"""Answers for a server that asks nobody: a test server on one's own machine.

Its own names lead to loopback addresses. Every other domain exists, takes mail at this very server, and says nothing about
SPF, DKIM or DMARC; an address has no name unless it is one of ours. Nothing is authentic.
"""

import ipaddress
from collections.abc import Iterable

from mox_trio.policy.questions import Answer, Kind, Mx, Question, Record, Status
from mox_trio.transport.resolver import Resolver, Wanted

TTL = 60


class LocalResolver(Resolver):
    """A Resolver, see above."""

    def __init__(
        self,
        host: str,
        names: Iterable[str] = ("localhost",),
        addresses: Iterable[str] = ("127.0.0.1", "::1"),
    ) -> None:
        """`host` is the MX of every domain; it and `names` have the `addresses`."""
        self._host = host.lower()
        self._names = {self._host, *(name.lower() for name in names)}
        parsed = [ipaddress.ip_address(address) for address in addresses]
        self._addresses: dict[Kind, tuple[Record, ...]] = {
            Kind.A: tuple(str(each) for each in parsed if each.version == 4),
            Kind.AAAA: tuple(str(each) for each in parsed if each.version == 6),
        }
        self._reverse = {each.reverse_pointer for each in parsed}

    async def look_up(self, question: Question) -> Answer:
        """As in transport.resolver.Resolver; waits for nothing."""
        return self.maybe_known(question)

    async def fetch(self, wanted: Wanted) -> None:
        """Everything is known already."""
        wanted(self.maybe_known)

    def maybe_known(self, question: Question) -> Answer:
        """Never None."""
        records = self._records(question)
        if records:
            return Answer(Status.FOUND, records, ttl=TTL)
        exists = not question.name.startswith("_") and "._" not in question.name and question.kind is not Kind.PTR
        return Answer(Status.NO_DATA if exists else Status.NO_NAME, ttl=TTL)

    def _records(self, question: Question) -> tuple[Record, ...]:
        if question.name.startswith("_") or "._" in question.name:
            return ()
        match question.kind:
            case Kind.A | Kind.AAAA if question.name in self._names:
                return self._addresses[question.kind]
            case Kind.MX:
                return (Mx(10, self._host),)
            case Kind.PTR if question.name in self._reverse:
                return (self._host,)
            case _:
                return ()
