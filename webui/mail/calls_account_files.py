"""Imports, as the page begins, follows and cancels them; the file itself comes by requests (`account_routes`)."""

from typing import Final

from mox_trio.base.failure import Failure, Kind
from webui.mail.account_imports import LONGEST_NAME, Wanted
from webui.mail.desk import Arguments, Desk, Json, Operation


async def begin(at: Desk, arguments: Arguments) -> Json:
    """importBegin {name, size, mailbox?, skipDuplicates?}: an import, whose file comes next. CONFLICT, INVALID, LIMIT."""
    name = arguments.text("name", most=4096).replace("\\", "/").rpartition("/")[2][-LONGEST_NAME:]
    if not name or not name.isprintable():
        raise Failure(Kind.INVALID, "a file has a name")
    wanted = Wanted(
        name,
        arguments.number("size"),
        arguments.text("mailbox", "", 512),
        arguments.truth("skipDuplicates"),
        at.quota(),
    )
    return (await at.imports.begin(at.account, wanted)).shown()


async def state(at: Desk, arguments: Arguments) -> Json:
    """importState {}: how the account's import is, or null."""
    job = at.imports.maybe_of(at.account)
    return None if job is None else job.shown()


async def cancel(at: Desk, arguments: Arguments) -> Json:
    """importCancel {}: end it; what is in stays. NOT_FOUND."""
    await at.imports.cancel(at.account)
    return {}


OPERATIONS: Final[dict[str, Operation]] = {"importBegin": begin, "importState": state, "importCancel": cancel}
