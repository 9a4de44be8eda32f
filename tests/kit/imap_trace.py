"""Traces of IMAP: the same commands for two servers, and answers with what servers are free in taken out of them.

`steps(seed, count)` are commands of two sessions of one account, which begins empty; `heard` is an answer in a form in which
answers of two servers are equal when they mean the same. Taken out are UIDVALIDITY, mod-sequences, dates that the server
chose, texts, \\Recent, and the order of what may come in any order.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.kit.imap_clients import Answer, Response, Value, compressed, members

Heard = tuple[object, ...]

DATE: Final = "17-Jul-2026 02:44:25 -0700"
NAMES: Final = ("INBOX", "one", "two", "two/deep", "two/deep/er", '"with space"', "Gr&APwA3w-e")
LEAVES: Final = NAMES[4:]
"""Those that go and come; what a server does with parents that are missing is its own affair."""
FLAGS: Final = ("\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$label", "\\Deleted")
NUMBERED: Final = re.compile(r"(UID )?(FETCH|STORE|COPY|MOVE|SEARCH|SORT|THREAD|EXPUNGE)")
WORDS: Final = ("alpha", "beta", "gamma", "delta")

BODIES: Final = (
    "Content-Type: text/plain; charset=us-ascii\r\n\r\nplain {word} text\r\nof two lines\r\n",
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nsch=C3=B6n {word}=\r\n er\r\n",
    "Content-Type: text/plain; charset=iso-8859-1; format=flowed\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "YmFzZTY0IHRleHQ=\r\n",
    "Content-Type: multipart/alternative; boundary=x\r\n\r\npreamble\r\n--x\r\nContent-Type: text/plain\r\n\r\n{word}\r\n"
    "--x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Language: en, de\r\nContent-ID: <part@example>\r\n\r\n"
    "<p>{word}</p>\r\n--x--\r\nepilogue\r\n",
    'Content-Type: multipart/mixed; boundary="a b"\r\n\r\n--a b\r\n\r\nno type {word}\r\n--a b\r\n'
    "Content-Type: message/rfc822\r\nContent-Description: inner one\r\n\r\n"
    "From: inner@example.org\r\nSubject: inner {word}\r\nTo: a@b.example\r\n\r\ninner text\r\n--a b\r\n"
    'Content-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment; filename="a.pdf"; size=3\r\n'
    "Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\nContent-Location: http://example.org/\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--a b--\r\n",
    "\r\nno type at all, {word}\r\n",
)
HEADERS: Final = (
    "From: Ann Example <ann@far.example>\r\nTo: mia@here.example, Bob <bob@far.example>\r\nSubject: {word} {number}\r\n"
    "Date: Fri, 17 Jul 2026 02:44:25 -0700\r\nMessage-ID: <{number}@far.example>\r\nMIME-Version: 1.0\r\n",
    'From: "Quoted, Name" <q@far.example>\r\nSender: s@far.example\r\nReply-To: r@far.example\r\n'
    "To: Friends: a@far.example, b@far.example;\r\nCc: c@far.example\r\nBcc: d@far.example\r\n"
    "Subject: Re: {word}\r\nDate: Sat, 18 Jul 2026 10:00:00 +0200\r\nIn-Reply-To: <1@far.example>\r\n"
    "References: <0@far.example> <1@far.example>\r\nMessage-ID: <{number}.r@far.example>\r\nMIME-Version: 1.0\r\n",
    "From: =?utf-8?q?J=C3=BCrgen?= <j@far.example>\r\nTo: undisclosed-recipients:;\r\nSubject: =?utf-8?b?w7xiZXI=?= {word}\r\n"
    "Date: Sun, 19 Jul 2026 10:00:00 +0000\r\nMessage-ID: <{number}.j@far.example>\r\nMIME-Version: 1.0\r\n"
    "X-Folded: one\r\n\ttwo {word}\r\n",
    "Subject:\r\nFrom: only@far.example\r\nDate: Mon, 20 Jul 2026 23:30:00 -0500\r\nMIME-Version: 1.0\r\n",
)


@dataclass(frozen=True, slots=True)
class Step:
    """A command of one of the sessions; each `%s` is a literal."""

    session: int
    command: str
    literals: tuple[bytes, ...] = ()

    def __str__(self) -> str:
        return f"{self.session}: {self.command}"


def message(draw: random.Random, number: int) -> bytes:
    """A message."""
    header, body = draw.choice(HEADERS), draw.choice(BODIES)
    return (header + body).format(word=draw.choice(WORDS), number=number).encode()


class Maker:
    """Draws commands, and keeps a little of what they lead to, so that most of them mean something."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.number = 0
        self.reading = [False, False]
        """Whether a session may only read its mailbox: what it then tries to change is another matter."""
        self.session = 0

    def name(self) -> str:
        """A mailbox."""
        return self.draw.choice(NAMES)

    def numbers(self) -> str:
        """A sequence set, at times of what is not there."""
        first = self.draw.randrange(1, 9)
        return self.draw.choice(
            (
                f"{first}",
                f"{first}:{first + 3}",
                f"{first},{first + 2}",
                "1:*",
                "*",
                f"{first + 3}:{first}",
                "2:*",
                "1:3,5",
            )
        )

    def flags(self) -> str:
        """Some flags."""
        return " ".join(sorted({self.draw.choice(FLAGS) for _ in range(self.draw.randrange(1, 3))}))

    def uid(self) -> str:
        """The beginning of a command by UID, or not."""
        return self.draw.choice(("", "UID "))

    def append(self) -> tuple[str, tuple[bytes, ...]]:
        """APPEND."""
        self.number += 1
        flags = f" ({self.flags()})" if self.draw.random() < 0.5 else ""
        return f'APPEND {self.draw.choice(("INBOX", "one", "two", self.name()))}{flags} "{DATE}" %s', (
            message(self.draw, self.number),
        )

    def fetch(self) -> str:
        """FETCH."""
        items = self.draw.choice(
            (
                "FLAGS", "(UID FLAGS)", "ALL", "FAST", "FULL", "ENVELOPE", "BODYSTRUCTURE", "BODY", "RFC822.SIZE", "INTERNALDATE",
                "(UID BODY.PEEK[HEADER])", "BODY.PEEK[HEADER.FIELDS (Subject FROM)]", "BODY.PEEK[HEADER.FIELDS.NOT (Received)]",
                "BODY.PEEK[TEXT]", "BODY[]", "BODY.PEEK[1]", "BODY.PEEK[2]", "BODY.PEEK[1.MIME]", "BODY.PEEK[2.HEADER]",
                "BODY.PEEK[2.1]", "BODY.PEEK[2.TEXT]", "BODY.PEEK[]<3.10>", "BODY.PEEK[TEXT]<0.5>", "BODY.PEEK[]<100000.5>",
                "RFC822", "RFC822.HEADER", "RFC822.TEXT", "BINARY.PEEK[1]", "BINARY.SIZE[1]", "(MODSEQ)", "(FLAGS MODSEQ UID)",
                "BODY.PEEK[3.MIME]", "BODY.PEEK[9]", "(BODY.PEEK[1] BODY.PEEK[1]<2.3>)",
            )
        )  # fmt: skip
        return f"{self.uid()}FETCH {self.numbers()} {items}"

    def store(self) -> str:
        """STORE."""
        sign, silent = self.draw.choice(("+", "-", "")), self.draw.choice(("", "", ".SILENT"))
        return f"{self.uid()}STORE {self.numbers()} {sign}FLAGS{silent} ({self.flags()})"

    def key(self, depth: int = 0) -> str:
        """A search key."""
        word = self.draw.choice(WORDS)
        simple = [
            "ALL", "SEEN", "UNSEEN", "FLAGGED", "ANSWERED", "DRAFT", "DELETED", "UNDELETED", "KEYWORD $label", "UNKEYWORD $label",
            f"SUBJECT {word}", f"TEXT {word}", f"BODY {word}", "FROM ann", "TO bob", "CC c@far", "BCC d@far", "SUBJECT re",
            "HEADER Message-ID far.example", 'HEADER In-Reply-To ""', 'HEADER X-Folded ""', "LARGER 400", "SMALLER 400",
            "SINCE 17-Jul-2026", "BEFORE 17-Jul-2026", "ON 17-Jul-2026", "SENTSINCE 18-Jul-2026", "SENTBEFORE 18-Jul-2026",
            "SENTON 18-Jul-2026", "SENTON 20-Jul-2026", "1:3", "2:*", "UID 2:4", "UID 1,5", f'SUBJECT "{word}"',
            'TEXT "two lines"', 'SUBJECT ""', "YOUNGER 3600", "OLDER 3600",
        ]  # fmt: skip
        if depth < 2 and self.draw.random() < 0.35:
            one, other = self.key(depth + 1), self.key(depth + 1)
            return self.draw.choice(
                (f"NOT {one}", f"OR {one} {other}", f"({one} {other})", f"{one} {other}" if depth == 0 else one)
            )
        return self.draw.choice(simple)

    def search(self) -> str:
        """SEARCH, SORT and THREAD."""
        uid, key = self.uid(), self.key()
        sort = self.draw.choice(
            ("SUBJECT", "DATE", "REVERSE DATE", "SIZE", "FROM", "TO", "ARRIVAL SUBJECT", "REVERSE SUBJECT DATE")
        )
        return self.draw.choice(
            (
                f"{uid}SEARCH {key}",
                f"{uid}SEARCH {key}",
                f"{uid}SEARCH CHARSET UTF-8 {key}",
                f"{uid}SEARCH RETURN (MIN MAX COUNT) {key}",
                f"{uid}SEARCH RETURN (ALL) {key}",
                f"{uid}SEARCH RETURN () {key}",
                f"{uid}SORT ({sort}) UTF-8 {key}",
                f"{uid}THREAD {self.draw.choice(('REFERENCES', 'ORDEREDSUBJECT'))} UTF-8 {key}",
            )
        )

    def mailbox(self) -> str:
        """Commands about mailboxes."""
        name = self.name()
        pattern = self.draw.choice(("*", "%", "two/%", "two*", "INBOX", "w%", "nothing", '""', "%/%"))
        pattern = pattern if pattern == '""' else f'"{pattern}"'
        leaf = self.draw.choice(LEAVES)
        return self.draw.choice(
            (
                f"CREATE {name}",
                f"CREATE {leaf}",
                f"DELETE {leaf}",
                f"SUBSCRIBE {name}",
                f"UNSUBSCRIBE {name}",
                f'LIST "" {pattern}',
                f'LIST "" {pattern} RETURN (SUBSCRIBED)',
                f'LIST (SUBSCRIBED) "" {pattern}',
                f'LSUB "" {pattern}',
                f"STATUS {name} (MESSAGES UIDNEXT UNSEEN)",
                f"STATUS {name} (MESSAGES SIZE)",
                'RENAME "with space" "no/space"',
                'RENAME "no/space" "with space"',
                "NAMESPACE",
            )
        )

    def wrong(self) -> str:
        """Commands that are no commands, or lack something, or come too early."""
        return self.draw.choice(
            (
                "NOSUCH", "FETCH", "FETCH 1", "FETCH 0 FLAGS", "FETCH 1 (FLAGS", "FETCH x FLAGS", "FETCH 1 NOSUCH",
                "STORE 1 +NOFLAGS (\\Seen)", "SEARCH", "SEARCH NOSUCH", "SEARCH SINCE yesterday",
                "SEARCH CHARSET nosuch TEXT x", "COPY 1", "APPEND", "LOGIN a b", "STATUS one", "STATUS one (NOSUCH)", "LIST",
                "UID", "UID NOOP", "UID FETCH 1", "NOOP x", "EXPUNGE 1", "CREATE", "DELETE nosuch", "RENAME nosuch other",
                "SELECT nosuch", "COPY 1 nosuch", "STATUS nosuch (MESSAGES)", "AUTHENTICATE NOSUCH", "STARTTLS",
                "STORE 1 FLAGS (\\Nosuch)",
                "FETCH 1 BODY.PEEK[0]", "FETCH 1 BODY[]<1.0>", "FETCH 1:2:3 FLAGS", "SORT (NOSUCH) UTF-8 ALL",
                "THREAD NOSUCH UTF-8 ALL",
            )
        )  # fmt: skip

    def step(self) -> Step:
        """The next command."""
        session = self.session = 0 if self.draw.random() < 0.7 else 1
        kind = self.draw.choices(
            (
                self.append,
                self.fetch,
                self.store,
                self.search,
                self.mailbox,
                self.wrong,
                self.select,
                self.copy,
                self.end,
            ),
            (12, 24, 12, 20, 10, 6, 7, 5, 4),
        )[0]
        made: str | tuple[str, tuple[bytes, ...]] = kind()
        return Step(session, made) if isinstance(made, str) else Step(session, *made)

    def select(self) -> str:
        """SELECT and its like."""
        name = self.draw.choice(("INBOX", "one", "two"))
        verb = self.draw.choice(("SELECT", "SELECT", "EXAMINE"))
        self.reading[self.session] = verb == "EXAMINE"
        return f"{verb} {name}" + self.draw.choice(("", "", " (CONDSTORE)"))

    def copy(self) -> str:
        """COPY and MOVE."""
        verb, name = self.draw.choice(("COPY", "MOVE", "MOVE")), self.draw.choice(("one", "two", "INBOX"))
        first = self.draw.randrange(1, 9)
        numbers = self.draw.choice((f"{first}", f"{first}:{first + 2}", f"{first},{first + 2}", "*"))
        if self.reading[self.session]:
            verb = "COPY"
        return f"{self.uid()}{verb} {numbers} {name}"

    def end(self) -> str:
        """EXPUNGE and its like."""
        if self.reading[self.session]:
            return self.draw.choice(("NOOP", "CHECK"))
        return self.draw.choice(
            ("EXPUNGE", "EXPUNGE", f"UID EXPUNGE {self.numbers()}", "NOOP", "NOOP", "CHECK", "CLOSE", "UNSELECT")
        )


