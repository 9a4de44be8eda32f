"""What sorting, threading and looking for a subject ask of every mail of a mailbox: made of its columns once, then kept in
memory, because clients ask again and again.

All of it is done within a unit, in a thread of the database; sealed columns are opened there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from sys import getsizeof
from typing import Any, Final

from mox_trio.mailstore import rendering
from mox_trio.mailstore.kept import Kept
from mox_trio.mailstore.search.text import fold
from mox_trio.mailstore.store import Account
from mox_trio.protocol.mime import header, threads
from storage_backends.index.api import EmailId, Transaction
from storage_backends.index.tables import finding

LEARNT: Final = 500
"""Mails whose columns are in memory at once."""


class Columns:
    """Opened columns of some mails, as lists."""

    def __init__(self, summaries: Sequence[bytes], sent: Sequence[int | None], headers: Sequence[bytes]) -> None:
        self._summaries = summaries
        self.sent = sent
        """The Date field in milliseconds since 1970 UTC."""
        self.headers = headers
        """Blocks without their blank line; empty where the facets that are asked for need none."""

    @cached_property
    def summaries(self) -> Mapping[str, Sequence[str]]:
        """By the names of `rendering.Summary`."""
        return rendering.parse_summaries(self._summaries)


@dataclass(frozen=True, slots=True)
class Facet:
    """A kind of value that a mail has."""

    name: str
    make: Callable[[Columns], Iterable[Any]]
    """Values in the order of the mails, each kept as it is: texts, octets, numbers, or None."""
    of_header: bool = False
    """Whether the column of the header is needed."""


def _texts(name: str, field: str, make: Callable[[str], Any]) -> Facet:
    return Facet(name, lambda columns: map(make, columns.summaries[field]))


def _localpart(mailbox: str) -> str:
    return fold(mailbox.rpartition("@")[0] or mailbox)


def _displayed(whose: str) -> Facet:
    def make(columns: Columns) -> Iterator[str]:
        named = zip(columns.summaries[f"{whose}_name"], columns.summaries[f"{whose}_mailbox"], strict=True)
        return (fold(name or mailbox) for name, mailbox in named)

    return Facet(f"{whose} displayed", make)


def _topic(subject: str, base: str) -> tuple[str, bool]:
    # Nothing was removed from most subjects.
    return base, subject.lower() != base and threads.base_subject(subject)[1]


def _links(block: bytes) -> str:
    lowered = block.lower()
    written = field(block, lowered, b"message-id")
    named = field(block, lowered, b"references")
    references = threads.references(named, None) if named else ()
    if not references:
        # RFC 5256 3: without valid references, the first Message-ID of In-Reply-To is the only one.
        answered = field(block, lowered, b"in-reply-to")
        references = threads.references(None, answered)[:1] if answered else ()
    return "\n".join((threads.message_id(written) if written else "", *references))


SENT: Final = Facet("sent", lambda columns: columns.sent)
"""Of the Date field; None without one."""
SUBJECT: Final = _texts("subject", "subject", lambda text: fold(text).encode("utf-8", "replace"))
"""The subject, folded, as UTF-8."""
BASE_SUBJECT: Final = _texts("base subject", "base_subject", fold)
"""Folded."""
FROM: Final = _texts("from", "from_mailbox", _localpart)
"""The localpart of the first address, folded."""
TO: Final = _texts("to", "to_mailbox", _localpart)
CC: Final = _texts("cc", "cc_mailbox", _localpart)
FROM_DISPLAYED: Final = _displayed("from")
"""The name of the first address, or the address without one, folded (RFC 5957 3)."""
TO_DISPLAYED: Final = _displayed("to")
TOPIC: Final = Facet(
    "topic", lambda columns: map(_topic, columns.summaries["subject"], columns.summaries["base_subject"])
)
"""(base subject, whether it says that it is a reply or forward) (RFC 5256 2.1)."""
LINKS: Final = Facet("links", lambda columns: map(_links, columns.headers), of_header=True)
"""The canonical Message-ID, and behind it, each after a line feed, those before it, the nearest first (RFC 5256 3)."""


def of(
    tx: Transaction, kept: Kept, account: Account, emails: Sequence[EmailId], facets: Sequence[Facet]
) -> list[list[Any]]:
    """For each of the facets a list of values in the order of the mails. Corrupt when a column does not open."""
    shelves = [kept.of(account.id, facet.name) for facet in facets]
    try:
        return [list(map(shelf.__getitem__, emails)) for shelf in shelves]
    except KeyError:
        unknown = {each for shelf in shelves for each in emails if each not in shelf}
    made = _made(tx, kept, account, sorted(unknown), facets)
    return [
        [fresh[each] if each in fresh else shelf[each] for each in emails]
        for shelf, fresh in zip(shelves, made, strict=True)
    ]


def _made(
    tx: Transaction, kept: Kept, account: Account, emails: Sequence[EmailId], facets: Sequence[Facet]
) -> list[dict[EmailId, Any]]:
    made: list[dict[EmailId, Any]] = [{} for _ in facets]
    names = ("summary", "sent", "header") if any(facet.of_header for facet in facets) else ("summary", "sent")
    for start in range(0, len(emails), LEARNT):
        rows = finding.columns(tx, account.id, emails[start : start + LEARNT], names)
        object_ids = [row[1] for row in rows]
        opened = partial(rendering.open_all, account.codec)
        columns = Columns(
            opened("summary", object_ids, [row[2] for row in rows]),
            [row[3] for row in rows],
            opened("header", object_ids, [row[4] for row in rows]) if "header" in names else (),
        )
        for facet, fresh in zip(facets, made, strict=True):
            values = dict(zip((row[0] for row in rows), facet.make(columns), strict=True))
            kept.keep(account.id, facet.name, values, sum(map(getsizeof, values.values())))
            fresh.update(values)
    return made


def field(block: bytes, lowered: bytes, key: bytes) -> bytes | None:
    """As `Header.get`, for few fields of many headers that end with their blocks: one that is written as nearly all are is
    cut out directly.
    """
    if key not in lowered:
        return None
    at = lowered.find(b"\n" + key)
    if at < 0 or lowered.startswith(key) or not lowered.startswith(b":", at + 1 + len(key)):
        return header.parse(block).get(key)
    start = at + len(key) + 2
    stop = block.find(b"\n", start)
    while stop >= 0 and block[stop + 1 : stop + 2] in (b" ", b"\t"):
        stop = block.find(b"\n", stop + 1)
    value = block[start : stop if stop >= 0 else len(block)]
    return value.replace(b"\r\n", b"").replace(b"\n", b"").strip(b" \t\r")
