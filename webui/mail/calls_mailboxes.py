"""What a page does with mailboxes, and how it gets to know them."""

from collections.abc import Sequence
from typing import Any, Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import acting, listing, mailboxes
from webui.mail.desk import Arguments, Desk, Json, Operation

ROLES: Final = {"archive": 1 << 0, "drafts": 1 << 1, "junk": 1 << 2, "sent": 1 << 3, "trash": 1 << 4}
"""Special uses that matter here, by their bits (RFC 6154)."""


def shown(row: Any) -> dict[str, Json]:
    """A mailbox as pages get it."""
    role = (
        "inbox"
        if row.name == mailboxes.INBOX
        else next((name for name, bit in ROLES.items() if row.special_use & bit), "")
    )
    return {
        "id": row.id,
        "name": row.name,
        "role": role,
        "total": row.messages,
        "unread": row.unseen,
        "size": row.size,
    }


def named(every: Sequence[Any], name: str) -> Any | None:
    """The mailbox that a page begins with: that of this name, else the inbox, else None."""
    of = {row.name: row for row in every}
    return of.get(name) or of.get(mailboxes.INBOX)


async def _name(at: Desk, arguments: Arguments) -> str:
    return await acting.named(at.store, at.account, listing.mailbox_id(arguments.number("mailbox")))


async def create(at: Desk, arguments: Arguments) -> Json:
    """mailboxCreate {name}: with the parents that are missing. EXISTS, INVALID, LIMIT."""
    return {"id": int(await mailboxes.create(at.store, at.account, arguments.text("name", most=600)))}


async def rename(at: Desk, arguments: Arguments) -> Json:
    """mailboxRename {mailbox, name}: its children too. EXISTS, INVALID."""
    old = await _name(at, arguments)
    if old == mailboxes.INBOX:
        raise Failure(Kind.FORBIDDEN, "Inbox keeps its name")
    await mailboxes.rename(at.store, at.account, old, arguments.text("name", most=600))
    return {"old": old}


async def delete(at: Desk, arguments: Arguments) -> Json:
    """mailboxDelete {mailbox, name}: with its messages; `name` repeats its name. IN_USE, FORBIDDEN."""
    name = await _name(at, arguments)
    if arguments.text("name") != name:
        raise Failure(Kind.INVALID, "the name of the mailbox is another")
    await mailboxes.delete(at.store, at.account, name)
    return {}


async def empty(at: Desk, arguments: Arguments) -> Json:
    """mailboxEmpty {mailbox, name}: all its messages go for good; `name` repeats its name."""
    name = await _name(at, arguments)
    if arguments.text("name") != name:
        raise Failure(Kind.INVALID, "the name of the mailbox is another")
    gone = await acting.erase(at.store, at.account, listing.mailbox_id(arguments.number("mailbox")), None)
    return {"messages": len(gone.uids)}


async def role(at: Desk, arguments: Arguments) -> Json:
    """mailboxRole {mailbox, role}: what it is for; another that was for that is so no more."""
    wanted = arguments.text("role")
    if wanted and wanted not in ROLES:
        raise Failure(Kind.INVALID, "there is no such role")
    await mailboxes.set_special_use(at.store, at.account, await _name(at, arguments), ROLES.get(wanted, 0))
    return {}


async def ensure(at: Desk, arguments: Arguments) -> Json:
    """mailboxFor {role}: the mailbox for a role, made where there is none."""
    wanted = arguments.text("role")
    if wanted not in ROLES:
        raise Failure(Kind.INVALID, "there is no such role")
    name = await acting.with_role(at.store, at.account, ROLES[wanted], wanted.title())
    row = await mailboxes.get(at.store, at.account, name)
    return shown(row)


OPERATIONS: Final[dict[str, Operation]] = {
    "mailboxCreate": create,
    "mailboxRename": rename,
    "mailboxDelete": delete,
    "mailboxEmpty": empty,
    "mailboxRole": role,
    "mailboxFor": ensure,
}