def steps(seed: int, count: int) -> Iterator[Step]:
    """So many commands."""
    maker = Maker(seed)
    for name in ("one", "two", "two/deep", "no"):
        yield Step(0, f"CREATE {name}")
    for session in (0, 1):
        yield Step(session, "SELECT INBOX")
    for _ in range(6):
        yield Step(0, *maker.append())
    given, news = 12, [False, False]
    while given < count:
        step = maker.step()
        # When the other session has done something, servers tell of it sooner or later, and numbers mean what was told.
        if news[step.session] and NUMBERED.match(step.command) and given < count - 1:
            yield Step(step.session, "NOOP")
            given += 1
            news[step.session] = False
        yield step
        given += 1
        news[1 - step.session] = True


# What is heard, in a form that can be compared.


def heard(answer: Answer) -> Heard:
    """An answer with what is free taken out."""
    untagged = [each for each in answer.untagged if each.name not in (b"RECENT", b"FLAGS", b"CAPABILITY", b"ID")]
    rows: list[Heard] = []
    gone = [each.number for each in untagged if each.name == b"EXPUNGE" and each.number]
    if gone:
        rows.append(("EXPUNGE", places(gone)))
    sizes = [each.number for each in untagged if each.name == b"EXISTS"]
    if sizes:
        rows.append(("EXISTS", sizes[-1]))
    rows += [("FETCH", number, items_of(items)) for (_, number), items in sorted(fetched(untagged).items())]
    others = [other(each) for each in untagged if each.name not in (b"EXPUNGE", b"EXISTS", b"FETCH")]
    rows += sorted((each for each in others if each), key=repr)
    return (answer.status.decode(), code_of(answer.tagged), *rows)


