"""Messages for searching, and a second, straightforward answer to what a filter finds among them: by the standard
library's `email`, one message and one condition at a time.
"""

import datetime
import email.header
import email.message
import email.utils
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from mox_trio.mailstore.search import filters
from mox_trio.mailstore.search.filters import Filter, Instant, Relation

DAY = 86_400_000
T0 = 1_700_000_000_000
"""14 November 2023, 22:13:20 UTC."""


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


PLAIN = _crlf(
    "From: Ann Lee <ann@example.org>\nTo: bob@example.org\nCc: Zoe <zoe@example.net>\nSubject: Lunch on Friday\n"
    "Date: Tue, 14 Nov 2023 23:30:00 +0500\nMessage-ID: <Lunch.1@example.org>\n\nSee you at the harbour, table twelve.\n"
)
ENCODED = _crlf(
    "From: =?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <juergen@example.org>\nTo: Ann <ann@example.org>,\n  bob@example.org\n"
    "Subject: =?iso-8859-1?Q?Gr=FC=DFe_aus?= =?utf-8?b?IE3DvG5jaGVu?=\n and more\n"
    "Date: Wed, 15 Nov 2023 00:30:00 +0900\nMIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\n"
    "Content-Transfer-Encoding: quoted-printable\n\nDer Caf=E9 am Stra=DFenrand, harb=\nour und table.\n"
)
ALTERNATIVE = _crlf(
    "From: news@example.com\nTo: ann@example.org\nTo: second@example.org\nSubject: Weekly news\n"
    "Date: Mon, 13 Nov 2023 10:00:00 -0800\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=XX\n\n"
    "preamble harbour\n--XX\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n"
    "Content-Description: the plain part\n\nTmFvxKsgw4lNSUxFIGNhZsOpIGZyaWRheQ==\n"
    "--XX\nContent-Type: text/html; charset=utf-8\n\n"
    "<p>Weekly <b>friday</b> Straße</p>\n--XX--\n"
)
FORWARDED = _crlf(
    "From: bob@example.org\nTo: ann@example.org\nBcc: hidden@example.org\nSubject: Fwd: see below\n"
    "Date: Thu, 16 Nov 2023 12:00:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=YY\n\n"
    "--YY\nContent-Type: text/plain\n\nwhat she wrote\n--YY\nContent-Type: message/rfc822\n\n"
    "From: Inner Person <inner@example.com>\nSubject: =?utf-8?q?Caf=C3=A9_twelve?=\nX-Inner: needle\n"
    "Content-Type: text/plain; charset=utf-8\n\ninnermost text about lunch\n--YY\n"
    "Content-Type: application/octet-stream; name=friday.bin\nContent-Transfer-Encoding: base64\n\n"
    "aGFyYm91ciBsdW5jaCBuZWVkbGU=\n--YY--\n"
)
NO_DATE = _crlf("From: ann@example.org\nSubject: \nX-Empty:\n\nshort\n")
DECOMPOSED = _crlf(
    "From: ann@example.org\nSubject: cafe\u0301 au lait\nDate: 31 Oct 2023 08:00 GMT\n\nE\u0301mile in M\u00fcnchen\n"
)
LONG_HEADER = (
    _crlf("From: ann@example.org\nSubject: long header\nDate: Wed, 15 Nov 2023 12:00:00 +0000\n")
    + b"".join(b"X-Filler-%d: %b\r\n" % (number, b"f" * 900) for number in range(45))
    + _crlf("X-Last: harbour at the end\nTo: last@example.org\n\nbody of the long one\n")
)
MESSAGES = (PLAIN, ENCODED, ALTERNATIVE, FORWARDED, NO_DATE, DECOMPOSED, LONG_HEADER)

FLAGS = ((), ("\\Seen",), ("\\Seen", "\\Flagged"), ("work",), ("work", "later", "\\Deleted"), ("$Forwarded",), ())

WORDS = (
    "lunch", "Friday", "harbour", "CAFÉ", "cafe\u0301", "strasse", "Straße", "müller", "MU\u0308LLER", "grüße aus", "münchen and",
    "ann@example.org", "example", "twelve", "needle", "inner", "plain part", "émile", "", "e", "nowhere at all", "xyzzy",
    "subject:", "weekly", "last@", "octet", "friday.bin", "text/html", "preamble", "cafe",
)  # fmt: skip
NAMES = (
    "Subject",
    "from",
    "To",
    "CC",
    "Bcc",
    "X-Empty",
    "X-Last",
    "X-Inner",
    "Message-ID",
    "X-Missing",
    "Content-Type",
)


