"""The examples of RFC 9051, and of the RFC of each extension, as transcripts that are played.

A transcript of `imap_transcripts/` begins with `[RFC section title]` and is played to an account that has been emptied:

    given: MAILBOX (FLAGS) NAME...      messages of `MESSAGES`, appended before it begins
    fresh                               the client has not logged in
    C: COMMAND                          said by the client, C2 by another one; {{NAME}} or {{"text"}} is a literal
    S: * RESPONSE                       must be said; in what order is free
    S: OK [CODE]                        how the command ends
    expunged: 3 4                       these go, by EXPUNGE in any order, by the numbers they had before
    deflate                             both sides compress from here

In what the server says `?` is any value, `?name` is any value and the same each time (and can be said by the client: `?name`, or
quoted `?"name`), and `...` at the end of a list is whatever else. A response that is not in the transcript is an error, except
`FLAGS`, `RECENT` and `OK`, which a server may always say. Lists of flags have no order, nor have the items of FETCH and STATUS.
"""

import base64
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.kit import imap_clients, imap_trace
from tests.kit.imap_clients import Client, Response, Value
from tests.kit.imap_served import EXAMPLES, PASSWORD, Place

ACCOUNT = EXAMPLES[int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "gw0"))) % len(EXAMPLES)]
DIRECTORY = Path(__file__).parent / "imap_transcripts"
DATE = "17-Jul-1996 02:44:25 -0700"
FREE = frozenset((b"FLAGS", b"RECENT", b"OK"))
"""What a server may always say."""
PAIRS = frozenset((b"FETCH", b"UIDFETCH", b"STATUS", b"METADATA", b"ESEARCH"))

HEAD = (
    "Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nFrom: Terry Gray <gray@cac.example>\r\nTo: imap@cac.example\r\n"
    "Message-ID: <{name}@cac.example>\r\nMIME-Version: 1.0\r\n"
)
TEXTS = {
    "simple": HEAD + "Subject: a message\r\nContent-Type: text/plain\r\n\r\nHello, this is a text.\r\n",
    "encoded": HEAD.replace("gray@", "other@")
    + "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSchöne Grüße\r\n",
    "utf8": HEAD + "Subject: grüße\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSchöne Grüße\r\n",
    "mixed": HEAD + "Subject: mixed\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\nfirst part\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nFrom: inner@cac.example\r\n\r\ninner text\r\n--b--\r\n",
    "base64": HEAD
    + "Subject: base64\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nZGVjb2RlZCB0ZXh0DQo=\r\n",
    "strange": HEAD
    + "Subject: strange\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: x-strange\r\n\r\nabc\r\n",
    "envelope": "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.example>\r\n"
    "Subject: IMAP4rev2 WG mtg summary and minutes\r\nTo: imap@cac.example\r\n"
    "cc: minutes@CNRI.example, John Klensin <KLENSIN@MIT.example>\r\nMessage-Id: <B27397-0100000@cac.example>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nline 1\r\nline\r\n",
    "attached": HEAD + "Subject: attached\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nfirst line\r\n\r\n"
    "--b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME=cc.diff\r\nContent-ID: <960723163407.20117h@cac.example>\r\n"
    "Content-Description: Compiler diff\r\nContent-Transfer-Encoding: BASE64\r\n\r\nZGVjb2RlZCB0ZXh0DQo=\r\n\r\n--b--\r\n",
    "dated-late": HEAD.replace("17 Jul 1996", "24 Jul 1996").replace("Terry Gray <gray@", "Ann <zoe@")
    + "Subject: Re: Alpha\r\n\r\nx\r\n",
    "dated-early": HEAD.replace("17 Jul 1996", "10 Jul 1996") + "Subject: alpha\r\n\r\nx\r\n",
    "thread-root": HEAD.replace("17 Jul 1996", "24 Jul 1996") + "Subject: topic\r\n\r\nx\r\n",
    "thread-reply": HEAD.replace("17 Jul 1996", "31 Jul 1996")
    + "Subject: Re: topic\r\nReferences: <thread-root@cac.example>\r\nIn-Reply-To: <thread-root@cac.example>\r\n\r\nx\r\n",
}
MESSAGES = {name: text.replace("{name}", name).encode() for name, text in TEXTS.items()}


