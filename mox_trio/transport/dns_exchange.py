"""One question to one resolver: UDP, then TCP where the answer did not fit. Messages are dnspython's,
but for the plain ones (`dns_plain`).

Asked with RD and AD (RFC 6840 5.7: tell me whether it is authentic) and without DO, so that signatures stay with the resolver.
A packet with another id or question, or that cannot be read, is not an answer: the next one is waited for.
Raises OSError when the resolver cannot be reached; there is no time limit here.
"""

import socket
import struct
from socket import AF_INET, AF_INET6, SOCK_DGRAM
from typing import Any, Final

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
_HEADER: Final = struct.Struct("!HHHHHH")
_TYPES: Final = {kind: dns.rdatatype.from_text(kind.value) for kind in Kind}
_OPT: Final = struct.pack("!BHHIH", 0, 41, PAYLOAD, 0, 0)  # RFC 6891 6.1.2


def maybe_query(question: Question, identifier: int) -> bytes | None:
    """The message that asks, or None where the name cannot be one (RFC 1035 2.3.4)."""
    labels = [label.encode("ascii", "replace") for label in question.name.split(".")]
    wire = b"".join(bytes((len(label) & 0xFF,)) + label for label in labels) + b"\0"
    if not question.name.isascii() or len(wire) > 255 or not all(0 < len(label) <= 63 for label in labels):
        return None
    flags = dns.flags.RD | dns.flags.AD
    header = _HEADER.pack(identifier, flags, 1, 0, 0, 1)
    return header + wire + struct.pack("!HH", _TYPES[question.kind], dns.rdataclass.IN) + _OPT


async def ask(address: str, port: int, question: Question, query: bytes) -> Answer:
    """What the resolver at `address` says to `query`, made by `maybe_query` for `question`."""
    response = await _by_udp(address, port, question, query)
    if isinstance(response, Answer):
        return response
    if response.flags & dns.flags.TC:
        response = await _by_tcp(address, port, query)
    return _answer(question, response)


async def _by_udp(address: str, port: int, question: Question, query: bytes) -> Answer | dns.message.QueryMessage:
    asked = query[12 : -len(_OPT)]
    # A port of its own for each question, and errors of the network are told. Without trio's sockets, which cost as much as
    # all the rest: what is done here at once never blocks.
    with socket.socket(AF_INET6 if ":" in address else AF_INET, SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect((address, port))
        sock.send(query)
        while True:
            await trio.lowlevel.wait_readable(sock)
            try:
                wire = sock.recv(65535)
            except BlockingIOError:  # what came was no good
                continue
            if wire[:2] == query[:2] and wire[12 : 12 + len(asked)].lower() == asked:
                plain = dns_plain.maybe_answer(question.kind, wire, 12 + len(asked))
                if plain is not None:
                    return plain
            response = _maybe_response(wire, query)
            if response is not None:
                return response


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
    if not records and not response.authority:
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
