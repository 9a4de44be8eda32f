"""What became of the recipients of one attempt, while it goes on and at its end.

A recipient is pending until something final is known of it: a host took the message, or refused it for good. What is not
final is a setback: it is remembered, and the next host is tried. At the end a pending recipient gets its last temporary
setback, and only where all were permanent (no host can do what the message needs) the last one of these.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mox_trio.base import limits
from mox_trio.outgoing.job import Job, Outcome, Result
from mox_trio.outgoing.smtp_transaction import Verdict
from mox_trio.protocol.smtp.client_commands import Step
from mox_trio.protocol.smtp.envelope import Recipient
from mox_trio.protocol.smtp.reply import Reply

_TOO_MANY: Final = frozenset({452, 552})


@dataclass(frozen=True, slots=True)
class Place:
    """Who was spoken to."""

    host: str = ""
    ip: str = ""
    secure: str = ""
    """Version of TLS; empty for none."""
    is_dual: bool = False
    """The host has an address of the other family, for the next attempt."""
    dsn: bool = False
    """It sends notices of success (RFC 3461)."""


def is_for_later(verdict: Verdict) -> bool:
    """Whether the host may just not take so many recipients at once (RFC 5321 4.5.3.1.10)."""
    return verdict.step is Step.RCPT and verdict.reply.code in _TOO_MANY


def is_permanent(verdict: Verdict) -> bool:
    """Whether the same would be refused again."""
    return verdict.reply.is_permanent and not is_for_later(verdict)


class Tally:
    """Of one job. Recipients are named by their index in it: nothing says that they differ."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._results: dict[int, Result] = {}
        self._setbacks: dict[int, Result] = {}
        self._dialled = {host: list(ips) for host, ips in job.dialled.items()}

    @property
    def pending(self) -> list[int]:
        """Who has neither got the message nor been refused for good."""
        return [index for index in range(len(self._job.recipients)) if index not in self._results]

    @property
    def has_taken(self) -> bool:
        """Whether some host took the message for somebody."""
        return any(not each.is_failure for each in self._results.values())

    def recipients(self, indexes: Iterable[int]) -> tuple[Recipient, ...]:
        """These of the job."""
        return tuple(self._job.recipients[index] for index in indexes)

    def dialled(self, host: str) -> tuple[str, ...]:
        """The addresses that were tried for a host until now."""
        return tuple(self._dialled.get(host, ()))

    def dial(self, host: str, ip: str) -> None:
        """An address is tried."""
        tried = self._dialled.setdefault(host, [])
        tried.append(ip)
        del tried[: -limits.DIALLED_ADDRESSES]

    def judge(self, index: int, verdict: Verdict, place: Place) -> None:
        """What a host said about a recipient."""
        reply = verdict.reply
        if verdict.is_taken:
            outcome = Outcome.DELIVERED if place.dsn else Outcome.RELAYED
            self._results[index] = self._result(index, outcome, place, reply, "")
            return
        detail = f"{verdict.step.value} was answered {reply}"
        if not is_permanent(verdict):
            self._note(self._result(index, Outcome.TEMPORARY, place, reply, detail), index)
        elif self._job.attempt == 1 and place.is_dual and _is_policy(reply):
            # The other family of addresses may have the better reputation: the next attempt tries it first.
            self._note(self._result(index, Outcome.TEMPORARY, place, reply, detail), index)
        else:
            self._results[index] = self._result(index, Outcome.PERMANENT, place, reply, detail)

    def setback(
        self, indexes: Iterable[int], status: str, detail: str, place: Place | None = None, reply: Reply | None = None
    ) -> None:
        """Something else went wrong, of the class of `status`; other hosts may do better."""
        outcome = Outcome.PERMANENT if status.startswith("5") else Outcome.TEMPORARY
        for index in indexes:
            self._note(self._result(index, outcome, place or Place(), reply, detail, status), index)

    def give_up(self, indexes: Iterable[int], status: str, detail: str, place: Place | None = None) -> None:
        """The same, and no other host may be tried in this attempt."""
        indexes = list(indexes)
        self.setback(indexes, status, detail, place)
        for index in indexes:
            self._results[index] = self._setbacks[index]

    def results(self) -> list[Result]:
        """One a recipient, in order, with everything that was dialled. Whoever is pending has had a setback."""
        dialled = {host: tuple(ips) for host, ips in self._dialled.items()}
        found = {**self._setbacks, **self._results}
        return [
            Result(
                each.recipient,
                each.outcome,
                each.reply,
                each.status,
                each.detail,
                each.remote_host,
                each.remote_ip,
                each.secure,
                dialled,
            )
            for each in (found[index] for index in range(len(self._job.recipients)))
        ]

    def _note(self, result: Result, index: int) -> None:
        before = self._setbacks.get(index)
        if before is None or before.outcome is Outcome.PERMANENT or result.outcome is Outcome.TEMPORARY:
            self._setbacks[index] = result

    def _result(
        self, index: int, outcome: Outcome, place: Place, reply: Reply | None, detail: str, status: str = ""
    ) -> Result:
        if reply is not None and not status:
            status = _status(reply, outcome)
        recipient = self._job.recipients[index]
        return Result(recipient, outcome, reply, status, detail, place.host, place.ip, place.secure)


def _is_policy(reply: Reply) -> bool:
    return reply.enhanced.startswith("5.7.")  # RFC 3463 3.8


def _status(reply: Reply, outcome: Outcome) -> str:
    """The reply's enhanced code; where it has none, the class of its code."""
    if outcome is Outcome.TEMPORARY and not reply.enhanced.startswith("4"):
        return "4" + (reply.enhanced[1:] or ".0.0")  # a notice says what became of it, not what the host thinks
    return reply.enhanced or f"{reply.code // 100}.0.0"
