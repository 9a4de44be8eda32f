"""What a page does with messages: read them, flag, move, erase. Each answer says what changed, for taking it back."""

from typing import Final

from mox_trio.mailstore import acting, listing, mailboxes, moving
from webui.mail import message, rows
from webui.mail.desk import Arguments, Desk, Json, Operation

MOST_OF_THREAD: Final = 200
"""Messages of a thread that are shown: the last ones."""


async def _chosen(at: Desk, arguments: Arguments) -> tuple[int, list[int]]:
    """Mailbox and UIDs; with `threads`, all messages of their threads in the mailbox."""
    box = arguments.number("mailbox")
    uids = arguments.numbers("uids")
    if arguments.truth("threads"):
        named = [listing.uid(each) for each in uids]
        uids = list(await acting.expand(at.store, at.account, listing.mailbox_id(box), named))
    return box, uids


async def show(at: Desk, arguments: Arguments) -> Json:
    """message {mailbox, uid}: all that is shown of a message."""
    return await message.shown(at.store, at.account, arguments.number("mailbox"), arguments.number("uid"))


async def thread(at: Desk, arguments: Arguments) -> Json:
    """thread {id, mailbox}: rows of the messages of a thread, the oldest first, wherever they are.

    A mail that is in several mailboxes is there once, as that in `mailbox` if it is there. What is in the trash or in junk is
    left out unless `mailbox` is that.
    """
    box = arguments.number("mailbox")
    boxes = {each.id: each for each in await mailboxes.listed(at.store, at.account)}
    best: dict[int, tuple[int, int]] = {}
    for each in await listing.members(at.store, at.account, [arguments.text("id", most=100)]):
        row = boxes.get(each.mailbox_id)
        if row is None or (row.special_use & listing.HIDDEN_USE and row.id != box):
            continue
        if each.email_id not in best or each.mailbox_id == box:
            best[each.email_id] = (each.mailbox_id, each.uid)
    places = [(listing.mailbox_id(mailbox), listing.uid(uid)) for mailbox, uid in best.values()][-MOST_OF_THREAD:]
    found = await listing.shown(at.store, at.account, places)
    found.sort(key=lambda each: (each.row.received, each.row.uid))
    return [rows.of_message(each) for each in found]


async def flag(at: Desk, arguments: Arguments) -> Json:
    """flag {mailbox, uids, threads?, add?, remove?}: set and clear flags; `uids` are those that changed."""
    box, uids = await _chosen(at, arguments)
    change = acting.Change(arguments.texts("add"), arguments.texts("remove"))
    named = [listing.uid(each) for each in uids]
    changed = await acting.flag(at.store, at.account, listing.mailbox_id(box), named, change)
    return {"mailbox": box, "uids": list(changed.uids), "modseq": changed.modseq}


async def read_all(at: Desk, arguments: Arguments) -> Json:
    """readAll {mailbox}: all its messages are read; `uids` are those that were not."""
    box = arguments.number("mailbox")
    change = acting.Change(add=(rows.SEEN,))
    changed = await acting.flag(at.store, at.account, listing.mailbox_id(box), None, change)
    return {"mailbox": box, "uids": list(changed.uids), "modseq": changed.modseq}


async def move(at: Desk, arguments: Arguments) -> Json:
    """move {mailbox, uids, threads?, to, add?, remove?}: into another mailbox, which is given by its id.

    `uids` are the new UIDs there, in the order of the old ones; `changed` those whose flags changed.
    """
    box, uids = await _chosen(at, arguments)
    source = listing.mailbox_id(box)
    change = acting.Change(arguments.texts("add"), arguments.texts("remove"))
    target = await acting.named(at.store, at.account, listing.mailbox_id(arguments.number("to")))
    if change.add or change.remove:
        await acting.flag(at.store, at.account, source, [listing.uid(each) for each in uids], change)
    moved = await moving.move(at.store, at.account, source, listing.ranges(uids), target)
    fresh: list[Json] = list(range(moved.first, moved.first + len(moved.sources)))
    return {"mailbox": int(moved.target), "uids": fresh, "old": list(moved.sources), "modseq": moved.modseq}


async def copy(at: Desk, arguments: Arguments) -> Json:
    """copy {mailbox, uids, threads?, to}: into another mailbox too. QUOTA."""
    box, uids = await _chosen(at, arguments)
    target = await acting.named(at.store, at.account, listing.mailbox_id(arguments.number("to")))
    source = listing.mailbox_id(box)
    copied = await moving.copy(at.store, at.account, source, listing.ranges(uids), target, at.quota())
    fresh: list[Json] = list(range(copied.first, copied.first + len(copied.sources)))
    return {"mailbox": int(copied.target), "uids": fresh, "modseq": copied.modseq}


async def erase(at: Desk, arguments: Arguments) -> Json:
    """erase {mailbox, uids, threads?}: for good."""
    box, uids = await _chosen(at, arguments)
    named = [listing.uid(each) for each in uids]
    gone = await acting.erase(at.store, at.account, listing.mailbox_id(box), named)
    return {"mailbox": box, "uids": list(gone.uids), "modseq": gone.modseq}


OPERATIONS: Final[dict[str, Operation]] = {
    "message": show,
    "thread": thread,
    "flag": flag,
    "readAll": read_all,
    "move": move,
    "copy": copy,
    "erase": erase,
}
