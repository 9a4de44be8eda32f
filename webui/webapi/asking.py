"""What a request asks: JSON in the field `request` of a form, or as the whole body, and files beside it.

- application/x-www-form-urlencoded and multipart/form-data as mox takes them, application/json besides.
- JSON is kept in memory up to a limit; files are streamed to where uploads go, whatever their size.
- Nothing is read before the caller is logged in.
Raises Malformed for what is no request, and TooLarge.
"""

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import parse_qsl

import trio
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio import multipart

from mox_trio.base import limits
from webui import asgi
from webui.webapi.uploads import Upload, Uploads

FIELD: Final = "request"
FILES: Final = frozenset({"alternativefile", "inlinefile", "attachedfile"})
PART_HEADER: Final = 64 * 1024
"""Octets of the decoder's buffer beyond a block: the header of a part is not longer."""
INLINE: Final = 64 * 1024
"""Octets of a form that are decoded on the event loop."""


class Malformed(Exception):
    """This is no request; `str()` says why."""


class TooLarge(Exception):
    """The JSON is larger than is taken."""


async def json_of(content_type: str, body: AsyncIterator[bytes], uploads: Uploads) -> bytes:
    """The JSON of a request of this type; files go to `uploads`. Raises Malformed, TooLarge, and Failure as `Uploads.write`."""
    kind, options = parse_options_header(content_type)
    if kind == "multipart/form-data":
        boundary = options.get("boundary", "")
        if not 0 < len(boundary) <= 200 or not boundary.isascii():
            raise Malformed("multipart/form-data needs a boundary")
        return await _multipart(body, boundary.encode(), uploads)
    data = await _whole(body)
    if kind == "application/json":
        return data
    if kind == "application/x-www-form-urlencoded":
        if len(data) <= INLINE:
            return _form(data)
        return await trio.to_thread.run_sync(_form, data)
    raise Malformed(
        "the type of the body must be application/x-www-form-urlencoded, multipart/form-data or application/json"
    )


async def _whole(body: AsyncIterator[bytes]) -> bytes:
    found = bytearray()
    async for block in body:
        found += block
        if len(found) > limits.API_JSON_BYTES:
            raise TooLarge
    return bytes(found)


def _form(data: bytes) -> bytes:
    try:
        fields = parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=100, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise Malformed("the form cannot be read") from None
    found = [value for name, value in fields if name == FIELD]
    if len(found) != 1:
        raise Malformed(f"the form needs one field {FIELD!r}")
    return found[0].encode("utf-8", "replace")


async def _multipart(body: AsyncIterator[bytes], boundary: bytes, uploads: Uploads) -> bytes:
    decoder = multipart.MultipartDecoder(boundary, asgi.HELD * 2 + PART_HEADER, max_parts=limits.API_FILES + 10)
    reader = _Reader(uploads)
    try:
        async for block in body:
            for start in range(0, len(block), asgi.HELD):
                decoder.receive_data(block[start : start + asgi.HELD])
                await reader.take(decoder)
        decoder.receive_data(None)
        await reader.take(decoder)
    except RequestEntityTooLarge:
        raise Malformed("the form has too many parts, or a part whose header is too long") from None
    except (ValueError, UnicodeDecodeError):
        raise Malformed("the form cannot be read") from None
    if reader.found is None or not reader.is_whole:
        raise Malformed(f"the form needs a field {FIELD!r}, and its end")
    return bytes(reader.found)


class _Reader:
    """The state of reading one form."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self._into: Upload | bytearray | None = None
        self.found: bytearray | None = None
        self.is_whole = False

    async def take(self, decoder: multipart.MultipartDecoder) -> None:
        """Everything that is there."""
        while not isinstance(event := decoder.next_event(), multipart.NeedData):
            if isinstance(event, multipart.Field):
                self._into = bytearray() if event.name != FIELD or self.found is not None else None
                if event.name == FIELD and self.found is None:
                    self.found = self._into = bytearray()
            elif isinstance(event, multipart.File):
                self._into = self._begin(event)
            elif isinstance(event, multipart.Data):
                await self._data(event.data)
            elif isinstance(event, multipart.Epilogue):
                self.is_whole = True
                return

    def _begin(self, event: multipart.File) -> Upload:
        if event.name not in FILES:
            raise Malformed(f"files are in the fields {', '.join(sorted(FILES))}")
        if self._uploads.count() >= limits.API_FILES:
            raise Malformed(f"a request has at most {limits.API_FILES} files")
        kind = event.headers.get("Content-Type", "").split(";")[0].strip()
        upload = Upload(event.filename, kind, event.headers.get("Content-Id", ""))
        return self._uploads.begin(event.name, upload)

    async def _data(self, data: bytes) -> None:
        if isinstance(self._into, Upload):
            if data:
                await self._uploads.write(self._into, data)
        elif self._into is not None:
            self._into += data
            if len(self._into) > limits.API_JSON_BYTES:
                raise TooLarge
