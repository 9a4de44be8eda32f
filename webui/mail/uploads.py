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
        """Files of accounts that are being taken, and their octets so far."""
        self._octets: Counter[int] = Counter()

    async def take(self, account: Account, name: str, content_type: str, blocks: AsyncIterator[bytes]) -> Upload:
        """Take a file. LIMIT, UNAVAILABLE (disk)."""
        await self._forget_old()
        of_account = [each for each in self._kept.values() if each.account_id == account.id]
        if len(of_account) + self._coming[account.id] >= MOST:
            raise Failure(Kind.LIMIT, "too many files are waiting to be saved; save the drafts first")
        self._coming[account.id] += 1
        held = _Held(self._octets, account.id, MOST_BYTES - sum(each.size for each in of_account))
        try:
            scratch, size = await self._scratch(blocks, held)
        finally:
            held.give_back()
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

    async def _scratch(self, blocks: AsyncIterator[bytes], held: "_Held") -> tuple[Scratch, int]:
        scratch = await trio.to_thread.run_sync(self._store.scratch, limiter=self._store.spooling)
        try:
            return scratch, await self._fill(scratch, blocks, held)
        except BaseException:
            await self._close(scratch)
            raise

    async def _fill(self, scratch: Scratch, blocks: AsyncIterator[bytes], held: "_Held") -> int:
        size, most = 0, self._store.policy.message_bytes
        async for block in blocks:
            size += len(block)
            if size > most:
                raise Failure(Kind.LIMIT, f"the file is larger than {most} bytes; share it in another way")
            if not held.take(len(block)):
                raise Failure(Kind.LIMIT, "too much is waiting to be saved; save the drafts first")
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


@dataclass(slots=True)
class _Held:
    """The octets of one file that is being taken, counted with those of the others that come at the same time."""

    octets: Counter[int]
    account_id: int
    most: int
    """Of all of the account that are being taken."""
    size: int = 0

    def take(self, size: int) -> bool:
        """Whether so many more may come; counts them."""
        self.octets[self.account_id] += size
        self.size += size
        return self.octets[self.account_id] <= self.most

    def give_back(self) -> None:
        """They are counted elsewhere now, or gone."""
        self.octets[self.account_id] -= self.size
        if not self.octets[self.account_id]:
            del self.octets[self.account_id]
