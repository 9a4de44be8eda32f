"""The dynamic document in the index, for several nodes: `dynamic = "index"`."""

from typing import Final

import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.config.source import Conflict, Document
from mox_trio.mailstore.store import clock
from storage_backends import errors
from storage_backends.index.api import NO_ACCOUNT, Index
from storage_backends.index.tables import documents

NAME: Final = "domains"
POLL: Final = 2.0
"""Seconds between looks at the version."""


class IndexSource:
    """The document as a row that is changed by compare-and-set. A row that is not there yet is an empty document."""

    name: Final = "domains (in the index)"

    def __init__(self, index: Index) -> None:
        self._index = index

    async def load(self) -> Document:
        """Read the row. UNAVAILABLE when the database is away."""
        try:
            found = await self._index.read(lambda tx: documents.load(tx, NAME))
        except errors.Unavailable as error:
            raise Failure(Kind.UNAVAILABLE, "the index is away; try again later", str(error)) from error
        return Document(found.text, str(found.version))

    async def save(self, text: str, expected_version: str) -> Document:
        """Replace the row if it still has this version. Conflict, UNAVAILABLE."""
        try:
            version = await self._index.write(
                NO_ACCOUNT, lambda tx: documents.replace(tx, NAME, text, seen=int(expected_version), now=clock())
            )
        except errors.Conflict as error:
            raise Conflict(Kind.CONFLICT, "somebody else changed the domains meanwhile; try again") from error
        except errors.Unavailable as error:
            raise Failure(Kind.UNAVAILABLE, "the index is away; try again later", str(error)) from error
        return Document(text, str(version))

    async def changed(self, since: str) -> None:
        """Wait until the row has another version; a read that fails is tried again."""
        while True:
            await trio.sleep(POLL)
            try:
                if (await self.load()).version != since:
                    return
            except Failure:
                continue
