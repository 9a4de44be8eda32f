"""A call from its header to its answer, whatever speaks HTTP: logging in, reading what is asked, carrying it out.

Called by `application`, below Quart for programs and within it for the pages that try methods. Nothing is raised but what is an
error of the program.
"""

import logging
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import trio
from pydantic import ValidationError

from mox_trio.base.failure import Failure
from mox_trio.mailstore import entering
from mox_trio.mailstore.answered import Once
from mox_trio.protocol.webapi.shapes import Shape
from mox_trio.running import Visitor, Web
from webui import login
from webui.login import Caller, NotLoggedIn
from webui.webapi import asking
from webui.webapi.calling import Call, Method, Streamed
from webui.webapi.errors import Refused, of_failure, of_validation
from webui.webapi.uploads import Uploads

logger = logging.getLogger(__name__)

LARGE: Final = 64 * 1024
"""Octets of JSON beyond which it is read in a thread."""
LONGEST_KEY: Final = 255
JSON: Final = "application/json; charset=utf-8"
PLAIN: Final = "text/plain; charset=utf-8"
CHALLENGE: Final = 'Basic realm="mox-trio webapi", charset="UTF-8", Bearer realm="mox-trio webapi"'


@dataclass(slots=True)
class Asked:
    """A request."""

    headers: Mapping[str, str]
    """Asked for in whatever case their keys are; those of an ASGI scope are in lower case."""
    body: AsyncIterator[bytes]
    visitor: Visitor
    json: bytes = b""
    """What was asked, once it is read."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer."""

    status: int
    content_type: str
    body: bytes | AsyncIterator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)
    result: str = "ok"
    """For the metrics."""


async def answer(web: Web, method: Method, asked: Asked) -> Said:
    """Carry a method out, and count it."""
    began = time.perf_counter()
    said = await _answer(web, method, asked)
    web.metrics.count("webapi_results_total", method=method.name, result=said.result)
    web.metrics.observe("webapi_duration_seconds", time.perf_counter() - began, method=method.name)
    return said


async def _answer(web: Web, method: Method, asked: Asked) -> Said:
    if login.is_from_elsewhere(asked.headers):
        return _plain(403, "the request comes from a page of another site")
    try:
        authorization, agent = asked.headers.get("authorization", ""), asked.headers.get("user-agent", "")
        caller = await login.caller(web, asked.visitor, authorization, agent)
    except NotLoggedIn as refused:
        return _plain(refused.status, str(refused), {"www-authenticate": CHALLENGE} if refused.status == 401 else {})
    if not method.scope & caller.grant.scopes:
        return _error(Refused("forbidden", "the key does not open this method"), 403)
    async with Uploads(web.services.mail, web.services.mail.policy.message_bytes) as uploads:
        try:
            return await _called(web, method, caller, uploads, asked)
        except Refused as refused:
            return _error(refused)
        except asking.Malformed as error:
            return _error(Refused("protocol", str(error)))
        except asking.TooLarge:
            return _error(
                Refused("messageTooLarge", "the JSON is too large; send files as parts of multipart/form-data")
            )
        except Failure as failure:
            if failure.private:
                extra = {"account": caller.account.name, "method": method.name, "detail": failure.private}
                logger.warning("a method failed", extra=extra)
            return _error(of_failure(failure))
        except entering.STORAGE_ERRORS as error:
            extra = {"account": caller.account.name, "method": method.name, "detail": str(error)}
            logger.error("a method failed", extra=extra)
            return _error(Refused("server", "a store of this server is away; try again later"))


async def _called(web: Web, method: Method, caller: Caller, uploads: Uploads, asked: Asked) -> Said:
    asked.json = await asking.json_of(asked.headers.get("content-type", ""), asked.body, uploads)
    if uploads.by_field and not method.files:
        raise Refused("protocol", "this method takes no files")
    request = await _parsed(method, asked.json)
    made = Call(web, caller, uploads, _once(method, asked))
    result = await method.run(made, request)
    headers = {"cache-control": "no-store", **made.notes}
    if not isinstance(result, Streamed):
        return Said(200, JSON, result.to_json(), headers)
    headers["content-disposition"] = "attachment"
    if result.size is not None:
        headers["content-length"] = str(result.size)
    return Said(200, result.content_type, result.blocks, headers)


async def _parsed(method: Method, data: bytes) -> Shape:
    if not data.strip():
        raise Refused("protocol", "the request is empty; it is JSON")
    try:
        if len(data) <= LARGE:
            return method.request.model_validate_json(data)
        return await trio.to_thread.run_sync(method.request.model_validate_json, data)
    except ValidationError as error:
        raise of_validation(error) from None


def _once(method: Method, asked: Asked) -> Once | None:
    key = asked.headers.get("idempotency-key")
    if key is None or not method.idempotent:
        return None
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Refused("protocol", f"an Idempotency-Key has 1 to {LONGEST_KEY} printable ASCII characters")
    return Once(f"{method.name} {key}", blake2b(asked.json, digest_size=32).digest())


def _error(refused: Refused, status: int = 400) -> Said:
    return Said(status, JSON, refused.to_error().to_json(), {"cache-control": "no-store"}, refused.code)


def _plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Said:
    return Said(status, PLAIN, f"{text}\n".encode(), headers or {}, str(status))
