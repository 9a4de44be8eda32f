"""One question to one resolver: UDP, then TCP where the answer did not fit. Messages are dnspython's,
but for the plain ones (`dns_plain`).

Asked with RD and AD (RFC 6840 5.7: tell me whether it is authentic) and without DO, so that signatures stay with the resolver.
A packet with another id or question, or that cannot be read, is not an answer: the next one is waited for.
Raises OSError when the resolver cannot be reached; there is no time limit here.
"""

import socket
import struct
from socket import AF_INET, AF_INET6, SOCK_DGRAM
from time import perf_counter
from typing import Any, Final, Self

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import trio

from mox_trio.base import limits
from mox_trio.policy.questions import Answer, Kind, Mx, Question, Record, Status, Tlsa
from mox_trio.transport import dns_plain

PAYLOAD: Final = 1232
"""Octets of a UDP answer that pass everywhere without fragments."""
LONG: Final = 0.005
"""Seconds after which others have their turn, also when answers are there at once."""
_ASKING: Final = struct.pack("!HHHHH", dns.flags.RD | dns.flags.AD, 1, 0, 0, 1)
"""The header without its identifier (RFC 1035 4.1.1)."""
_OPT: Final = struct.pack("!BHHIH", 0, 41, PAYLOAD, 0, 0)  # RFC 6891 6.1.2
_ENDS: Final = {
    kind: b"\0" + struct.pack("!HH", dns.rdatatype.from_text(kind.value), dns.rdataclass.IN) + _OPT for kind in Kind
}
"""What is behind the last label."""
_AROUND_NAME: Final = 12 + 4 + len(_OPT)
_OCTETS: Final = [bytes((number,)) for number in range(64)]


def maybe_query(question: Question, identifier: bytes) -> bytes | None:
    """The message that asks, or None where the name cannot be one (RFC 1035 2.3.4). `identifier` is two octets."""
    name, kind = question
    if not name.isascii():
        return None
    parts = [identifier, _ASKING]
    for label in name.encode().split(b"."):
        if not 0 < len(label) <= 63:
            return None
        parts += (_OCTETS[len(label)], label)
    parts.append(_ENDS[kind])
    query = b"".join(parts)
    return query if len(query) - _AROUND_NAME <= 255 else None


async def ask(address: str, port: int, question: Question, query: bytes) -> Answer:
    """What the resolver at `address` says to `query`, made by `maybe_query` for `question`."""
    # A port of its own for each question, and errors of the network are told. Without trio's sockets, which cost as much as
    # all the rest: what is done here at once never blocks.
    with _connected(address, port) as sock:
        sock.send(query)
        while (response := _maybe_read(question, query, await _received(sock))) is None:
            await trio.lowlevel.checkpoint()
    if isinstance(response, Answer):
        return response
    if response.flags & dns.flags.TC:
        response = await _by_tcp(address, port, query)
    return _answer(question, response)


