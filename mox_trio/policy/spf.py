"""SPF: does the domain of MAIL FROM, or of HELO, let this address send for it? RFC 7208, by pyspf.

pyspf is synchronous and has no state but its query. So a check runs it with the answers there are; a question without an
answer ends the run, is asked, and the check runs again. An answer never changes within a check, hence each run comes
further. What pyspf does by itself with the network and the clock is replaced here: look-ups, void look-ups, the time.

When something fails: trouble with DNS is TEMPERROR, never another result (but for names of the client's address and the
explanation, where RFC 7208 5.5 and 6.2 say to go on); a record that is wrong, huge, or asks for too much is PERMERROR.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import spf

from mox_trio.base import limits
from mox_trio.base.address import Path
from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.policy.questions import Answer, Asking, Kind, Mx, Question, Status
from mox_trio.policy.results import DETAIL_CHARACTERS, Spf, SpfStatus
from mox_trio.protocol.smtp.envelope import IpAddress

_LABEL_OCTETS: Final = 63
Identity = Literal["mailfrom", "helo"]


def check(client: IpAddress, reverse_path: Path, hello: str, *, receiver: str, now: float) -> Asking[Spf]:
    """Check the domain of MAIL FROM; of HELO where that is `<>` (RFC 7208 2.4).

    `hello` is what HELO or EHLO said, `receiver` our hostname and `now` seconds since 1970: both only for explanations.
    """
    if isinstance(reverse_path.host, Domain):
        domain = reverse_path.host
        local = reverse_path.localpart or "postmaster"  # RFC 7208 4.3
        who = _Who("mailfrom", f"{local}@{domain.ascii}", domain)
        return _check(client, who, hello, receiver=receiver, now=now)
    if reverse_path.is_null:
        return check_identity(client, "helo", f"postmaster@{hello}", hello, receiver=receiver, now=now)
    return check_identity(client, "mailfrom", "postmaster@", hello, receiver=receiver, now=now)  # a literal has none


def check_identity(
    client: IpAddress, identity: Identity, sender: str, hello: str, *, receiver: str, now: float
) -> Asking[Spf]:
    """Check `sender`, a localpart (unquoted), @ and the domain, which may be anything that a peer said."""
    who = _Who(identity, sender, _maybe_domain(sender))
    return _check(client, who, hello, receiver=receiver, now=now)


def question(domain: Domain) -> Question:
    """Where the record of a domain is: the first that is asked about it."""
    return Question(domain.ascii, Kind.TXT)


class _Who(NamedTuple):
    """Whose right to send is checked."""

    identity: Identity
    sender: str
    domain: Domain | None
    """None where the sender's is not one."""


def _check(client: IpAddress, who: _Who, hello: str, *, receiver: str, now: float) -> Asking[Spf]:
    identity, sender, domain = who
    if domain is None or len(domain.labels) < 2:  # RFC 7208 4.3: not asked about at all
        return Spf(SpfStatus.NONE, identity, domain, detail="not a domain")
    memory = _Memory()
    answers = memory.answers
    record = _maybe_question(sender.rpartition("@")[2], "TXT")
    if record is not None:  # every run begins with it
        answers[record] = yield record
    for _ in range(limits.SPF_ROUNDS):
        run = _Run(client, sender, hello, receiver, now, memory)
        try:
            status, explanation, detail = run.result()
        except _Unasked as unasked:
            for question in unasked.questions:
                answers[question] = yield question
            continue
        return Spf(
            SpfStatus(status),
            identity,
            domain,
            _clean(explanation, limits.SPF_EXPLANATION_CHARACTERS),
            _clean(run.mechanism or "", DETAIL_CHARACTERS),
            _clean(detail, DETAIL_CHARACTERS),
            all(answer.authentic for answer in answers.values()) and bool(answers),
        )
    return Spf(SpfStatus.PERMERROR, identity, domain, detail="the record asks for too many look-ups")


def has_macros(answers: Iterable[Answer]) -> bool:
    """Whether a record may hold a macro: its result is then about more than the client's address and the domain."""
    return any(isinstance(record, bytes) and b"%" in record for answer in answers for record in answer.records)


class _Unasked(Exception):
    """A run needs answers that are not there yet."""

    def __init__(self, questions: list[Question]) -> None:
        super().__init__()
        self.questions = questions


class _Later(str):
    """Where the explanation is: it is fetched when the check failed, and only then."""

    domain: str


@dataclass(slots=True)
class _Memory:
    """What the runs of one check share."""

    answers: dict[Question, Answer] = field(default_factory=dict)
    terms: dict[tuple[str, str], Any] = field(default_factory=dict)
    """Terms that were read, by their text and the domain they stand for."""
    matches: dict[tuple[str, int], bool] = field(default_factory=dict)
    """Whether a network with so many bits holds the client's address."""


