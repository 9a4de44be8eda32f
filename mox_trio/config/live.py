"""The configuration that is in force: one immutable snapshot, replaced as a whole when the dynamic document changes.

A document that is broken, or whose source is away, changes nothing: the old snapshot stays, the problem is logged once
and kept in `problem` until a good document comes. Readers take `current` once for each thing they do, so that it does not
change under them.
"""

import logging
from dataclasses import dataclass
from typing import Self

import trio

from mox_trio.base.failure import Failure
from mox_trio.config import directory, load
from mox_trio.config.directory import Directory
from mox_trio.config.models.dynamic import Dynamic
from mox_trio.config.models.static import Static
from mox_trio.config.problems import ConfigErrors
from mox_trio.config.source import UNREADABLE, Document, DocumentSource

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of the configuration at one moment."""

    static: Static
    dynamic: Dynamic
    directory: Directory
    version: str
    """Of the dynamic document."""


def snapshot(settings: Static, document: Document, name: str) -> Snapshot:
    """Check a document and make its snapshot; computes: give it a thread. Raises ConfigErrors."""
    dynamic = load.dynamic(document.text, settings, name)
    return Snapshot(settings, dynamic, directory.build(settings, dynamic), document.version)


class LiveConfig:
    """The snapshot in force, and the loop that replaces it."""

    def __init__(self, first: Snapshot, source: DocumentSource) -> None:
        self.current = first
        """The snapshot in force."""
        self.problem: ConfigErrors | Failure | None = None
        """Why the newest document is not in force; None if it is."""
        self._source = source
        self._looked_at = first.version
        self._replaced = trio.Event()
        self._reading = trio.Lock()
        self._threads = trio.CapacityLimiter(1)

    @classmethod
    async def open(cls, settings: Static, source: DocumentSource) -> Self:
        """Read the first document. Raises ConfigErrors or Failure: without a good one there is nothing to go on with."""
        document = await source.load()
        first = await trio.to_thread.run_sync(snapshot, settings, document, source.name)
        return cls(first, source)

    async def run(self) -> None:
        """Follow the document for ever."""
        while True:
            await self._source.changed(self._looked_at)
            await self.reload()

    async def reload(self) -> None:
        """Look at the document now: after an edit by this process, or when somebody asks. Never raises for a bad document."""
        async with self._reading:
            try:
                document = await self._source.load()
            except (ConfigErrors, Failure) as error:
                self._looked_at = UNREADABLE
                self._complain(error)
                return
            self._looked_at = document.version
            try:
                if document.version != self.current.version:
                    await self._replace(document)
            except ConfigErrors as error:
                self._complain(error)
            else:
                self.problem = None

    async def wait_replaced(self, seen: Snapshot) -> Snapshot:
        """Wait until another snapshot than the one seen is in force."""
        while self.current is seen:
            await self._replaced.wait()
        return self.current

    async def _replace(self, document: Document) -> None:
        self.current = await trio.to_thread.run_sync(
            snapshot, self.current.static, document, self._source.name, limiter=self._threads
        )
        self._replaced.set()
        self._replaced = trio.Event()
        logger.info("configuration replaced", extra={"source": self._source.name, "version": document.version[:12]})

    def _complain(self, error: ConfigErrors | Failure) -> None:
        if str(self.problem) != str(error):
            logger.error("configuration not replaced, the old one stays", extra={"problems": str(error).split("\n")})
        self.problem = error
