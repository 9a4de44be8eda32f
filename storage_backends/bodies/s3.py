"""Bodies as objects in a bucket of any store that speaks S3.

The key is `<prefix><account>/<32 hex>` and the reference is the key without the prefix. A body up to `part_size` is one
request; a larger one is a multipart upload, part by part, which is aborted when it fails. Uploads that a crash left are
aborted when they are a day old, whenever all bodies are listed. The size is kept as metadata beside each object, so one of
another size is Corrupt.

Each call is one hop to a thread and whole: a long body is read by a chain of ranged requests, so a slow reader holds no
connection. Calls are sent again within botocore's budget; a reading that breaks off is begun again. What fails after that
is Unavailable. A cancelled put stops between parts; a cancelled reading is left to end in its thread.
"""

import email.utils
import logging
import re
import secrets
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import trio
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from storage_backends import errors
from storage_backends.bodies import api, ranges, s3_client, side_by_side

FIRST: Final = 1024 * 1024
STEP: Final = 4 * 1024 * 1024
"""Most bytes that the first and each further request of a reading ask for."""

ABANDONED: Final = 24 * 3600.0
"""Age in seconds at which an unfinished upload belongs to nobody."""

_BATCH: Final = 1000  # most keys that DeleteObjects takes
_READINGS: Final = 3
_NO_BATCH: Final = (400, 405, 411, 501)  # how stores refuse DeleteObjects, or its checksum
_REF: Final = re.compile(r"[0-9]{1,19}/[0-9a-f]{32}", re.ASCII)
_log = logging.getLogger(__name__)


