"""Mark a body store as belonging to an index, once: see `mailstore.orphans`."""

from functools import partial
from typing import Final

from mox_trio.mailstore.orphans import MARKS
from storage_backends.bodies.api import BodyStore, Bytes, key
from storage_backends.index.api import NO_ACCOUNT, Index
from storage_backends.index.tables import stores

TEXT: Final = b"This is the mark of an index of mox-trio; the bodies beside it are that index's. See docs/storage.md.\n"


async def claim(index: Index, name: str, bodies: BodyStore) -> None:
    """Put the mark below encryption and cache, and let the index know it. Of several processes one mark stays."""
    if await index.read(partial(stores.mark, name=name)):
        return
    mine = key(await bodies.put(MARKS, Bytes(TEXT)))
    if await index.write(NO_ACCOUNT, partial(stores.add_mark, name=name, mark=mine)) != mine:
        await bodies.delete([mine])
