"""Requests of the settings that are files: parts of what is imported, and exports."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final

from quart import Response, request
from quart.wrappers import Response as QuartResponse

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import acting, exporting, listing
from mox_trio.mailstore.exporting import Container, Format, Options
from webui import asgi
from webui.asgi import Application
from webui.guests import requests
from webui.guests.entrance import Entrance
from webui.mail import downloads
from webui.mail.account_imports import Imports
from webui.mail.desk import Desk

EXPORTS: Final = 2
"""Of an account at a time."""
FORMATS: Final = {each.value: each for each in Format}
CONTAINERS: Final = {each.value: each for each in (Container.ZIP, Container.TGZ)}


def add(app: Application, doorway: Entrance, imports: Imports, desk: Callable[[], Awaitable[Desk]]) -> None:
    """Let an application answer them."""

    @app.post("/import/<job>/<int(max=9007199254740991):offset>")
    async def import_part(job: str, offset: int) -> dict[str, Any]:
        found = await requests.changing_guest(doorway)
        taken = await imports.take(found.account, job, offset, asgi.blocks(request))
        if taken.received == taken.wanted.size:
            app.add_background_task(imports.run, found.account, taken)
        return taken.shown()

    exports: Counter[int] = Counter()

    @app.get("/export-account")
    async def export_account() -> QuartResponse:
        at = await desk()
        options, name = await _options(at)
        if exports[at.account.id] >= EXPORTS:
            raise Failure(Kind.TRY_LATER, f"{EXPORTS} exports are under way; wait for one of them")
        blocks = _counted(exports, at.account.id, exporting.streamed(at.store, at.account, name, options))
        headers = {**downloads.SAFE, "content-disposition": downloads.disposition(name)}
        return Response(blocks, headers=headers, content_type="application/octet-stream")


async def _counted(
    under_way: Counter[int], account_id: int, blocks: AsyncGenerator[bytes, None]
) -> AsyncIterator[bytes]:
    under_way[account_id] += 1
    try:
        async with aclosing(blocks):
            async for block in blocks:
                yield block
    finally:
        under_way[account_id] -= 1
        if not under_way[account_id]:
            del under_way[account_id]


async def _options(at: Desk) -> tuple[Options, str]:
    """What the request wants, and what its file is called. INVALID, NOT_FOUND."""
    given = request.args
    form, container = FORMATS.get(given.get("format", "maildir")), CONTAINERS.get(given.get("container", "zip"))
    if form is None or container is None:
        raise Failure(Kind.INVALID, "an export is maildir or mbox, in a zip or tgz file")
    mailbox: str | None = None
    if number := given.get("mailbox", ""):
        if not number.isascii() or not number.isdigit() or len(number) > 18:
            raise Failure(Kind.INVALID, "this is no mailbox")
        mailbox = await acting.named(at.store, at.account, listing.mailbox_id(int(number)))
    day = datetime.fromtimestamp(at.store.now() / 1000, UTC).strftime("%Y-%m-%d")
    called = (mailbox or at.account.name).replace("/", "-")
    options = Options(form, container, mailbox=mailbox, recursive=given.get("below") == "1")
    return options, f"{called}-{form.value}-{day}.{container.value}"
