"""The requests of logging in and out, the same for every application for people, and failures as answers.

Answers are JSON: what was asked for, or `{"error": {"code": ..., "message": ...}}`. Codes are those of `base.failure.Kind`. A
browser that shows the answer itself gets the message as text.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from quart import Blueprint, Quart, Response, request
from werkzeug.exceptions import HTTPException

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import web_sessions
from webui import asgi
from webui.guests import entrance
from webui.guests.entrance import Credentials, Entrance, Guest

logger = logging.getLogger(__name__)

STATUS: Final = {
    Kind.NOT_FOUND: 404,
    Kind.EXISTS: 409,
    Kind.CONFLICT: 409,
    Kind.IN_USE: 409,
    Kind.INVALID: 400,
    Kind.UNSUPPORTED: 501,
    Kind.FORBIDDEN: 403,
    Kind.POLICY: 403,
    Kind.CREDENTIALS: 401,
    Kind.EXPIRED: 401,
    Kind.DISABLED: 403,
    Kind.LIMIT: 413,
    Kind.QUOTA: 507,
    Kind.RATE: 429,
    Kind.TRY_LATER: 503,
    Kind.UNAVAILABLE: 503,
    Kind.CORRUPT: 500,
}
BODY_BYTES: Final = 64 * 1024
"""Of a login."""
SAID: Final = {404: "there is nothing at this address", 405: "this method is not allowed at this address"}
"""Of what no application answers."""
Answer = tuple[dict[str, Any], int] | tuple[dict[str, Any], int, dict[str, str]] | Response


def no_store() -> dict[str, str]:
    """For what is somebody's own."""
    return {"cache-control": "no-store"}


def failures(app: Quart) -> None:
    """Let an application answer with failures."""

    @app.errorhandler(Failure)
    async def failed(failure: Failure) -> Answer:
        status = STATUS.get(failure.kind, 500)
        if failure.private:
            logger.info("web request refused", extra={"reason": failure.public, "detail": failure.private})
        return _answer(failure.kind.value, failure.public, status)

    @app.errorhandler(HTTPException)
    async def refused(error: HTTPException) -> Answer:
        status = error.code or 500
        return _answer("http", SAID.get(status, error.description or error.name), status)


def _answer(code: str, message: str, status: int) -> Answer:
    if "text/html" in request.headers.get("accept", ""):  # somebody follows a link or types an address
        return asgi.plain(status, message, cache_control="no-store")
    return {"error": {"code": code, "message": message}}, status, no_store()


async def json_body(most: int = BODY_BYTES) -> Mapping[str, Any]:
    """The object that a request brings. INVALID, LIMIT."""
    if request.mimetype != "application/json":  # a form of another site cannot send this without being asked
        raise Failure(Kind.INVALID, "the body is JSON")
    body = bytearray()
    async for block in asgi.blocks(request):
        body += block
        if len(body) > most:
            raise Failure(Kind.LIMIT, "the body is too large")
    try:
        value = json.loads(body)
        if b"\\" in body:  # half of a character can be written by an escape, and neither stored nor sent
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Failure(Kind.INVALID, "the body is a JSON object")
    return value


async def guest(doorway: Entrance) -> Guest:
    """Who makes the request. EXPIRED, DISABLED."""
    return await doorway.guest(request.cookies.get(doorway.session_cookie, ""))


async def known(doorway: Entrance) -> Mapping[str, str | None]:
    """What a page is told of who makes the request: `login`, None where nobody is logged in, and `csrf`. Errors of the stores."""
    token = request.cookies.get(doorway.session_cookie, "")
    try:
        found = await doorway.guest(token)
    except Failure as failure:
        if failure.kind in (Kind.EXPIRED, Kind.DISABLED):
            return {"login": None}
        raise
    return {"login": str(found.address), "csrf": web_sessions.csrf(token)}


async def changing_guest(doorway: Entrance) -> Guest:
    """The same for a request that changes something. FORBIDDEN."""
    token = request.cookies.get(doorway.session_cookie, "")
    found = await doorway.guest(token)
    entrance.check_csrf(token, request.headers.get(entrance.CSRF_HEADER, ""))
    return found


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise Failure(Kind.INVALID, f"{name} is a text")
    return value


def blueprint(doorway: Entrance) -> Blueprint:
    """The requests below `login/`."""
    pages = Blueprint("login", __name__)
    _entering(pages, doorway)
    _leaving(pages, doorway)
    return pages


def _path() -> str:
    return f"{request.root_path.rstrip('/')}/"


def _set(response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """A cookie that scripts do not see and that other sites' requests do not bring."""
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=_path(),
        secure=entrance.visitor(request.scope).secure,
        httponly=True,
        samesite="Strict",
    )


def _json(text: str) -> Response:
    return Response(text, content_type="application/json", headers=no_store())


def _entering(pages: Blueprint, doorway: Entrance) -> None:
    @pages.post("/login/prepare")
    async def prepare() -> Response:
        token = doorway.login_token()
        response = _json(f'{{"token":"{token}"}}')
        _set(response, doorway.login_cookie, token, seconds=entrance.LOGIN_SECONDS)
        return response

    @pages.post("/login")
    async def enter() -> Response:
        body = await json_body()
        code = _text(body, "code") if "code" in body else ""
        given = Credentials(_text(body, "token"), _text(body, "address"), _text(body, "password"), code)
        cookie = request.cookies.get(doorway.login_cookie, "")
        visitor = entrance.visitor(request.scope)
        token = await doorway.enter(given, cookie, visitor, request.headers.get("user-agent", ""))
        if token is None:
            return _json('{"code":"wanted"}')
        response = _json(f'{{"csrf":"{web_sessions.csrf(token)}"}}')
        response.delete_cookie(doorway.login_cookie, path=_path())
        _set(response, doorway.session_cookie, token)
        return response


def _leaving(pages: Blueprint, doorway: Entrance) -> None:
    @pages.post("/logout")
    async def leave() -> Response:
        found = await changing_guest(doorway)
        await web_sessions.end(doorway.web.services.mail, found.session.account_id, found.session.hash)
        doorway.endings.tell(found.session.account_id)
        response = _json("{}")
        response.delete_cookie(doorway.session_cookie, path=_path())
        response.headers["clear-site-data"] = '"cache", "storage"'
        return response

    @pages.get("/session")
    async def session() -> Answer:
        return dict(await known(doorway)), 200, no_store()