@dataclass(slots=True)
class Transcript:
    """One example."""

    title: str
    lines: list[str] = field(default_factory=list)


def transcripts() -> Iterator[Transcript]:
    """All of them."""
    for path in sorted(DIRECTORY.glob("*.txt")):
        current: Transcript | None = None
        for line in path.read_text().splitlines():
            if line.startswith("[") and line.endswith("]"):
                if current:
                    yield current
                current = Transcript(line[1:-1])
            elif current and line and not line.startswith("#"):
                current.lines.append(line)
        if current:
            yield current


TRANSCRIPTS = {each.title: each for each in transcripts()}


def emptied(client: Client) -> None:
    """No mailbox but an empty INBOX, no subscription but to that."""
    client.ok("UNSELECT") if client.run("SELECT INBOX").status != b"OK" else None
    client.ok(r"UID STORE 1:* +FLAGS.SILENT (\Deleted)")
    client.ok("EXPUNGE")
    client.ok("UNSELECT")
    names = [
        imap_clients.quoted(each.values[2])
        for each in client.ok('LIST "" *').of(b"LIST")
        if isinstance(each.values[2], bytes)
    ]
    for name in sorted(names, reverse=True):
        if name.upper() != b'"INBOX"':
            client.ok(b"DELETE " + name)
    for each in client.ok('LSUB "" *').of(b"LSUB"):
        assert isinstance(each.values[2], bytes)
        client.ok(b"UNSUBSCRIBE " + imap_clients.quoted(each.values[2]))
    client.ok("SUBSCRIBE INBOX")


