"""What a mailbox holds at one moment: UIDs, flags, keywords and modseqs side by side. Pure, and never changed once made.

All sessions of a process that have the mailbox selected share the newest one: 22 bytes a message. It also says what became
new or different between it and an older moment (`changed_since`), quickly for the changes that came last.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Final

from storage_backends.index.tables.messages import MessageRow

RECENT: Final = 2000
"""UIDs of changed messages that are remembered by the change they came with."""
CHANGES: Final = 100
"""Changes that are remembered so."""


Columns = tuple["array[int]", "array[int]", "array[int]", "array[int]"]
"""UIDs, flags, keywords, modseqs."""


class Snapshot:
    """Of one mailbox. `uids` ascend; the other arrays are beside them."""

    __slots__ = ("_recent", "flags", "highest", "keywords", "modseq", "modseqs", "shared", "uidnext", "uids")

    def __init__(self, columns: Columns, modseq: int, uidnext: int, highest: int) -> None:
        self.uids, self.flags, self.keywords, self.modseqs = columns
        self.modseq = modseq
        """Of the account, when this was so."""
        self.uidnext = uidnext
        self.highest = highest
        """HIGHESTMODSEQ of the mailbox (RFC 7162)."""
        self.shared: dict[Any, bytes] = {}
        """Updates that lead here, rendered once for all sessions in the same situation; see `updates`."""
        self._recent: tuple[tuple[int, tuple[int, ...]], ...] = ()
        """What the last changes touched: the modseq before a change, and UIDs."""

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], modseq: int, uidnext: int, highest: int) -> "Snapshot":
        """From rows (uid, flags, keywords, modseq) in the order of the UIDs."""
        if not rows:
            return cls((array("I"), array("H"), array("Q"), array("Q")), modseq, uidnext, highest)
        uids, flags, keywords, modseqs = zip(*rows, strict=True)
        columns = (array("I", uids), array("H", flags), array("Q", keywords), array("Q", modseqs))
        return cls(columns, modseq, uidnext, highest)

    def __len__(self) -> int:
        return len(self.uids)

    def index(self, uid: int) -> int:
        """Where a UID stands, from 0; -1 where it is not."""
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else -1

    def held(self, uids: Sequence[int]) -> tuple[int, ...]:
        """Those of these UIDs that are there."""
        return tuple([uid for uid in uids if self.index(uid) >= 0])

    def advanced(
        self, changed: Sequence[MessageRow], vanished: Sequence[int], modseq: int, uidnext: int, highest: int
    ) -> "Snapshot":
        """The mailbox at a later `modseq`: with rows that are new or changed, without UIDs that went.

        What is known already, and UIDs that were never there, make no difference, so that the same change may come twice.
        """
        columns = (self.uids, self.flags, self.keywords, self.modseqs)
        if vanished:
            columns = _without(columns, [at for uid in vanished if (at := self.index(uid)) >= 0])
        fresh = _fresh(columns, changed)
        if fresh:
            columns = _with(columns, fresh)
        made = Snapshot(columns, modseq, max(uidnext, self.uidnext), max(highest, self.highest))
        if len(fresh) <= RECENT:
            recent = (*self._recent, (self.modseq, tuple([row.uid for _, row in fresh])))
            while sum([len(uids) for _, uids in recent]) > RECENT or len(recent) > CHANGES:
                recent = recent[1:]
            made._recent = recent
        return made

    def changed_since(self, modseq: int) -> list[int]:
        """UIDs of messages that are new or changed after a modseq of the account, ascending."""
        return [uid for uid, _ in self.changes_since(modseq)]

    def changes_since(self, modseq: int) -> list[tuple[int, int]]:
        """The same, with the modseqs that they have now."""
        if modseq >= self.modseq:
            return []
        for number, (since, _) in enumerate(self._recent):
            if since == modseq:
                found = {uid for _, uids in self._recent[number:] for uid in uids}
                return [(uid, self.modseqs[at]) for uid in sorted(found) if (at := self.index(uid)) >= 0]
        return [(uid, each) for uid, each in zip(self.uids, self.modseqs, strict=True) if each > modseq]

    def up_to(self, uid: int) -> int:
        """How many messages have this UID or a smaller one."""
        if not self.uids or self.uids[-1] <= uid:
            return len(self.uids)
        return bisect_right(self.uids, uid)


def _without(columns: Columns, going: Sequence[int]) -> Columns:
    if not going:
        return columns
    kept: list[tuple[int, int]] = []
    start = 0
    for at in going:
        if at > start:
            kept.append((start, at))
        start = at + 1
    kept.append((start, len(columns[0])))
    uids, flags, keywords, modseqs = [_joined(column, kept) for column in columns]
    return uids, flags, keywords, modseqs


def _joined(column: "array[int]", kept: Iterable[tuple[int, int]]) -> "array[int]":
    made = array(column.typecode)
    for start, stop in kept:
        made.extend(column[start:stop])
    return made


def _fresh(columns: Columns, changed: Sequence[MessageRow]) -> list[tuple[int, MessageRow]]:
    """Rows that are new or newer, with the place where they are or belong."""
    uids, _, _, modseqs = columns
    size = len(uids)
    found: list[tuple[int, MessageRow]] = []
    at = 0
    for row in changed:
        uid = row.uid
        if at >= size or uids[at] != uid:  # else it follows the one before
            at = bisect_left(uids, uid)
        if at >= size or uids[at] != uid or modseqs[at] < row.modseq:
            found.append((at, row))
        at += 1
    return found


def _with(columns: Columns, fresh: Sequence[tuple[int, MessageRow]]) -> Columns:
    uids, flags, keywords, modseqs = columns[0][:], columns[1][:], columns[2][:], columns[3][:]
    size, added = len(uids), 0
    for at, row in fresh:
        if at < size and columns[0][at] == row.uid:
            place = at + added
            flags[place], keywords[place], modseqs[place] = row.flags, row.keywords, row.modseq
        else:  # at the end, but after a repair of the index
            place = at + added if at < size else len(uids)
            uids.insert(place, row.uid)
            flags.insert(place, row.flags)
            keywords.insert(place, row.keywords)
            modseqs.insert(place, row.modseq)
            added += 1
    return uids, flags, keywords, modseqs