def fetched(untagged: list[Response]) -> dict[tuple[int, int], dict[bytes, Value]]:
    """What FETCH said of each message: how many went before it was said, and its number then."""
    found: dict[tuple[int, int], dict[bytes, Value]] = {}
    gone = 0
    for each in untagged:
        gone += each.name == b"EXPUNGE"
        if each.name == b"FETCH" and each.number:
            found.setdefault((gone, each.number), {}).update(each.items())
    return found


def places(gone: list[int]) -> bytes:
    """Which messages were expunged, by the numbers they had before: servers may begin at either end."""
    left = list(range(1, 10_000))
    return compressed([left.pop(number - 1) for number in gone])


def code_of(response: Response) -> object:
    """A response code without the numbers that a server chooses."""
    if not response.code:
        return None
    name, *arguments = response.code
    assert isinstance(name, bytes)
    if name in (b"UIDVALIDITY", b"HIGHESTMODSEQ", b"PERMANENTFLAGS", b"CAPABILITY"):
        return name.decode()
    if name == b"APPENDUID":
        return name.decode(), arguments[1]
    if name == b"COPYUID":
        return name.decode(), *(tuple(members(each)) for each in arguments[1:])
    return name.decode(), *arguments


def items_of(items: dict[bytes, Value]) -> tuple[tuple[str, object], ...]:
    """What FETCH said, sorted; mod-sequences only as that they are there."""
    found: list[tuple[str, object]] = []
    for name, value in items.items():
        if name == b"FLAGS" and isinstance(value, tuple):
            found.append(
                ("FLAGS", tuple(sorted(each for each in value if each != b"\\Recent" and isinstance(each, bytes))))
            )
        elif name == b"MODSEQ":
            found.append(("MODSEQ", None))
        else:
            found.append((name.decode(), lowered(value) if name in (b"BODY", b"BODYSTRUCTURE") else value))
    return tuple(sorted(found))


