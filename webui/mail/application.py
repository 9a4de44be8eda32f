"""The webmail as an application: its page, logging in, one websocket, bodies and files of messages, uploads."""

import html
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

import trio
from quart import Response, request, websocket
from quart.wrappers import Response as QuartResponse

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import entering
from mox_trio.running import Visitor, Web
from webui import asgi
from webui.asgi import Application
from webui.guests import entrance, requests
from webui.guests.entrance import Entrance, Guest
from webui.mail import account_routes, attachments, downloads, letters, message, protocol, sanitising, session
from webui.mail.account_imports import Imports
from webui.mail.desk import Desk
from webui.mail.lists import Lists
from webui.mail.static_files import NOT_BUILT, PAGE, POLICY, Files
from webui.mail.uploads import Uploads

KIND: Final = "webmail"
HEAD_END: Final = b"</head>"
SESSION: Final = b'<meta name="mox-session" content="%s" />'
"""In the page: who is logged in, so that it need not ask."""
FOREVER: Final = "public, max-age=31536000, immutable"
LOGGED_OUT: Final = 4401
"""Close code of the websocket: log in again."""
REFUSED: Final = 1008
"""Close code: a page of another site opened it (RFC 6455 7.4.1)."""
WRONG: Final = 4400
"""Close code: the page does not speak this protocol; load it again."""