class Player:
    """Plays a transcript."""

    def __init__(self, place: Place, transcript: Transcript) -> None:
        self._place = place
        self._transcript = transcript
        self._clients: dict[str, Client] = {}
        self._tags: dict[str, bytes] = {}
        self.bound: dict[bytes, Value] = {b"plain": self._plain()}
        self._gone: tuple[int, ...] = ()

    def play(self) -> None:
        """From the first line to the last. AssertionError."""
        with self._place.client(ACCOUNT) as client:
            emptied(client)
            for line in self._transcript.lines:
                if line.startswith("given: "):
                    self._give(client, line)
        try:
            self._speak([line for line in self._transcript.lines if not line.startswith("given: ")])
        finally:
            for client in self._clients.values():
                client.close()

    def _plain(self) -> bytes:
        return base64.b64encode(f"\0{self._place.user(ACCOUNT)}\0{PASSWORD}".encode())

    def _give(self, client: Client, line: str) -> None:
        found = re.fullmatch(r"given: (\S+) \((.*)\) (.+)", line)
        assert found, line
        mailbox, flags, names = found.groups()
        client.run(f"CREATE {mailbox}")
        for name in names.split():
            client.append(mailbox, MESSAGES[name], flags, DATE)

    def _speak(self, lines: list[str]) -> None:
        is_fresh = "fresh" in lines
        at = 0
        while at < len(lines):
            who, _, text = lines[at].partition(": ")
            at += 1
            if who == "deflate":
                self._client("C", is_fresh).begin_deflate()
            elif who.startswith("C"):
                self._say(who, self._client(who, is_fresh), text)
            elif who == "expunged":
                self._gone = tuple(map(int, text.split()))
            elif who.startswith("S"):
                expected = [text]
                while at < len(lines) and lines[at].startswith((f"{who}: ", "expunged: ")):
                    if lines[at].startswith("expunged"):
                        self._gone = tuple(map(int, lines[at].partition(": ")[2].split()))
                    else:
                        expected.append(lines[at].partition(": ")[2])
                    at += 1
                self._hear(who.replace("S", "C"), expected)

    def _client(self, who: str, is_fresh: bool) -> Client:
        if who not in self._clients:
            client = imap_clients.opened(self._place.port, transcript=[])
            self._clients[who] = client
            if not is_fresh:
                client.login(self._place.user(ACCOUNT), PASSWORD)
        return self._clients[who]

    def _say(self, who: str, client: Client, text: str) -> None:
        if text == "DONE":
            client.send(b"DONE\r\n")
            return
        literals: list[bytes] = []

        def literal(found: re.Match[str]) -> str:
            name = found[1]
            literals.append(unquoted(name) if name.startswith('"') else MESSAGES[name])
            return "%s"

        def value(found: re.Match[str]) -> str:
            known = self.bound[found[2].encode()]
            assert isinstance(known, bytes)
            return imap_clients.quoted(known).decode() if found[1] else known.decode()

        text = re.sub(r'\?("?)([a-z]+)', value, text)
        text = re.sub(r"\{\{(.*?)\}\}", literal, text)
        self._tags[who] = client.begin(text, *literals)

    def _hear(self, who: str, expected: list[str]) -> None:
        client, tag = self._clients[who], self._tags[who]
        said = [text for text in expected if text.startswith("* ")]
        ends = next((text for text in expected if not text.startswith("* ")), None)
        heard: list[Response] = []
        if ends == "+":
            assert client.read().tag == b"+", self._log(client)
            return
        if ends is None:
            # Unasked: until all of it has come.
            while any(self._match(text, heard) is None for text in said):
                heard.append(client.read())
        else:
            answer = client.answer(tag)
            heard = joined(answer.untagged)
            self._ended(ends, answer.tagged, client)
        left = list(heard)
        for text in said:
            found = self._match(text, left, bind=True)
            assert found is not None, f"{text!r} was not said:\n{self._log(client)}"
            left.remove(found)
        gone = [each.number for each in left if each.name == b"EXPUNGE" and each.number]
        if gone or self._gone:
            assert imap_trace.places(gone) == imap_clients.compressed(self._gone), self._log(client)
            left = [each for each in left if each.name != b"EXPUNGE"]
            self._gone = ()
        unexpected = [each for each in left if each.name not in FREE and not self._is_size_after(each, said, heard)]
        assert unexpected == [], f"{unexpected} was not expected:\n{self._log(client)}"

    def _is_size_after(self, response: Response, said: list[str], heard: list[Response]) -> bool:
        """EXISTS may be said with SELECT in transcripts that do not speak of it, and what LIST says then."""
        is_select = any(each.code[:1] == (b"UIDNEXT",) for each in heard)
        return (
            is_select
            and response.name in (b"EXISTS", b"LIST")
            and not any(response.name.decode() in text for text in said)
        )

    def _ended(self, text: str, tagged: Response, client: Client) -> None:
        wanted = imap_clients.parse(b"t " + text.encode())
        assert tagged.name == wanted.name, self._log(client)
        if wanted.code:
            assert self._matches(wanted.code, tagged.code, {}), f"{tagged.code} is not {text}:\n{self._log(client)}"
            self._matches(wanted.code, tagged.code, self.bound)

    def _match(self, text: str, heard: list[Response], *, bind: bool = False) -> Response | None:
        wanted = imap_clients.parse(unescaped(text))
        for original in heard:
            each = original
            if each.name != wanted.name or each.number != wanted.number:
                continue
            draft = dict(self.bound)
            if each.name == b"ESEARCH":
                each, wanted = paired(each), paired(wanted)
            whole = self._matches_pairs if each.name in PAIRS else self._matches
            is_one = whole(wanted.values, each.values, draft) and (
                not wanted.code or self._matches(wanted.code, each.code, draft)
            )
            if is_one and (wanted.code or not each.code or wanted.name != b"OK"):
                if bind:
                    self.bound = draft
                return original
        return None

    def _matches_pairs(self, wanted: tuple[Value, ...], said: tuple[Value, ...], bound: dict[bytes, Value]) -> bool:
        """The last value is pairs: their order is free."""
        *before, pairs = wanted
        *first, others = said
        if not isinstance(pairs, tuple):  # METADATA that only says what has changed
            return self._matches(wanted, said, bound)
        if not isinstance(others, tuple) or not self._matches(tuple(before), tuple(first), bound):
            return False
        is_open = pairs[-1:] == (b"...",)
        pairs = pairs[:-1] if is_open else pairs
        left = dict(zip(others[::2], others[1::2], strict=True))
        for name, value in zip(pairs[::2], pairs[1::2], strict=True):
            optional = name == b"UID" and value == b"?"
            if name not in left:
                if optional:
                    continue
                return False
            if not self._matches((value,), (left.pop(name),), bound):
                return False
        left.pop(b"MODSEQ", None)
        return is_open or not left

    def _matches(self, wanted: tuple[Value, ...], said: tuple[Value, ...], bound: dict[bytes, Value]) -> bool:
        if wanted[-1:] in ((b"...",), (b"?...",)):
            if all(
                isinstance(each, bytes) and each[:1] in b"\\ABCDEFGHIJKLMNOPQRSTUVWXYZ" for each in wanted[:-1] if each
            ):
                return all(any(lowered(each) == lowered(other) for other in said) for each in wanted[:-1])
            wanted = wanted[:-1]
            said = said[: len(wanted)]
        said = tuple(each for each in said if each != b"\\Recent")
        if len(wanted) != len(said):
            return False
        if wanted and all(isinstance(each, bytes) and each.startswith((b"\\", b"$")) for each in wanted):
            return sorted(map(lowered, wanted), key=repr) == sorted(map(lowered, said), key=repr)
        return all(self._is(one, other, bound) for one, other in zip(wanted, said, strict=True))

    def _is(self, wanted: Value, said: Value, bound: dict[bytes, Value]) -> bool:
        if isinstance(wanted, tuple):
            return isinstance(said, tuple) and self._matches(wanted, said, bound)
        if wanted is None or not wanted.startswith(b"?"):
            return lowered(wanted) == lowered(said)
        name = wanted[1:]
        return not name or bound.setdefault(name, said) == said

    def _log(self, client: Client) -> str:
        return b"\n".join(line.rstrip() for line in (client.transcript or [])[-30:]).decode(errors="replace")


