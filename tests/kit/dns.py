"""DNS for tests: a dict of names, as a resolver (`look_up`) and for decisions without a loop (`decide`).

    zone = Zone({
        "x.example": {"MX": [(10, "mail.x.example")], "TXT": ["v=spf1 mx -all"]},
        "mail.x.example": {"A": ["192.0.2.1"]},
        "alias.example": {"CNAME": ["x.example"]},
        "1.2.0.192.in-addr.arpa": {"PTR": ["mail.x.example"]},
    }, authentic={"x.example"}, trouble={"broken.example", ("x.example", "AAAA")})

A name that is in no key and above no key does not exist (NXDOMAIN). TXT is text or bytes; a list in it is the strings of
one record. What was asked is in `asked`, in order.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

import trio

from mox_trio.policy.questions import Answer, Asking, Kind, Mx, Question, Record, Status, Tlsa
from mox_trio.transport.resolver import Resolver

T = TypeVar("T")
Written = str | bytes | tuple[int, str] | Mx | Tlsa | Sequence[str] | Sequence[bytes]
Names = Mapping[str, Mapping[str, Sequence[Written]]]
Selected = Collection[str | tuple[str, str]]
"""Names, or names with a type."""
TTL = 300


class Zone(Resolver):
    """Answers from a dict. `everything_authentic` says that every answer was signed, also of what does not exist."""

    def __init__(
        self,
        names: Names,
        *,
        authentic: Selected = (),
        trouble: Selected = (),
        everything_authentic: bool = False,
    ) -> None:
        self._names = {name.lower().rstrip("."): dict(records) for name, records in names.items()}
        self._authentic = authentic
        self._trouble = trouble
        self._everything_authentic = everything_authentic
        self.asked: list[Question] = []

    def set(self, name: str, kind: str, records: Sequence[Written]) -> None:
        """Replace the records of one type at one name."""
        self._names.setdefault(name.lower(), {})[kind] = records

    async def look_up(self, question: Question) -> Answer:
        await trio.lowlevel.checkpoint()
        return self.answer(question)

    def answer(self, question: Question) -> Answer:
        """The same without a loop."""
        self.asked.append(question)
        name, authentic = question.name, True
        for hop in range(17):
            if self._is_in(name, question.kind, self._trouble):
                return Answer(Status.TROUBLE, detail="SERVFAIL")
            authentic = authentic and (self._everything_authentic or self._is_in(name, question.kind, self._authentic))
            canonical = name if hop else ""
            records = self._names.get(name)
            if records is None:
                exists = any(other.endswith("." + name) for other in self._names)
                status = Status.NO_DATA if exists else Status.NO_NAME
                return Answer(status, (), authentic, canonical, TTL)
            if "CNAME" in records and question.kind is not Kind.CNAME:
                name = str(records["CNAME"][0]).lower().rstrip(".")
                continue
            found = tuple(_record(question.kind, each) for each in records.get(question.kind.value, ()))
            return Answer(Status.FOUND if found else Status.NO_DATA, found, authentic, canonical, TTL)
        return Answer(Status.TROUBLE, detail="CNAME loop")

    @staticmethod
    def _is_in(name: str, kind: Kind, selected: Selected) -> bool:
        return name in selected or (name, kind.value) in selected


def decide(asking: Asking[T], zone: Zone) -> T:
    """The result of a decision whose questions the zone answers."""
    try:
        question = next(asking)
        while True:
            question = asking.send(zone.answer(question))
    except StopIteration as done:
        result: T = done.value
        return result


def _record(kind: Kind, written: Written) -> Record:
    if isinstance(written, Mx | Tlsa):
        return written
    if kind is Kind.MX:
        assert isinstance(written, tuple)
        preference, host = written
        assert isinstance(preference, int)
        return Mx(preference, str(host).lower().rstrip("."))
    if kind is Kind.TXT:
        if isinstance(written, str | bytes):
            return _octets(written)
        return b"".join(_octets(each) for each in written if isinstance(each, str | bytes))
    assert isinstance(written, str)
    return written if kind in (Kind.A, Kind.AAAA) else written.lower().rstrip(".")


def _octets(written: str | bytes) -> bytes:
    return written if isinstance(written, bytes) else written.encode()