class _Run(spf.query):  # type: ignore[misc]
    """One run of pyspf over the answers there are. Attributes of one letter are macros of SPF: never add one."""

    def __init__(self, client: IpAddress, sender: str, hello: str, receiver: str, now: float, memory: _Memory) -> None:
        super().__init__(i=str(client), s=sender, h=hello, receiver=receiver, strict=True, querytime=0)
        # pyspf cuts at the first @, which a quoted localpart may hold
        self.l, _, self.o = sender.rpartition("@")
        self.l = self.l or "postmaster"
        self.d = self.o
        self.t = str(int(now))
        self.memory = memory
        self.prob = ""

    def result(self) -> tuple[str, str, str]:
        """The word of the result, the explanation and what went wrong. Raises _Unasked."""
        status, _, text = self.check()
        if status == "fail" and isinstance(text, _Later):
            return status, self.fetch_explanation(text), ""
        return status, "", self.prob if status in ("temperror", "permerror") else ""

    def fetch_explanation(self, later: _Later) -> str:
        """The explanation, expanded; empty where there is none, or none that is right (RFC 7208 6.2)."""
        self.d = later.domain
        try:
            found = self.dns_txt(str(later), ignore_void=True)
            if len(found) == 1 and len(found[0]) <= limits.SPF_RECORD_OCTETS:
                return str(self.expand(found[0].decode("ascii"), stripdot=False))
        except (spf.PermError, spf.TempError, UnicodeError):
            pass
        return ""

    # What follows replaces methods of pyspf.

    def get_explanation(self, spec: str) -> str:
        later = _Later(spec)
        later.domain = self.d
        return later

    def dns_spf(self, domain: str) -> str | None:
        record: str | None = super().dns_spf(domain)
        if record is not None and (
            len(record) > limits.SPF_RECORD_OCTETS
            or max(map(len, record.split(" "))) > limits.SPF_TERM_OCTETS  # macros are expanded in quadratic time
        ):
            raise spf.PermError("the record or a term of it is too long")
        return record

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
        """Records in pyspf's form; what is no name has none."""
        question = _maybe_question(name, qtype)
        answer = Answer(Status.NO_NAME) if question is None else self.answered([question])[0]
        if answer.status is Status.TROUBLE:
            raise spf.TempError("DNS " + answer.detail, name)
        if not answer.records and not ignore_void:
            self.void_lookups += 1  # RFC 7208 4.6.4
            if self.void_lookups > spf.MAX_VOID_LOOKUPS:
                raise spf.PermError(f"Void lookup limit of {spf.MAX_VOID_LOOKUPS} exceeded")
        return [_in_its_form(record) for record in answer.records]

    def validate_mechanism(self, mech: str) -> Any:
        key = (mech, self.d)
        if key not in self.memory.terms:
            self.memory.terms[key] = super().validate_mechanism(mech)
        return self.memory.terms[key]

    def cidrmatch(self, ipaddrs: list[Any], n: int) -> bool:
        for address in ipaddrs:
            key = (address, n)
            if key not in self.memory.matches:
                self.memory.matches[key] = super().cidrmatch([address], n)
            if self.memory.matches[key]:
                return True
        return False

    def dns_mx(self, domainname: str) -> list[object]:
        """Addresses of all mail hosts, which are asked for together."""
        hosts = [str(host) for _, host in sorted(self.dns(domainname, "MX"))]
        if len(hosts) > spf.MAX_MX:  # RFC 7208 4.6.4
            raise spf.PermError(f"More than {spf.MAX_MX} MX records returned")
        self.ask_all(hosts)
        return [address for host in hosts for address in self.dns_a(host, self.A)]

    def validated_ptrs(self) -> list[str]:
        """Names of the client that lead back to it; RFC 7208 5.5: trouble is no match, more than ten are not asked."""
        try:
            names = [str(name) for name in self.dns_ptr(self.i)[: spf.MAX_PTR]]
        except spf.TempError:
            return []
        self.ask_all(names)
        return [name for name in names if self.leads_back(name)]

    def leads_back(self, name: str) -> bool:
        """Whether the client's address is one of the name's."""
        try:
            return bool(self.cidrmatch(self.dns_a(name, self.A), self.cidrmax))
        except spf.TempError:
            return False

    # And these are what they share.

    def ask_all(self, hosts: list[str]) -> None:
        """Have the addresses of all hosts asked for in one round."""
        self.answered([question for host in hosts if (question := _maybe_question(host, self.A)) is not None])

    def answered(self, questions: list[Question]) -> list[Answer]:
        """The answers. Raises _Unasked where one is missing."""
        missing = [question for question in dict.fromkeys(questions) if question not in self.memory.answers]
        if missing:
            raise _Unasked(missing)
        return [self.memory.answers[question] for question in questions]


def _maybe_question(name: str, qtype: str) -> Question | None:
    name = name.lower().removesuffix(".")
    if not name.isascii() or len(name) > 253 or not all(0 < len(each) <= _LABEL_OCTETS for each in name.split(".")):
        return None
    return Question(name, Kind(qtype))


def _in_its_form(record: object) -> object:
    match record:
        case Mx(preference, host):
            return preference, host
        case bytes():
            return [record]
        case _:
            return record


def _maybe_domain(sender: str) -> Domain | None:
    try:
        return Domain.parse(sender.rpartition("@")[2], underscore=True)
    except InvalidAddress:
        return None


def _clean(text: str, characters: int) -> str:
    """Printable ASCII, bounded: what the domain says goes into logs and header fields."""
    return "".join(each for each in text[:characters] if " " <= each <= "~")