def joined(responses: list[Response]) -> list[Response]:
    """Several FETCH of one message as one: flags that a FETCH sets may be said with it or after it (RFC 9051 6.4.5)."""
    kept: list[Response] = []
    for each in responses:
        at = next((at for at, other in enumerate(kept) if (other.name, other.number) == (each.name, each.number)), None)
        if each.name not in (b"FETCH", b"UIDFETCH") or at is None:
            kept.append(each)
            continue
        items = {**kept[at].items(), **each.items()}
        flat = tuple(value for pair in items.items() for value in pair)
        kept[at] = Response(each.tag, each.name, each.number, values=(flat,))
    return kept


def paired(response: Response) -> Response:
    """ESEARCH with what it returns as a list of pairs: their order is free."""
    values = list(response.values)
    head = values[:2] if values[1:2] == [b"UID"] else values[:1]
    return Response(response.tag, response.name, values=(*head, tuple(values[len(head) :])))


def lowered(value: Value) -> Value:
    """Names in IMAP have no case."""
    return value.lower() if isinstance(value, bytes) else value


def unescaped(text: str) -> bytes:
    r"""A line of a transcript as octets: `\r\n` in a quoted string is a line's end, as a literal."""

    def literal(found: re.Match[str]) -> str:
        content = found[1].replace("\\r", "\r").replace("\\n", "\n")
        return f"{{{len(content.encode())}}}\r\n{content}" if "\r\n" in content else found[0]

    return re.sub(r'"((?:[^"\\]|\\.)*)"', literal, text).encode()


def unquoted(text: str) -> bytes:
    return text[1:-1].replace("\\r", "\r").replace("\\n", "\n").encode()


@pytest.mark.parametrize("title", TRANSCRIPTS)
def test_an_example_is_played(imap_place: Place, title: str) -> None:
    Player(imap_place, TRANSCRIPTS[title]).play()


def test_every_rfc_has_examples() -> None:
    """All are played and pass: 99 of 99. Where a server has a choice, the file says which one this server made."""
    numbers = {int(number) for title in TRANSCRIPTS for number in re.findall(r"\b(\d{4})\b", title.partition(" ")[0])}
    assert len(TRANSCRIPTS) == 99
    assert numbers >= {2177, 2342, 2971, 3501, 3502, 3516, 4315, 4469, 4959, 4978, 5032, 5161, 5182, 5256, 5258, 5267}
    assert numbers >= {5464, 5465, 5466, 5819, 5957, 6154, 6851, 6855, 7162, 7377, 7888, 7889, 8437, 8438, 8474, 8508}
    assert numbers >= {8514, 8970, 9051, 9208, 9394, 9586, 9590}