class Webmail:
    """What its requests share."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.doorway = Entrance(web, KIND)
        self.lists = Lists(web.services.mail)
        self.uploads = Uploads(web.services.mail)
        self.imports = Imports(web.services.mail)
        self.files = Files()
        self._connected = 0

    def count(self, change: int) -> None:
        """Of pages that are connected."""
        self._connected += change
        self.web.metrics.set("webmail_connections", self._connected)

    async def desk(self) -> Desk:
        """Of a request."""
        found = await requests.guest(self.doorway)
        return self.desk_of(found, entrance.visitor(request.scope))

    def desk_of(self, guest: Guest, visitor: Visitor) -> Desk:
        """Of somebody who is logged in."""
        return Desk(self.web, guest, visitor, self.uploads, self.doorway.endings, self.imports)


def make(web: Web) -> Application:
    """The application. Reads nothing before it starts."""
    app = asgi.application("webui.mail", static_folder=None)
    mail = Webmail(web)
    requests.failures(app)
    app.register_blueprint(requests.blueprint(mail.doorway))
    _pages(app, mail)
    _messages(app, mail)
    _files(app, mail)
    account_routes.add(app, mail.doorway, mail.imports, mail.desk)
    _live(app, mail)

    @app.before_serving
    async def begin() -> None:
        await trio.to_thread.run_sync(mail.files.load)

    @app.after_serving
    async def end() -> None:
        await mail.uploads.aclose()
        await mail.imports.aclose()

    return app


def _pages(app: Application, mail: Webmail) -> None:
    @app.get("/")
    async def page() -> QuartResponse:
        file = mail.files.get(PAGE)
        if file is None:
            return Response(NOT_BUILT, 503, content_type="text/plain; charset=utf-8")
        known = json.dumps(await requests.known(mail.doorway))
        text = file.data.replace(HEAD_END, b"%s%s" % (SESSION % html.escape(known).encode(), HEAD_END), 1)
        headers = {**requests.no_store(), "content-security-policy": POLICY}
        return Response(text, headers=headers, content_type=file.content_type)

    @app.get("/assets/<path:name>")
    async def asset(name: str) -> QuartResponse:
        return _static(f"assets/{name}", {"cache-control": FOREVER, "content-security-policy": POLICY})

    def _static(name: str, headers: dict[str, str]) -> QuartResponse:
        file = mail.files.get(name)
        if file is None:
            return Response("there is nothing here\n", 404, content_type="text/plain; charset=utf-8")
        headers = {**headers, "etag": file.tag, "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == file.tag:
            return Response(b"", 304, headers=headers)
        if asgi.takes_gzip(request.headers.get("accept-encoding", "")) and file.compressed is not file.data:
            headers["content-encoding"] = "gzip"
            return Response(file.compressed, headers=headers, content_type=file.content_type)
        return Response(file.data, headers=headers, content_type=file.content_type)


def _messages(app: Application, mail: Webmail) -> None:
    @app.get("/msg/<int(max=9223372036854775807):mailbox>/<int(max=4294967295):uid>/html")
    async def as_html(mailbox: int, uid: int) -> QuartResponse:
        at = await mail.desk()
        with_remote = request.args.get("pictures") == "1"
        document = await _document(at, mailbox, uid, with_remote=with_remote)
        headers = {**sanitising.HEADERS, "content-security-policy": sanitising.csp(with_remote=with_remote)}
        headers["x-pictures"] = str(document.remote)
        return Response(document.document, headers=headers, content_type="text/html; charset=utf-8")

    @app.get("/msg/<int(max=9223372036854775807):mailbox>/<int(max=4294967295):uid>/raw")
    async def raw(mailbox: int, uid: int) -> QuartResponse:
        at = await mail.desk()
        found = await message.find(at.store, at.account, mailbox, uid)
        headers = dict(downloads.SAFE)
        if request.args.get("save") == "1":
            name = f"{found.shown.summary.subject[:80] or 'message'}.eml"
            headers["content-disposition"] = downloads.disposition(name)
        kind = "application/octet-stream" if "content-disposition" in headers else "text/plain; charset=utf-8"
        return _streamed(downloads.whole(at.store, at.account, found), headers, kind)

    @app.get("/msg/<int(max=9223372036854775807):mailbox>/<int(max=4294967295):uid>/part/<path>")
    async def part(mailbox: int, uid: int, path: str) -> QuartResponse:
        at = await mail.desk()
        found = await message.find(at.store, at.account, mailbox, uid)
        chosen = attachments.at(found.root, letters.parse_path(path))
        if chosen is None:
            raise Failure(Kind.NOT_FOUND, "there is no such part")
        save = request.args.get("save") == "1"
        headers = dict(downloads.part_headers(chosen, attachments.name(chosen), save=save))
        kind = headers.pop("content-type")
        return _streamed(downloads.decoded(at.store, at.account, found, chosen), headers, kind)

    @app.get("/msg/<int(max=9223372036854775807):mailbox>/<int(max=4294967295):uid>/files.zip")
    async def zipped(mailbox: int, uid: int) -> QuartResponse:
        at = await mail.desk()
        found = await message.find(at.store, at.account, mailbox, uid)
        name = f"{found.shown.summary.subject[:60] or 'attachments'}.zip"
        return _saved(downloads.zipped(downloads.files(at.store, at.account, found)), name)


async def _document(at: Desk, mailbox: int, uid: int, *, with_remote: bool) -> sanitising.Shown:
    """The HTML of a message for its frame; sanitised in a thread, for a hostile one takes long."""
    found = await message.find(at.store, at.account, mailbox, uid)
    bodies = await message.apart(at.store, found, lambda: message.bodies(found.root))
    if bodies.html is None:
        raise Failure(Kind.NOT_FOUND, "the message has no HTML")
    text = await message.text_of(at.store, at.account, found, bodies.html, message.HTML_BYTES)
    pictures: dict[str, sanitising.Picture] = {}
    left = sanitising.PICTURES
    within = partial(attachments.pictures_within, found.root, text)
    for content_id, each in await trio.to_thread.run_sync(within, limiter=at.store.computing):
        if each.decoded_size <= left:
            kind = attachments.served_type(each)
            if kind.startswith("image/"):
                data = await message.part_bytes(at.store, at.account, found, each, 2 * sanitising.PICTURES)
                pictures[content_id] = sanitising.Picture(kind, data)
                left -= len(data)

    def show() -> sanitising.Shown:
        return sanitising.show(text, pictures.get, with_remote=with_remote)

    return await trio.to_thread.run_sync(show, limiter=at.store.computing)


def _streamed(blocks: AsyncIterator[bytes], headers: dict[str, str], kind: str) -> QuartResponse:
    return Response(blocks, headers=headers, content_type=kind)


def _saved(blocks: AsyncIterator[bytes], name: str) -> QuartResponse:
    headers = {**downloads.SAFE, "content-disposition": downloads.disposition(name)}
    return _streamed(blocks, headers, "application/octet-stream")


def _files(app: Application, mail: Webmail) -> None:
    @app.get("/export")
    async def export() -> QuartResponse:
        at = await mail.desk()
        mailbox = _number(request.args.get("mailbox", "0"))
        uids = [_number(each) for each in request.args.get("uids", "").split(",") if each]
        kind = request.args.get("format", "eml")
        if kind == "mbox":
            return _saved(downloads.as_mbox(at.store, at.account, mailbox, uids), "messages.mbox")
        members = downloads.as_maildir if kind == "maildir" else downloads.as_files
        return _saved(downloads.zipped(members(at.store, at.account, mailbox, uids)), "messages.zip")

    @app.post("/upload")
    async def upload() -> dict[str, Any]:
        found = await requests.changing_guest(mail.doorway)
        name = attachments.safe_name(request.args.get("name", ""))
        kind = request.mimetype if attachments.is_type(request.mimetype) else "application/octet-stream"
        taken = await mail.uploads.take(found.account, name, kind, asgi.blocks(request))
        return {"upload": taken.id, "size": taken.size, "name": taken.name, "type": taken.content_type}


def _number(text: str) -> int:
    """A number of a request. INVALID."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Failure(Kind.INVALID, "this is no number")
    return int(text)


