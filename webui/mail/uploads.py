"""Files on their way into a message: streamed into temporary files, and kept until the draft that holds them is saved.

They belong to an account and to this process. Too many or too large ones are refused (LIMIT); what nobody saved is forgotten
after `LIFE`, when somebody brings more.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final

import trio

from mox_trio.base import ids
from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.scratch import Scratch
from mox_trio.mailstore.store import Account, MailStore

LIFE: Final = 2 * 3600.0
"""Seconds."""
MOST: Final = 200
"""Files of an account."""
MOST_BYTES: Final = 500 * 1024 * 1024
"""Of all files of an account together."""
MOST_AT_ONCE: Final = 8
"""Files of an account that come side by side."""
LONGEST_NAME: Final = 255


@dataclass(frozen=True, slots=True)
class Upload:
    """A file; a `Source` of its bytes."""

    id: str
    account_id: int
    name: str
    content_type: str
    size: int
    scratch: Scratch
    at: float

    def blocks(self) -> Iterator[bytes]:
        """Its bytes. Blocks."""
        return self.scratch.blocks()


class Uploads:
    """Those of one process."""

    def __init__(self, store: MailStore) -> None:
        self._store = store
        self._kept: dict[str, Upload] = {}
        self._coming: Counter[int] = Counter()
        """Files of accounts that are being taken: each counts as one that is as large as may be."""

    async def take(self, account: Account, name: str, content_type: str, blocks: AsyncIterator[bytes]) -> Upload:
        """Take a file. LIMIT, UNAVAILABLE (disk)."""
        await self._forget_old()
        of_account = [each for each in self._kept.values() if each.account_id == account.id]
        largest = self._store.policy.message_bytes
        coming = self._coming[account.id]
        left = MOST_BYTES - sum(each.size for each in of_account) - coming * largest
        if coming >= MOST_AT_ONCE or len(of_account) + coming >= MOST or left <= 0:
            raise Failure(Kind.LIMIT, "too many files are waiting to be saved; save the drafts first")
        self._coming[account.id] += 1
        try:
            scratch, size = await self._scratch(blocks, min(largest, left))
        finally:
            self._coming[account.id] -= 1
            if not self._coming[account.id]:
                del self._coming[account.id]
        upload = Upload(
            ids.url_safe(self._store.entropy(ids.SECRET_BYTES)),
            account.id,
            name[:LONGEST_NAME],
            content_type,
            size,
            scratch,
            trio.current_time(),
        )
        self._kept[upload.id] = upload
        return upload

    async def _scratch(self, blocks: AsyncIterator[bytes], most: int) -> tuple[Scratch, int]:
        scratch = await trio.to_thread.run_sync(self._store.scratch, limiter=self._store.spooling)
        try:
            return scratch, await self._fill(scratch, blocks, most)
        except BaseException:
            await self._close(scratch)
            raise

    async def _fill(self, scratch: Scratch, blocks: AsyncIterator[bytes], most: int) -> int:
        size = 0
        async for block in blocks:
            size += len(block)
            if size > most:
                raise Failure(Kind.LIMIT, f"the file is larger than {most} bytes; share it in another way")
            try:
                await trio.to_thread.run_sync(scratch.append, block, limiter=self._store.spooling)
            except OSError as error:
                raise Failure(Kind.UNAVAILABLE, "the server is out of temporary space", str(error)) from error
        return size

    def get(self, account: Account, upload_id: str) -> Upload:
        """A file of an account. NOT_FOUND."""
        upload = self._kept.get(upload_id)
        if upload is None or upload.account_id != account.id:
            raise Failure(Kind.NOT_FOUND, "the file is not there any more; attach it again")
        return upload

    async def forget(self, account: Account, upload_id: str) -> None:
        """Give its space back; what is not there is forgotten already."""
        upload = self._kept.get(upload_id)
        if upload is not None and upload.account_id == account.id:
            del self._kept[upload_id]
            await self._close(upload.scratch)

    async def aclose(self) -> None:
        """Forget all."""
        kept, self._kept = list(self._kept.values()), {}
        for each in kept:
            await self._close(each.scratch)

    async def _forget_old(self) -> None:
        before = trio.current_time() - LIFE
        for each in [each for each in self._kept.values() if each.at < before]:
            del self._kept[each.id]
            await self._close(each.scratch)

    async def _close(self, scratch: Scratch) -> None:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(scratch.close, limiter=self._store.spooling)