class BrokenOff(errors.Unavailable):
    """The connection was lost within the bytes of an answer."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    """Bytes of an object, and how many it has in all."""

    data: bytes
    total: int


class S3Store:
    """A body store in a bucket. Nothing is asked of the server before the first call."""

    def __init__(self, options: s3_client.S3Options) -> None:
        self._options = options
        self._limiter = trio.CapacityLimiter(options.connections)
        self._connecting = threading.Lock()
        self._connected: Any = None
        self._batches = True

    async def put(self, account: int, source: api.Source) -> str:
        ref = f"{account}/{secrets.token_hex(16)}"
        put = self._put_small if source.size <= self._options.part_size else self._put_large
        await trio.to_thread.run_sync(put, self._options.prefix + ref, source, limiter=self._limiter)
        return ref

    @asynccontextmanager
    async def open(self, ref: str, start: int = 0, stop: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        ranges.check(start, stop)
        key = self._key(ref)
        limit = start + FIRST if stop is None else min(stop, start + FIRST)
        first = await self._fetch(key, start, limit)
        _, end = ranges.cut(first.total, start, stop)
        async with aclosing(self._blocks(key, first.data, start, end)) as blocks:
            yield blocks

    async def _blocks(self, key: str, data: bytes, at: int, end: int) -> AsyncGenerator[bytes, None]:
        while True:
            for block in api.Bytes(data).blocks():
                if block:
                    yield block
            at += len(data)
            if at >= end:
                return
            data = (await self._fetch(key, at, min(at + STEP, end))).data
            if not data:
                raise errors.Corrupt(f"an object ends at {at} and not at {end}")

    async def delete(self, refs: Iterable[str]) -> None:
        keys = [self._options.prefix + ref for ref in dict.fromkeys(refs) if _REF.fullmatch(ref)]
        for first in range(0, len(keys), _BATCH):
            page = keys[first : first + _BATCH]
            await trio.to_thread.run_sync(self._delete, page, limiter=self._limiter, abandon_on_cancel=True)

    async def read_many(self, wanted: Sequence[api.Range]) -> list[api.Answer]:
        return await side_by_side.read_each(self, wanted, self._options.connections)

    async def refs(self, account: int | None = None) -> AsyncIterator[api.BodyInfo]:
        if account is None:
            await self.sweep()
        prefix = self._options.prefix + ("" if account is None else f"{account}/")
        after = ""
        while True:
            page = await trio.to_thread.run_sync(
                self._page, prefix, after, limiter=self._limiter, abandon_on_cancel=True
            )
            for info in self._infos(page):
                yield info
            if not page.get("IsTruncated") or not page.get("Contents"):
                return
            after = page["Contents"][-1]["Key"]

    async def sweep(self, older: float = ABANDONED) -> int:
        """Abort uploads begun more than `older` seconds ago; give how many. A store that cannot list them has none."""
        return await trio.to_thread.run_sync(self._sweep, older, limiter=self._limiter, abandon_on_cancel=True)

    async def aclose(self) -> None:
        if self._connected is not None:
            await trio.to_thread.run_sync(self._connected.close)

    # What follows runs in threads.

    def _client(self) -> Any:
        with self._connecting:
            if self._connected is None:
                self._connected = s3_client.connect(self._options)
            return self._connected

    def _key(self, ref: str) -> str:
        if not _REF.fullmatch(ref):
            raise errors.NotFound(f"no body {ref!r}")
        return self._options.prefix + ref

    def _call(self, operation: str, **arguments: Any) -> Any:
        """One call on the bucket, with errors mapped; `operation` is the method's name."""
        client = self._client()
        with s3_client.mapped(operation):
            return getattr(client, operation)(Bucket=self._options.bucket, **arguments)

    def _put_small(self, key: str, source: api.Source) -> None:
        body = b"".join(parts(source, source.size + 1))
        ranges.check_size(len(body), source.size)
        self._call("put_object", Key=key, Body=body, Metadata={"size": str(source.size)})

    def _put_large(self, key: str, source: api.Source) -> None:
        upload = self._call("create_multipart_upload", Key=key, Metadata={"size": str(source.size)})["UploadId"]
        with ExitStack() as undo:
            undo.callback(self._abort, key, upload)
            done, given = [], 0
            for number, part in enumerate(parts(source, self._options.part_size), 1):
                answer = self._call("upload_part", Key=key, UploadId=upload, PartNumber=number, Body=part)
                done.append({"PartNumber": number, "ETag": answer["ETag"]})
                given += len(part)
            ranges.check_size(given, source.size)
            self._complete(key, upload, done, source.size)
            undo.pop_all()

    def _complete(self, key: str, upload: str, done: list[dict[str, Any]], size: int) -> None:
        # Gone is an upload that was completed before the request was sent again, and an answer may break off behind its
        # status: in both cases the object tells.
        try:
            answer = self._call("complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": done})
            told = "ETag" in answer
        except errors.NotFound:
            told = False
        if not told and self._total(key) != size:
            raise errors.Unavailable("S3 complete_multipart_upload: the upload has gone and the object is not there")

    def _total(self, key: str) -> int | None:
        """How many bytes an object has; None where there is none."""
        try:
            return self._head(key, 0, 0).total
        except (errors.NotFound, errors.Corrupt):
            return None

    def _abort(self, key: str, upload: str) -> bool:
        try:
            self._call("abort_multipart_upload", Key=key, UploadId=upload)
        except errors.NotFound:
            return False
        except errors.Unavailable as error:
            _log.warning("unfinished upload stays until it is a day old", extra={"reason": str(error)})
            return False
        return True

    async def _fetch(self, key: str, start: int, stop: int) -> _Fetched:
        fetch = self._head if start == stop else self._get
        return await trio.to_thread.run_sync(fetch, key, start, stop, limiter=self._limiter, abandon_on_cancel=True)

    def _head(self, key: str, start: int, stop: int) -> _Fetched:
        answer = self._call("head_object", Key=key)
        return self._checked(answer, b"", answer["ContentLength"])

    def _get(self, key: str, start: int, stop: int) -> _Fetched:
        for last in (False,) * (_READINGS - 1) + (True,):
            try:
                return self._get_once(key, start, stop)
            except BrokenOff:
                if last:
                    raise
        raise AssertionError

    def _get_once(self, key: str, start: int, stop: int) -> _Fetched:
        client = self._client()
        with s3_client.mapped("get_object"):
            try:
                answer = client.get_object(Bucket=self._options.bucket, Key=key, Range=f"bytes={start}-{stop - 1}")
            except ClientError as error:
                if s3_client.status_of(error) == 416:  # RFC 9110 15.5.17: the range begins at or after the end
                    return self._head(key, start, stop)
                raise
        try:
            with closing(answer["Body"]) as body:  # its own context manager gives the stream without botocore's checks
                data = body.read()
        except (BotoCoreError, HTTPError, OSError) as error:  # botocore sends again what failed before this point only
            raise BrokenOff(f"S3 get_object: {type(error).__name__}") from None
        if "ContentRange" not in answer:  # RFC 9110 14.2: a server may ignore Range
            return self._checked(answer, data[start:stop], len(data))
        total = int(answer["ContentRange"].rpartition("/")[2])
        if len(data) != min(stop, total) - start:
            raise errors.Corrupt(f"S3 get_object: {len(data)} bytes instead of {min(stop, total) - start}")
        return self._checked(answer, data, total)

    def _checked(self, answer: Any, data: bytes, total: int) -> _Fetched:
        promised = answer.get("Metadata", {}).get("size", str(total))
        if promised != str(total):
            raise errors.Corrupt(f"an object has {total} bytes instead of {promised}")
        return _Fetched(data, total)

    def _delete(self, keys: list[str]) -> None:
        left = keys
        if self._batches and len(keys) > 1:
            left = self._delete_batch(keys)
        for key in left:
            try:
                self._call("delete_object", Key=key)
            except errors.NotFound:
                continue

    def _delete_batch(self, keys: list[str]) -> list[str]:
        """Delete in one request; give those that it did not delete."""
        client = self._client()
        wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with s3_client.mapped("delete_objects"):
            try:
                answer = client.delete_objects(Bucket=self._options.bucket, Delete=wanted)
            except ClientError as error:
                if s3_client.status_of(error) not in _NO_BATCH:
                    raise
                self._batches = False
                _log.info("store takes no batches of deletions", extra={"code": s3_client.code_of(error)})
                return keys
        return [each["Key"] for each in answer.get("Errors", ()) if each.get("Code") != "NoSuchKey"]

    def _page(self, prefix: str, after: str) -> Any:
        position = {"StartAfter": after} if after else {}
        return self._call("list_objects_v2", Prefix=prefix, **position)

    def _infos(self, page: Any) -> Iterator[api.BodyInfo]:
        now = server_time(page)
        for entry in page.get("Contents", ()):
            ref = entry["Key"].removeprefix(self._options.prefix)
            if _REF.fullmatch(ref):
                age = max(0.0, (now - entry["LastModified"]).total_seconds())
                yield api.BodyInfo(int(ref.partition("/")[0]), ref, entry["Size"], age)

    def _sweep(self, older: float) -> int:
        try:
            answer = self._call("list_multipart_uploads", Prefix=self._options.prefix)
        except errors.StorageError as error:
            _log.info("store lists no unfinished uploads", extra={"reason": str(error)})
            return 0
        now = server_time(answer)
        old = [each for each in answer.get("Uploads", ()) if (now - each["Initiated"]).total_seconds() >= older]
        return sum(self._abort(each["Key"], each["UploadId"]) for each in old)


def open_store(**options: Any) -> S3Store:
    """A store from the fields of `S3Options`. Raises Refused."""
    try:
        return S3Store(s3_client.S3Options(**options))
    except TypeError as error:
        raise errors.Refused(f"body store of kind s3: {error}") from None


def parts(source: api.Source, length: int) -> Iterator[bytes]:
    """The bytes of a source in parts of `length` bytes; stops when the caller of the thread is cancelled."""
    held: list[bytes] = []
    size = 0
    for block in source.blocks():
        trio.from_thread.check_cancelled()
        while size + len(block) >= length:
            room = length - size
            yield b"".join([*held, block[:room]])
            block, held, size = block[room:], [], 0
        held.append(block)
        size += len(block)
    if size:
        yield b"".join(held)


def server_time(answer: Any) -> datetime:
    """The server's clock when it answered: ages do not depend on ours."""
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return email.utils.parsedate_to_datetime(date) if date else datetime.now(UTC)