@dataclass(frozen=True)
class Known:
    """A message of the mailbox, and what its rows say."""

    uid: int
    data: bytes
    flags: tuple[str, ...]
    received: int
    saved: int
    modseq: int
    object_id: str
    thread_id: str


def fold(text: str) -> str:
    """Without case, in normal form C."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def matches(wanted: Filter, known: Known, now: int) -> bool:
    """Whether a message meets a filter."""
    match wanted:
        case filters.All():
            return True
        case filters.And(parts):
            return all(matches(part, known, now) for part in parts)
        case filters.Or(parts):
            return any(matches(part, known, now) for part in parts)
        case filters.Not(part):
            return not matches(part, known, now)
        case filters.Flag(name):
            return name.lower() in {flag.lower() for flag in known.flags}
        case filters.UidIn(ranges):
            return any(first <= known.uid <= last for first, last in ranges)
        case filters.Larger(size):
            return len(known.data) > size
        case filters.Smaller(size):
            return len(known.data) < size
        case filters.Older(seconds):
            return known.received <= now - seconds * 1000
        case filters.Younger(seconds):
            return known.received >= now - seconds * 1000
        case filters.ModSeq(modseq):
            return known.modseq >= modseq
        case filters.EmailId(object_id):
            return object_id == known.object_id
        case filters.ThreadId(thread_id):
            return thread_id == known.thread_id
        case filters.Dated(instant, relation, day):
            return _dated(instant, relation, day, known)
        case _:
            return _written(wanted, email.message_from_bytes(known.data))


def _dated(instant: Instant, relation: Relation, day: datetime.date, known: Known) -> bool:
    if instant is Instant.SENT:
        field = email.message_from_bytes(known.data)["Date"]
        if field is None:
            return False
        date = email.utils.parsedate_to_datetime(field).date()
    else:
        ms = known.received if instant is Instant.RECEIVED else known.saved
        date = datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC).date()
    return {Relation.BEFORE: date < day, Relation.ON: date == day, Relation.SINCE: date >= day}[relation]


def _written(wanted: Filter, message: email.message.Message) -> bool:
    match wanted:
        case filters.MessageId(text):
            return (message["Message-ID"] or "").strip("<> ").lower() == text.strip("<> ").lower()
        case filters.Subject(text):
            return fold(text) in fold(decoded(message["Subject"] or ""))
        case filters.Header(name, text):
            return any(fold(text) in fold(decoded(value)) for value in message.get_all(name, []))
        case filters.Body(text):
            return not text or any(fold(text) in fold(piece) for piece in bodies(message))
        case filters.Text(text):
            lines = [line for part in message.walk() for line in fields(part)]
            return not text or any(fold(text) in fold(piece) for piece in (*lines, *bodies(message)))
    raise AssertionError(wanted)


def decoded(value: object) -> str:
    """A field's body, unfolded, its encoded words decoded."""
    text = re.sub(r"\r?\n", "", _octets(value)).strip()
    pieces = email.header.decode_header(text)
    return "".join(
        piece if isinstance(piece, str) else piece.decode(charset or "ascii", "replace") for piece, charset in pieces
    )


def _octets(value: object) -> str:
    # Fields with octets beyond ASCII come as a Header of the charset "unknown-8bit".
    if isinstance(value, email.header.Header):
        return str(value).encode("ascii", "surrogateescape").decode() if str(value).isascii() else _chunks(value)
    return str(value).encode("utf-8", "surrogateescape").decode()


def _chunks(value: email.header.Header) -> str:
    return "".join(raw.encode("ascii", "surrogateescape").decode() for raw, _ in value._chunks)  # type: ignore[attr-defined]


def fields(part: email.message.Message) -> Iterator[str]:
    """The decoded lines of a header."""
    for name, value in part.items():
        yield f"{name}: {decoded(value)}"


def bodies(message: email.message.Message) -> Iterator[str]:
    """The decoded text parts, and the headers of messages within."""
    for part in message.walk():
        if part.get_content_maintype() == "text":
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            yield payload.decode(part.get_content_charset() or "utf-8", "replace")
        elif part.get_content_type() == "message/rfc822":
            inner = part.get_payload(0)
            assert isinstance(inner, email.message.Message)
            yield from fields(inner)
