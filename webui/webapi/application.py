"""The ASGI application of the HTTP API.

    POST v0/METHOD        call a method
    GET  v0/              list them; v0/METHOD explains one and tries it
    GET  v0/openapi.json  the OpenAPI document

A call is answered 200, or 400 with a code and a text (403 where a key does not open the method). 401 and 429 are about
logging in.
"""

import logging
import time
from hashlib import blake2b
from typing import Final

import trio
from pydantic import ValidationError
from quart import Response, request

from mox_trio.base.failure import Failure
from mox_trio.mailstore import entering
from mox_trio.mailstore.answered import Once
from mox_trio.protocol.webapi.shapes import Shape
from mox_trio.services import Web
from webui import asgi, login
from webui.login import Caller, NotLoggedIn
from webui.webapi import asking, openapi, pages
from webui.webapi.calling import Call, Method, Streamed
from webui.webapi.errors import Refused, of_failure, of_validation
from webui.webapi.table import METHODS
from webui.webapi.uploads import Uploads

logger = logging.getLogger(__name__)

VERSION: Final = "v0"
LARGE: Final = 64 * 1024
"""Octets of JSON beyond which it is read in a thread."""
LONGEST_KEY: Final = 255
JSON: Final = "application/json; charset=utf-8"
CHALLENGE: Final = 'Basic realm="mox-trio webapi", charset="UTF-8", Bearer realm="mox-trio webapi"'


def application(web: Web) -> asgi.Application:
    """Make it."""
    made = asgi.application(
        "webui.webapi", template_folder="templates", static_folder="static", static_url_path="/static"
    )

    async def call(name: str) -> Response:
        method = METHODS.get(name)
        if method is None:
            return asgi.plain(404, "there is no such method")
        began = time.perf_counter()
        response = await _answer(web, method)
        result = (
            "ok" if response.status_code == 200 else str(response.headers.get("X-Mox-Result", response.status_code))
        )
        web.metrics.count("webapi_results_total", method=name, result=result)
        web.metrics.observe("webapi_duration_seconds", time.perf_counter() - began, method=name)
        response.headers.pop("X-Mox-Result", None)
        return response

    made.add_url_rule("/", "root", pages.root)
    made.add_url_rule(f"/{VERSION}/", "list", pages.listed)
    made.add_url_rule(f"/{VERSION}/openapi.json", "openapi", openapi.served)
    made.add_url_rule(f"/{VERSION}/<name>", "explain", pages.explained, methods=["GET"])
    made.add_url_rule(f"/{VERSION}/<name>", "call", call, methods=["POST"])
    return made


async def _answer(web: Web, method: Method) -> Response:
    if login.is_from_elsewhere(request.headers):
        return asgi.plain(403, "the request comes from a page of another site")
    try:
        caller = await _caller(web)
    except NotLoggedIn as refused:
        headers = {"WWW_Authenticate": CHALLENGE} if refused.status == 401 else {}
        return asgi.plain(refused.status, str(refused), **headers)
    if not method.scope & caller.grant.scopes:
        return _error(Refused("forbidden", "the key does not open this method"), 403)
    async with Uploads(web.services.mail, web.services.mail.policy.message_bytes) as uploads:
        try:
            return await _called(web, method, caller, uploads)
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


async def _caller(web: Web) -> Caller:
    headers = request.headers
    visitor = asgi.visitor(request)
    return await login.caller(web, visitor, headers.get("Authorization", ""), headers.get("User-Agent", ""))


async def _called(web: Web, method: Method, caller: Caller, uploads: Uploads) -> Response:
    data = await asking.json_of(request, uploads)
    if uploads.by_field and not method.files:
        raise Refused("protocol", "this method takes no files")
    asked = await _parsed(method, data)
    made = Call(web, caller, uploads, _once(method, data))
    result = await method.run(made, asked)
    if isinstance(result, Streamed):
        response = Response(result.blocks, 200, content_type=result.content_type)
        response.headers["Content-Disposition"] = "attachment"
        if result.size is not None:
            response.headers["Content-Length"] = str(result.size)
    else:
        response = Response(result.to_json(), 200, content_type=JSON)
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(made.notes)
    return response


async def _parsed(method: Method, data: bytes) -> Shape:
    if not data.strip():
        raise Refused("protocol", "the request is empty; it is JSON")
    try:
        if len(data) <= LARGE:
            return method.request.model_validate_json(data)
        return await trio.to_thread.run_sync(method.request.model_validate_json, data)
    except ValidationError as error:
        raise of_validation(error) from None


def _once(method: Method, data: bytes) -> Once | None:
    key = request.headers.get("Idempotency-Key")
    if key is None or not method.idempotent:
        return None
    if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise Refused("protocol", f"an Idempotency-Key has 1 to {LONGEST_KEY} printable ASCII characters")
    return Once(f"{method.name} {key}", blake2b(data, digest_size=32).digest())


def _error(refused: Refused, status: int = 400) -> Response:
    response = Response(refused.to_error().to_json(), status, content_type=JSON)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Mox-Result"] = refused.code
    return response