def _live(app: Application, mail: Webmail) -> None:
    @app.websocket("/live")
    async def live() -> None:
        guest_of = websocket.cookies.get(mail.doorway.session_cookie, "")
        seen: Visitor = entrance.visitor(websocket.scope)
        if not _is_ours(websocket.headers.get("origin", ""), websocket.host, seen):
            await websocket.accept()
            await websocket.close(REFUSED)
            return
        await websocket.accept()
        try:
            with trio.fail_after(session.GREETING):
                hello = protocol.parse(await websocket.receive())
            if not isinstance(hello, protocol.Hello):
                raise Failure(Kind.INVALID, "a page says hello first")
            found = await mail.doorway.guest(guest_of)
            entrance.check_csrf(guest_of, hello.csrf)
            await _serve(mail, mail.desk_of(found, seen), hello, guest_of)
            await websocket.close(LOGGED_OUT)
        except trio.TooSlowError:
            await websocket.close(WRONG)
        except Failure as failure:
            is_out = failure.kind in (Kind.EXPIRED, Kind.DISABLED, Kind.FORBIDDEN)
            await websocket.send(json.dumps({"t": "bye", "reason": failure.public}))
            await websocket.close(LOGGED_OUT if is_out else WRONG)


async def _serve(mail: Webmail, desk: Desk, hello: protocol.Hello, token: str) -> None:
    lock = trio.Lock()

    async def send(said: dict[str, Any]) -> None:
        text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        async with lock:
            await websocket.send(text)

    async def still_open() -> bool:
        try:
            await mail.doorway.guest(token)
        except Failure:
            return False
        except entering.STORAGE_ERRORS:
            return True  # nobody can say now; it is asked again
        return True

    live = session.Live(desk, mail.lists, send, websocket.receive, still_open)
    mail.count(1)
    try:
        await live.run(hello)
    finally:
        mail.count(-1)


def _is_ours(origin: str, host: str, visitor: Visitor) -> bool:
    """Whether a page of this site opens the websocket: other sites' pages bring the cookie too in old browsers."""
    return origin == f"{'https' if visitor.secure else 'http'}://{host}"
