"""What one session has heard of annotations and not told: a watermark, not a queue. Pure."""

from mox_trio.mailstore.changes import Changes
from storage_backends.index.api import ModSeq


class HeardAnnotations:
    """Of one session."""

    __slots__ = ("_own", "_since", "_told")

    def __init__(self) -> None:
        self._since: ModSeq | None = None
        """Something changed after this and was not told; None where there is nothing."""
        self._told = ModSeq(0)
        self._own: set[ModSeq] = set()

    @property
    def has_news(self) -> bool:
        """Whether there may be something to tell."""
        return self._since is not None

    def heard(self, news: Changes, *, is_wanted: bool) -> None:
        """Something changed in the account."""
        if is_wanted and news.annotations and self._since is None:
            self._since = max(news.since, self._told)

    def changed(self, modseq: ModSeq) -> None:
        """The session itself made this change, and is not told of it."""
        self._own.add(modseq)

    def is_own(self, modseq: ModSeq) -> bool:
        """Whether it did."""
        return modseq in self._own

    def take(self) -> ModSeq | None:
        """After which modseq there is something to tell; it counts as told."""
        since, self._since = self._since, None
        if since is None:
            self._own.clear()
        return since

    def told(self, modseq: ModSeq) -> None:
        """Everything up to here was told."""
        self._told = modseq
        self._own.clear()
