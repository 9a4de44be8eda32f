"""The way of a message, as far as the account knows of it: how it came and why it was taken, or the queue and its attempts."""

from typing import Final

from mox_trio.admin import tracing
from webui.mail import message
from webui.mail.desk import Arguments, Desk, Json, Operation


async def trace(at: Desk, arguments: Arguments) -> Json:
    """trace {mailbox, uid}: what happened to a message of the account, in the order of time. NOT_FOUND.

    It is followed by its Message-ID; nothing is told of one that has none. `at` is null where the time is not known.
    """
    shown = await message.shown(at.store, at.account, arguments.number("mailbox"), arguments.number("uid"))
    if not shown["messageId"]:
        return []
    return [
        {"at": each.at, "what": each.what, "recipient": each.recipient, "text": each.text, "facts": dict(each.facts)}
        for each in await tracing.of_account(at.store, at.account, shown["messageId"])
    ]


OPERATIONS: Final[dict[str, Operation]] = {"trace": trace}