class Port:
    """Several questions to the resolver at `address` from one port, which nobody else uses: for what one message needs to know.
    Raises OSError like `ask`.
    """

    def __init__(self, address: str, port: int) -> None:
        self._socket = _connected(address, port)
        self._waiting: dict[bytes, tuple[Question, bytes]] = {}
        self._turn = perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to `receive`."""
        return bool(self._waiting)

    def send(self, question: Question, query: bytes) -> None:
        """Ask; `query` was made by `maybe_query` for the question."""
        self._socket.send(query)
        self._waiting[query[:2]] = question, query

    async def receive(self) -> tuple[Question, Answer | None]:
        """The next answer; None for one that did not fit, or is trouble: `ask` is for those."""
        while True:
            if perf_counter() - self._turn > LONG:
                await trio.lowlevel.checkpoint()
                self._turn = perf_counter()
            try:
                wire = self._socket.recv(65535)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self._socket)
                self._turn = perf_counter()
                continue
            question, query = self._waiting.get(wire[:2], (None, b""))
            response = None if question is None else _maybe_read(question, query, wire)
            if question is not None and response is not None:
                del self._waiting[wire[:2]]
                return question, _maybe_certain(question, response)


def _connected(address: str, port: int) -> socket.socket:
    sock = socket.socket(AF_INET6 if ":" in address else AF_INET, SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock


async def _received(sock: socket.socket) -> bytes:
    """The next packet."""
    while True:
        try:
            return sock.recv(65535)
        except BlockingIOError:  # nothing yet, or what came was no good
            await trio.lowlevel.wait_readable(sock)


def _maybe_read(question: Question, query: bytes, wire: bytes) -> Answer | dns.message.QueryMessage | None:
    """What a packet says to the question; None where it does not belong to it."""
    asked = query[12 : -len(_OPT)]
    if wire[:2] == query[:2] and wire[12 : 12 + len(asked)].lower() == asked:
        plain = dns_plain.maybe_answer(question.kind, wire, 12 + len(asked))
        if plain is not None:
            return plain
    return _maybe_response(wire, query)


def _maybe_certain(question: Question, response: Answer | dns.message.QueryMessage) -> Answer | None:
    if isinstance(response, Answer):
        return response
    if response.flags & dns.flags.TC:
        return None
    answer = _answer(question, response)
    return None if answer.status is Status.TROUBLE else answer


async def _by_tcp(address: str, port: int, query: bytes) -> dns.message.QueryMessage:
    async with await trio.open_tcp_stream(address, port) as stream:
        await stream.send_all(struct.pack("!H", len(query)) + query)  # RFC 1035 4.2.2
        held = bytearray()
        while len(held) < 2 or len(held) < 2 + int.from_bytes(held[:2], "big"):
            more = await stream.receive_some(65537 - len(held))
            if not more:
                raise ConnectionError("the resolver ended the connection")
            held += more
    response = _maybe_response(bytes(held[2:]), query)
    if response is None:
        raise ConnectionError("the resolver answered something else")
    return response


def _maybe_response(wire: bytes, query: bytes) -> dns.message.QueryMessage | None:
    """The message, if it is one and answers the query: the same id and question, whatever its case."""
    question = query[12 : -len(_OPT)]
    if wire[:2] != query[:2] or len(wire) < 12:
        return None
    try:
        response = dns.message.from_wire(wire, raise_on_truncation=False, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return None
    if not isinstance(response, dns.message.QueryMessage) or not response.flags & dns.flags.QR:
        return None
    if wire[12 : 12 + len(question)].lower() != question.lower():
        # RFC 1035 4.1.1: a resolver that could not read the question may leave it out
        return response if response.rcode() == dns.rcode.FORMERR and not response.question else None
    return response


def _answer(question: Question, response: dns.message.QueryMessage) -> Answer:
    code = response.rcode()
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Answer(Status.TROUBLE, detail=_trouble(response))
    try:
        chain = response.resolve_chaining()
    except dns.exception.DNSException as error:
        return Answer(Status.TROUBLE, detail=type(error).__name__)
    if len(chain.cnames) > limits.DNS_CNAMES:
        return Answer(Status.TROUBLE, detail="too many CNAMEs")
    records = _records(question.kind, chain.answer) if chain.answer is not None else ()
    status = Status.FOUND if records else Status.NO_NAME if code == dns.rcode.NXDOMAIN else Status.NO_DATA
    ttl = int(chain.minimum_ttl)
    if not records and not any(each.rdtype == dns.rdatatype.SOA for each in response.authority):
        ttl = 0  # RFC 2308 5: without SOA it is not to be kept
    return Answer(
        status,
        records,
        bool(response.flags & dns.flags.AD),
        _name(chain.canonical_name) if chain.cnames else "",
        ttl,
    )


def _records(kind: Kind, found: dns.rrset.RRset) -> tuple[Record, ...]:
    return tuple(_record(kind, each) for each, _ in zip(found, range(limits.DNS_ANSWER_RECORDS), strict=False))


def _record(kind: Kind, data: Any) -> Record:
    match kind:
        case Kind.A | Kind.AAAA:
            return str(data.address)
        case Kind.TXT:
            return b"".join(data.strings)
        case Kind.MX:
            return Mx(data.preference, _name(data.exchange))
        case Kind.TLSA:
            return Tlsa(data.usage, data.selector, data.mtype, data.cert)
        case Kind.SOA:
            return _name(data.mname)
        case _:
            return _name(data.target)


def _name(name: dns.name.Name) -> str:
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()


def _trouble(response: dns.message.QueryMessage) -> str:
    """The code, and why, where the resolver says so (RFC 8914). Its text is not repeated."""
    reasons = [str(int(option.code)) for option in response.extended_errors()]
    code = dns.rcode.to_text(response.rcode())
    return f"{code}, extended error {', '.join(reasons[:5])}" if reasons else code
