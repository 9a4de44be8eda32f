"""A client of IMAP that shows everything a server says, as plain values, and costs little.

    with imap_clients.connect(port) as client:
        client.login("mia", "secret")
        answer = client.run("SELECT INBOX")
        answer.status, answer.code, answer.of(b"EXISTS")

Values are bytes, tuples for lists, and None for NIL; the names of responses are in upper case. A literal and a quoted string
look the same. `Splitter` and `parse` need no socket: the stress test reads its twenty sessions with them.
"""

import re
import socket
import ssl
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

Value = bytes | None | tuple["Value", ...]

PATIENCE: Final = 60.0
"""Seconds until an answer has to be there; the machine may be busy with other tests."""

LITERAL: Final = re.compile(rb"\{(\d+)\}$")
TOKEN: Final = re.compile(
    rb' *(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|~?\{(\d+)\}\r\n|([^ ()"{\[]+\[[^\]]*\](?:<\d+>)?|[^ ()"{\r\n]+))'
)
ESCAPED: Final = re.compile(rb"\\(.)")
STATUSES: Final = frozenset((b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"))


class Closed(Exception):
    """The server closed the connection; the text is what it said last."""


class Refused(Exception):
    """A command that has to succeed did not; the text is what the server said."""


@dataclass(frozen=True, slots=True)
class Response:
    """One response: `* 3 FETCH (UID 7)` is tag `*`, number 3, name FETCH, values ((UID, 7),)."""

    tag: bytes
    name: bytes
    number: int | None = None
    code: tuple[Value, ...] = ()
    """Of OK, NO, BAD, BYE and PREAUTH: name in upper case and arguments of the response code, or nothing."""
    text: bytes = b""
    values: tuple[Value, ...] = ()

    def items(self) -> dict[bytes, Value]:
        """The pairs of a list, as in FETCH and STATUS: names in upper case."""
        pairs = next((value for value in self.values if isinstance(value, tuple)), ())
        return {
            name.upper(): value for name, value in zip(pairs[::2], pairs[1::2], strict=True) if isinstance(name, bytes)
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """All that was said from a command to its tagged response."""

    tagged: Response
    untagged: list[Response] = field(default_factory=list)

    @property
    def status(self) -> bytes:
        """OK, NO or BAD."""
        return self.tagged.name

    @property
    def code(self) -> tuple[Value, ...]:
        """The response code of the tagged response."""
        return self.tagged.code

    def of(self, name: bytes) -> list[Response]:
        """The untagged responses of a name."""
        return [each for each in self.untagged if each.name == name]

    def codes(self) -> dict[bytes, tuple[Value, ...]]:
        """Response codes, untagged ones too: name to arguments."""
        every = [each.code for each in (*self.untagged, self.tagged) if each.code]
        return {code[0]: code[1:] for code in every if isinstance(code[0], bytes)}

    def fetched(self) -> dict[int, dict[bytes, Value]]:
        """What FETCH said, by number; of several for one message, joined."""
        found: dict[int, dict[bytes, Value]] = {}
        for each in (*self.of(b"FETCH"), *self.of(b"UIDFETCH")):
            assert each.number is not None
            found.setdefault(each.number, {}).update(each.items())
        return found

    def by_uid(self) -> dict[int, dict[bytes, Value]]:
        """The same by UID; those without one are left out."""
        return {number(items[b"UID"]): items for items in self.fetched().values() if b"UID" in items}

    def found(self) -> list[int]:
        """The numbers of SEARCH, SORT, or of ALL in ESEARCH."""
        numbers: list[int] = []
        for each in self.untagged:
            if each.name in (b"SEARCH", b"SORT"):
                numbers += [number(value) for value in each.values if isinstance(value, bytes)]
            elif each.name == b"ESEARCH" and b"ALL" in each.values:
                numbers += members(each.values[each.values.index(b"ALL") + 1])
        return numbers


def number(value: Value) -> int:
    """A number."""
    assert isinstance(value, bytes)
    return int(value)


def names(value: Value) -> frozenset[bytes]:
    """A list of atoms, as FLAGS has."""
    assert isinstance(value, tuple)
    return frozenset(each for each in value if isinstance(each, bytes))


def members(value: Value) -> list[int]:
    """The numbers of a sequence set, in its order."""
    assert isinstance(value, bytes)
    found: list[int] = []
    for part in value.split(b","):
        low, _, high = part.partition(b":")
        first, last = int(low), int(high or low)
        found += range(first, last + 1) if first <= last else range(first, last - 1, -1)
    return found


def compressed(numbers: Sequence[int]) -> bytes:
    """A sequence set of ascending numbers."""
    parts: list[list[int]] = []
    for each in sorted(set(numbers)):
        if parts and parts[-1][1] == each - 1:
            parts[-1][1] = each
        else:
            parts.append([each, each])
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in parts)


class Splitter:
    """Octets in, whole responses out: lines with their literals, without the last CRLF."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._from = 0
        """Where the search for the end of a line goes on: behind literals that are complete."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """All responses that are complete now."""
        buffer = self._data
        buffer += data
        begin = 0
        while (end := buffer.find(b"\r\n", self._from)) >= 0:
            found = LITERAL.search(buffer, max(self._from, end - 24), end)
            if found:
                if len(buffer) < end + 2 + int(found[1]):
                    break
                self._from = end + 2 + int(found[1])
                continue
            yield bytes(buffer[begin:end])
            begin = self._from = end + 2
        if begin:
            del buffer[:begin]
            self._from -= begin


def parse(raw: bytes) -> Response:
    """The values of a response."""
    if raw[:1] == b"+":
        return Response(b"+", b"+", text=raw[2:])
    tag, _, rest = raw.partition(b" ")
    first, _, after = rest.partition(b" ")
    if first.isdigit():
        name, _, after = after.partition(b" ")
        return Response(tag, name.upper(), int(first), values=values(after))
    name = first.upper()
    if name not in STATUSES:
        return Response(tag, name, values=values(after))
    if after[:1] != b"[":
        return Response(tag, name, text=after)
    inner, _, text = after[1:].partition(b"]")
    code = values(inner)
    assert isinstance(code[0], bytes), raw
    return Response(tag, name, code=(code[0].upper(), *code[1:]), text=text.strip())


def values(text: bytes) -> tuple[Value, ...]:
    """The values of a line."""
    stack: list[list[Value]] = [[]]
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            assert not text[at:].strip(), f"no value begins here: {text[at : at + 80]!r}"
            break
        at = found.end()
        kind = found.lastindex
        if kind == 5:
            atom = found[5]
            stack[-1].append(None if atom == b"NIL" else atom)
        elif kind == 1:
            stack.append([])
        elif kind == 2:
            done = tuple(stack.pop())
            stack[-1].append(done)
        elif kind == 3:
            quoted = found[3]
            stack[-1].append(ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted)
        else:
            size = int(found[4])
            stack[-1].append(text[at : at + size])
            at += size
    assert len(stack) == 1, f"lists do not end: {text[:200]!r}"
    return tuple(stack[0])


def quoted(text: str | bytes) -> bytes:
    """A quoted string."""
    data = text.encode() if isinstance(text, str) else text
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def login_command(user: str, password: str) -> bytes:
    """LOGIN with its arguments."""
    return b"LOGIN %b %b" % (quoted(user), quoted(password))


class Client:
    """A connection whose calls wait. What was said and heard is kept in `transcript` if that is a list."""

    def __init__(self, wire: socket.socket, transcript: list[bytes] | None = None) -> None:
        self.wire = wire
        self.transcript = transcript
        self._splitter = Splitter()
        self._waiting: list[bytes] = []
        self._count = 0
        self._deflate: zlib._Compress | None = None
        self._inflate: zlib._Decompress | None = None
        self.greeting = self.read()

    def login(self, user: str, password: str) -> Answer:
        """Log in, or Refused."""
        return self.ok(login_command(user, password))

    def ok(self, command: str | bytes, *literals: bytes) -> Answer:
        """The same as `run`; Refused when it is not OK."""
        answer = self.run(command, *literals)
        if answer.status != b"OK":
            raise Refused(f"{command!r}: {answer.tagged}")
        return answer

    def run(self, command: str | bytes, *literals: bytes) -> Answer:
        """Send a command and wait for its end. Each `%s` in it is a literal, sent without asking."""
        return self.answer(self.begin(command, *literals))

    def begin(self, command: str | bytes, *literals: bytes) -> bytes:
        """Send a command and do not wait; its tag."""
        self._count += 1
        tag = b"t%d" % self._count
        data = command.encode() if isinstance(command, str) else command
        first, *others = data.split(b"%s") if literals else [data]
        for literal, other in zip(literals, others, strict=True):
            first += b"{%d+}\r\n%b%b" % (len(literal), literal, other)
        self.send(b"%b %b\r\n" % (tag, first))
        return tag

    def answer(self, tag: bytes) -> Answer:
        """What is said until the end of this command."""
        untagged: list[Response] = []
        while (response := self.read()).tag != tag:
            untagged.append(response)
        return Answer(response, untagged)

    def send(self, data: bytes) -> None:
        """Send octets."""
        if self.transcript is not None:
            self.transcript.append(b"C: " + data)
        if self._deflate is not None:
            data = self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self.wire.sendall(data)

    def read(self) -> Response:
        """The next response. Closed."""
        while not self._waiting:
            data = self.wire.recv(262144)
            if not data:
                raise Closed(self.transcript[-1].decode(errors="replace") if self.transcript else "")
            if self._inflate is not None:
                data = self._inflate.decompress(data)
            self._waiting += self._splitter.feed(data)
        raw = self._waiting.pop(0)
        if self.transcript is not None:
            self.transcript.append(b"S: " + raw)
        return parse(raw)

    def idle(self) -> bytes:
        """Begin IDLE; its tag."""
        tag = self.begin("IDLE")
        response = self.read()
        if response.tag != b"+":
            raise Refused(str(response))
        return tag

    def done(self, tag: bytes) -> Answer:
        """End IDLE."""
        self.send(b"DONE\r\n")
        return self.answer(tag)

    def append(self, mailbox: str, message: bytes, flags: str = "", date: str = "") -> Answer:
        """APPEND one message; Refused when it is not taken."""
        more = (f" ({flags})" if flags else "") + (f' "{date}"' if date else "")
        return self.ok(b"APPEND %b%b %%s" % (quoted(mailbox), more.encode()), message)

    def start_tls(self, context: ssl.SSLContext, hostname: str = "localhost") -> None:
        """STARTTLS."""
        self.ok("STARTTLS")
        self.wire = context.wrap_socket(self.wire, server_hostname=hostname)

    def compress(self) -> None:
        """COMPRESS DEFLATE (RFC 4978): raw deflate both ways."""
        self.ok("COMPRESS DEFLATE")
        self.begin_deflate()

    def begin_deflate(self) -> None:
        """Compress from here, after COMPRESS."""
        self._deflate = zlib.compressobj(wbits=-15)
        self._inflate = zlib.decompressobj(wbits=-15)

    def close(self) -> None:
        """Close the connection without a word."""
        self.wire.close()


@contextmanager
def connect(
    port: int, context: ssl.SSLContext | None = None, transcript: list[bytes] | None = None
) -> Iterator[Client]:
    """A connection to a port of this machine that has greeted; with TLS when there is a context."""
    client = opened(port, context, transcript)
    try:
        yield client
    finally:
        client.close()


def opened(port: int, context: ssl.SSLContext | None = None, transcript: list[bytes] | None = None) -> Client:
    """The same, to be closed by whoever asked."""
    wire = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        return Client(context.wrap_socket(wire, server_hostname="localhost") if context else wire, transcript)
    except BaseException:
        wire.close()
        raise
