"""Quota (RFC 9208): one root, whose name is empty, for everything an account has. Who uses it cannot change it."""

from mox_trio.imapd import replies
from mox_trio.imapd.commands.mailboxes import say_normal_form
from mox_trio.imapd.state import Session
from mox_trio.mailstore import mailboxes
from mox_trio.protocol.imap.commands.quota import GetQuota, GetQuotaRoot, SetQuota
from mox_trio.protocol.imap.responses import Quota, QuotaRoots, Status

_KIB = 1024


async def get(session: Session, command: GetQuota) -> Status:
    """GETQUOTA."""
    if command.root:
        return _unknown()
    await _say(session)
    return replies.DONE


async def roots(session: Session, command: GetQuotaRoot) -> Status:
    """GETQUOTAROOT: without a limit there is no root."""
    row = await mailboxes.get(session.store, session.require_account(), command.mailbox)
    say_normal_form(session, command.mailbox)
    session.say(QuotaRoots(row.name, ("",) if session.quota() else ()))
    if session.quota():
        await _say(session)
    return replies.DONE


async def set_(session: Session, command: SetQuota) -> Status:
    """SETQUOTA."""
    if command.root:
        return _unknown()
    return Status("NO", "limits are set by the administrator", b"NOPERM")


async def _say(session: Session) -> None:
    resources: list[tuple[str, int, int]] = []
    limit = session.quota()
    if limit:
        used = await mailboxes.used(session.store, session.require_account())
        if limit.octets:  # nobody is told of more room than there is
            resources.append(("STORAGE", -(-used.octets // _KIB), limit.octets // _KIB))
        if limit.messages:
            resources.append(("MESSAGE", used.messages, limit.messages))
    session.say(Quota("", tuple(resources)))


def _unknown() -> Status:
    return Status("NO", "there is no such quota root", b"NONEXISTENT")
