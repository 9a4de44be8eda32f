"""What people type into the search field, as filters. Pure.

Words and "phrases" are looked for in the whole message, all of them. A word with a colon is a token: from:, to:, subject:, body:,
mailbox:, submb:, label:, is:, has:, attachments:, header:, start:, end:, minsize:, maxsize:, with the short forms of TOKENS. A
minus sign before any of these is not. What is no token is a word, so that no query is wrong; a value that makes no sense is
named in `Query.problems` and asks for nothing.
"""

import datetime
import re
from dataclasses import dataclass, field
from typing import Final

from mox_trio.mailstore.search import filters
from mox_trio.mailstore.search.filters import Filter

TOKENS: Final = {
    "from": "from", "f": "from", "to": "to", "t": "to", "cc": "to", "subject": "subject", "s": "subject", "body": "body",
    "mailbox": "mailbox", "mb": "mailbox", "in": "mailbox", "submb": "submailboxes", "label": "label", "l": "label",
    "is": "is", "has": "has", "attachments": "attachments", "a": "attachments", "header": "header", "h": "header",
    "start": "start", "after": "start", "end": "end", "before": "end", "minsize": "minsize", "larger": "minsize",
    "maxsize": "maxsize", "smaller": "maxsize",
}  # fmt: skip
IS: Final = {
    "read": ("\\Seen", True), "seen": ("\\Seen", True), "unread": ("\\Seen", False), "unseen": ("\\Seen", False),
    "flagged": ("\\Flagged", True), "starred": ("\\Flagged", True), "unflagged": ("\\Flagged", False),
    "answered": ("\\Answered", True), "replied": ("\\Answered", True), "draft": ("\\Draft", True),
    "forwarded": ("$Forwarded", True), "junk": ("$Junk", True), "notjunk": ("$NotJunk", True),
    "phishing": ("$Phishing", True), "deleted": ("\\Deleted", True),
}  # fmt: skip
KINDS: Final = frozenset({"none", "any", "image", "pdf", "archive", "zip", "spreadsheet", "document", "presentation"})
"""Of attachments."""
MOST: Final = 50
"""Parts of a query."""

_PART: Final = re.compile(r'(-?)(?:([A-Za-z]{1,12}):)?(?:"((?:[^"]|"")*)"?|(\S*))(?:\s+|\Z)')
_SIZE: Final = re.compile(r"(\d{1,12})(b|kb?|mb?|gb?)?", re.IGNORECASE)
_UNITS: Final = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_DAY: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_AGO: Final = re.compile(r"(\d{1,4})([dwmy])")
_DAYS: Final = {"d": 1, "w": 7, "m": 30, "y": 365}


@dataclass(slots=True)
class Query:
    """What is asked."""

    filter: Filter = field(default_factory=filters.All)
    mailboxes: list[tuple[str, bool]] = field(default_factory=list)
    """Names, and whether those below are meant too; [("", ...)] is all; none: all but trash, junk and rejects."""
    attachments: list[tuple[str, bool]] = field(default_factory=list)
    """Kinds, and whether the message has them or has them not."""
    words: list[str] = field(default_factory=list)
    """To be shown in what is found."""
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Part:
    no: bool
    field: str
    value: str


def parse(text: str, today: datetime.date) -> Query:
    """The query in a text."""
    query = Query()
    conditions: list[Filter] = []
    for part in _parts(text):
        condition = _condition(part, query, today)
        if condition is not None:
            conditions.append(filters.Not(condition) if part.no else condition)
    if conditions:
        query.filter = filters.And(tuple(conditions)) if len(conditions) > 1 else conditions[0]
    return query


def _parts(text: str) -> list[_Part]:
    found: list[_Part] = []
    position, text = 0, text.strip()
    while position < len(text) and len(found) < MOST:
        match = _PART.match(text, position)
        if match is None or match.end() == position:
            break
        position = match.end()
        minus, name, quoted, plain = match.groups()
        value = quoted.replace('""', '"') if quoted is not None else plain or ""
        about = TOKENS.get((name or "").lower(), "")
        if name and not about:
            value = f"{name}:{value}"
        if value or about == "mailbox":
            found.append(_Part(bool(minus), about, value[: filters.NEEDLE]))
    return found


def _condition(part: _Part, query: Query, today: datetime.date) -> Filter | None:
    value = part.value
    match part.field:
        case "mailbox" | "submailboxes":
            query.mailboxes.append((value, part.field == "submailboxes"))
            return None
        case "attachments" | "has":
            _attachments(part, query)
            return None
        case "is":
            return _is(value, query)
        case "start" | "end":
            return _dated(part, query, today)
        case "minsize" | "maxsize":
            return _sized(part, query)
        case _:
            if not part.no:
                query.words.append(value.partition(":")[2] if part.field == "header" else value)
            return _text(part)


def _text(part: _Part) -> Filter:
    value = part.value
    match part.field:
        case "from":
            return filters.Header("from", value)
        case "to":
            return filters.Or((filters.Header("to", value), filters.Header("cc", value), filters.Header("bcc", value)))
        case "subject":
            return filters.Subject(value)
        case "body":
            return filters.Body(value)
        case "label":
            return filters.Flag(value)
        case "header":
            name, _, text = value.partition(":")
            return filters.Header(name.strip().lower(), text.strip())
        case _:
            return filters.Text(value)


def _attachments(part: _Part, query: Query) -> None:
    kind = {"attachment": "any", "attachments": "any", "file": "any"}.get(part.value.lower(), part.value.lower())
    if kind in KINDS:
        query.attachments.append((kind, not part.no))
    else:
        query.problems.append(f"{part.value} is no kind of attachment")


def _is(value: str, query: Query) -> Filter | None:
    found = IS.get(value.lower())
    if found is None:
        query.problems.append(f"is:{value} is not known")
        return None
    flag, wanted = found
    return filters.Flag(flag) if wanted else filters.Not(filters.Flag(flag))


def _dated(part: _Part, query: Query, today: datetime.date) -> Filter | None:
    ago = _AGO.fullmatch(part.value.lower())
    exact = _DAY.fullmatch(part.value)
    try:
        if ago is not None:
            day = today - datetime.timedelta(days=int(ago[1]) * _DAYS[ago[2]])
        elif exact is not None:
            day = datetime.date(int(exact[1]), int(exact[2]), int(exact[3]))
        else:
            raise ValueError
        if part.field == "start":
            return filters.Dated(filters.Instant.RECEIVED, filters.Relation.SINCE, day)
        after = day + datetime.timedelta(days=1)  # the day named is in it
        return filters.Dated(filters.Instant.RECEIVED, filters.Relation.BEFORE, after)
    except (ValueError, OverflowError):
        query.problems.append(f"{part.value} is no date; write 2026-01-31 or 7d")
        return None


def _sized(part: _Part, query: Query) -> Filter | None:
    found = _SIZE.fullmatch(part.value)
    if found is None:
        query.problems.append(f"{part.value} is no size; write 500kb or 2mb")
        return None
    size = int(found[1]) * _UNITS[(found[2] or "b")[0].lower()]
    return filters.Larger(size - 1) if part.field == "minsize" else filters.Smaller(size + 1)