def lowered(value: Value) -> Value:
    """Types of content say the same in any case."""
    return value.lower() if isinstance(value, bytes) else tuple(map(lowered, value)) if value is not None else None


def other(response: Response) -> Heard:
    """Any other untagged response; nothing if it says nothing that must be the same."""
    name = response.name.decode()
    shape = SHAPES.get(name)
    if shape is not None:
        return shape(response)
    if name in ("OK", "NO", "BAD"):
        code = code_of(response)
        return (name, code) if code else ()
    return name, response.values


def _listed(response: Response) -> Heard:
    flags, separator, mailbox, *more = response.values
    assert isinstance(flags, tuple)
    free = {b"\\hasnochildren", b"\\haschildren", b"\\unmarked", b"\\marked", b"\\noinferiors", b"\\trash", b"\\sent"}
    shown = {each.lower() for each in flags if isinstance(each, bytes)} - free
    return response.name.decode(), mailbox, separator, tuple(sorted(shown)), *more


def _status(response: Response) -> Heard:
    items = response.items()
    return "STATUS", response.values[0], tuple(sorted(items.items()))


def _searched(response: Response) -> Heard:
    numbers = sorted(int(each) for each in response.values if isinstance(each, bytes))
    return ("SEARCH", tuple(numbers))


def _extended(response: Response) -> Heard:
    values = [each for each in response.values if not isinstance(each, tuple)]
    return (
        "ESEARCH",
        *(
            tuple(members(value)) if before == b"ALL" else value
            for before, value in zip([None, *values], values, strict=False)
        ),
    )


SHAPES: Final[dict[str, Callable[[Response], Heard]]] = {
    "LIST": _listed,
    "LSUB": _listed,
    "STATUS": _status,
    "SEARCH": _searched,
    "ESEARCH": _extended,
}
