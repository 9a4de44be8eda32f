"""What one session believes of its mailbox (RFC 9051 2.3.1.2, 5.2, 5.5): which messages there are, under which sequence numbers,
and what it has to be told. Pure.

A view follows the newest `Snapshot` that all sessions share, and keeps only what sets this session apart from it:
- `top`: messages with a higher UID are not announced yet, and so have no number;
- `ghosts`: messages that went and were announced: they keep their numbers until the session is told;
- `told`: flags that changed after this modseq are not told yet, but for what the session's own STORE told (`mine`).
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.imapd.snapshot import Snapshot
from mox_trio.protocol.imap import numsets
from mox_trio.protocol.imap.numsets import NumSet, Ranges, SequenceSet

NOBODY: Final[frozenset[int]] = frozenset()
MINE: Final = 100
"""Own changes that are remembered while nothing is told; more of them, and the oldest are told like those of others."""
MINE_UIDS: Final = 10_000
"""UIDs that are remembered with them."""


class NoSuchMessage(Exception):
    """A sequence number that no message has (RFC 9051 9, seq-number: a BAD)."""


@dataclass(frozen=True, slots=True)
class Updates:
    """What a session is told, in this order."""

    expunged: Sequence[int] = ()
    """UIDs of messages that went, ascending."""
    numbers: Sequence[int] = ()
    """Their sequence numbers, ascending, as they were before any of them went."""
    exists: int | None = None
    """How many messages there are now; None where no new ones came."""
    new: Sequence[int] = ()
    """UIDs of those that came."""
    changed: Sequence[int] = ()
    """UIDs of messages with other flags than before; they were announced before."""

    def __bool__(self) -> bool:
        return bool(self.expunged) or self.exists is not None or bool(self.changed)


class View:
    """Of one session."""

    __slots__ = ("_believed", "_mine", "ghosts", "snapshot", "told", "top")

    def __init__(self, snapshot: Snapshot) -> None:
        """Everything in the snapshot is told, by SELECT."""
        self.snapshot = snapshot
        self.ghosts: tuple[int, ...] = ()
        self.top = snapshot.uidnext - 1
        self.told = snapshot.modseq
        self._mine: dict[int, Collection[int]] = {}
        """Modseqs of the session's own changes, with the UIDs that it must be told of all the same."""
        self._believed: Sequence[int] | None = None

    # -- what it believes

    def __len__(self) -> int:
        """EXISTS as the session knows it."""
        return self.snapshot.up_to(self.top) + len(self.ghosts)

    @property
    def uids(self) -> Sequence[int]:
        """UIDs of the messages that it knows, ascending: the message with number n is at n - 1. Not to be changed."""
        if self._believed is None:
            there = self.snapshot.uids
            known = self.snapshot.up_to(self.top)
            if not self.ghosts:
                self._believed = there if known == len(there) else there[:known]
            else:
                self._believed = array("I", sorted((*there[:known], *self.ghosts)))  # both ascend: that is fast
        return self._believed

    def number(self, uid: int) -> int:
        """The sequence number of a UID; 0 where it has none."""
        uids = self.uids
        at = bisect_left(uids, uid)
        return at + 1 if at < len(uids) and uids[at] == uid else 0

    def numbers(self, uids: Iterable[int]) -> list[int]:
        """The sequence numbers of ascending UIDs; 0 for those that have none."""
        there = self.uids
        size, at = len(there), 0
        found: list[int] = []
        for uid in uids:
            if at >= size or there[at] != uid:  # else it follows the one before
                at = bisect_left(there, uid)
            if at < size and there[at] == uid:
                at += 1
                found.append(at)
            else:
                found.append(0)
        return found

    def is_ghost(self, uid: int) -> bool:
        """Whether it went, and the session does not know."""
        at = bisect_left(self.ghosts, uid)
        return at < len(self.ghosts) and self.ghosts[at] == uid

    def resolve(self, numbers: SequenceSet, *, uid: bool, saved: Ranges = ()) -> Ranges:
        """The UIDs that a set means, as ranges, within which the messages that the session knows are meant. NoSuchMessage.

        Without `uid` the set has sequence numbers. `saved` is what "$" stands for, as UIDs.
        """
        uids = self.uids
        if not isinstance(numbers, NumSet):
            return saved
        if uid:
            within = ((1, self.top),) if self.top > 0 else ()
            return numsets.intersect(numsets.resolve(numbers, uids[-1] if uids else 0), within)
        ranges = numsets.resolve(numbers, len(uids))
        if not ranges or ranges[-1][1] > len(uids):
            raise NoSuchMessage
        return tuple([(uids[low - 1], uids[high - 1]) for low, high in ranges])

    def places(self, ranges: Ranges) -> list[tuple[int, int]]:
        """Where the messages of some UIDs stand in `uids`: start and stop of slices."""
        return numsets.slices(ranges, self.uids)

    def existing(self, ranges: Ranges) -> Ranges:
        """Those UIDs that the session knows, as the fewest ranges."""
        uids = self.uids
        return numsets.normalise(
            [(uids[at], uids[at]) for start, stop in self.places(ranges) for at in range(start, stop)]
        )

    # -- what happens to the mailbox

    def absorb(self, snapshot: Snapshot, gone: tuple[int, ...]) -> None:
        """The mailbox is now so, and these UIDs, ascending, that were in the snapshot before, are not. Nothing is told by it."""
        self.snapshot = snapshot
        announced = gone[: bisect_right(gone, self.top)]
        if announced:
            self.ghosts = tuple(sorted((*self.ghosts, *announced))) if self.ghosts else announced
        self._believed = None

    def stored(self, modseq: int, untold: Collection[int] = NOBODY) -> None:
        """The session itself changed flags at this modseq and knows of it, but for those UIDs."""
        if modseq > self.told:
            self._mine[modseq] = untold
            while len(self._mine) > MINE or sum(map(len, self._mine.values())) > MINE_UIDS:
                del self._mine[next(iter(self._mine))]

    def is_untold(self, uid: int, modseq: int) -> bool:
        """Whether the session was not told what happened to a message at a modseq."""
        return modseq > self.told and (modseq not in self._mine or uid in self._mine[modseq])

    def has_untold_flags(self, uid: int) -> bool:
        """Whether the flags of a message are others than the session was told."""
        at = self.snapshot.index(uid)
        return at >= 0 and self.is_untold(uid, self.snapshot.modseqs[at])

    # -- telling it

    def has_news(self, *, expunges: bool) -> bool:
        """Whether there may be something to tell."""
        return self.told != self.snapshot.modseq or bool(self.ghosts and expunges)

    def situation(self, *, expunges: bool) -> Hashable | None:
        """Equal for views of one snapshot that have the same to tell; None where nobody else has."""
        if self._mine:
            return None
        return self.told, self.top, self.ghosts, expunges

    def skip(self, *, expunges: bool) -> None:
        """What there is to tell counts as told."""
        if expunges:
            self.ghosts = ()
        self.top = max(self.top, self.snapshot.uidnext - 1)
        self.told = self.snapshot.modseq
        self._mine.clear()
        self._believed = None

    def take(self, *, expunges: bool) -> Updates:
        """What there is to tell, which counts as told; what went is left for later where `expunges` is not set."""
        if not self.has_news(expunges=expunges):
            return Updates()
        changed = self._changed()
        gone: tuple[int, ...] = ()
        numbers: list[int] = []
        if expunges and self.ghosts:
            gone = self.ghosts
            numbers = self.numbers(gone)
        new = self.snapshot.uids[self.snapshot.up_to(self.top) :]
        self.skip(expunges=expunges)
        return Updates(gone, numbers, len(self) if new else None, new, changed)

    def take_gone(self, uids: Iterable[int]) -> Updates:
        """Those of these UIDs that went, which counts as told; all else is left for later."""
        own = frozenset(uids)
        gone = tuple([uid for uid in self.ghosts if uid in own])
        if not gone:
            return Updates()
        numbers = self.numbers(gone)
        self.ghosts = tuple([uid for uid in self.ghosts if uid not in own])
        self._believed = None
        return Updates(gone, numbers)

    def _changed(self) -> list[int]:
        top, mine = self.top, self._mine
        changed = self.snapshot.changes_since(self.told)
        if not mine:
            return [uid for uid, _ in changed if uid <= top]
        return [uid for uid, modseq in changed if uid <= top and (modseq not in mine or uid in mine[modseq])]
