"""One attempt for a group of recipients: what is refused here, what is local, and what goes to other hosts.

Whatever comes of it is settled before `run` returns; Overtaken means that somebody else does. A cancelled attempt settles what
other hosts have already said, and leaves the rest claimed: whoever cancelled gives it back.
"""

from collections.abc import Sequence
from typing import Final

import trio

from mox_trio.base.domain import Domain
from mox_trio.outgoing import local, results, settle
from mox_trio.outgoing.group import Group, host, recipient
from mox_trio.outgoing.job import Job, Outcome, Result
from mox_trio.outgoing.parts import Deliverer, Parts
from mox_trio.protocol.smtp.envelope import Body, Return
from storage_backends.errors import Corrupt
from storage_backends.index.tables.queue import Claimed

SETTLING: Final = 10.0
"""Seconds that settling has although the server stops: what another host has taken must not be sent to it again."""


async def run(parts: Parts, deliverer: Deliverer, group: Group) -> None:
    """Make the attempt. Raises Overtaken; errors of the stores where nothing could be begun."""
    rows = await _worth_trying(parts, group)
    if not rows:
        return
    at_home = [row for row in rows if not row.transport and local.is_local(group.snapshot, recipient(row).path)]
    away = [row for row in rows if row not in at_home]
    if at_home:
        await local.attempt(parts, group.of(at_home))
    if away:
        await _to_hosts(parts, deliverer, group.of(away))


async def _worth_trying(parts: Parts, group: Group) -> Sequence[Claimed]:
    """The rows for which there is something to do; the others are settled."""
    rows = group.rows
    schedule = parts.schedule()
    first = rows[0]
    now = parts.store.now()
    # Attempts that a crash cut off count too: a message that brings down its process is given up in the end.
    if schedule.is_last(first.attempts - 1, first.max_attempts) or 0 < first.expires <= now:
        await _settle_all(parts, group, rows, (Outcome.PERMANENT, "4.4.7", "the time to deliver it is over"))
        return ()
    sender = group.sender
    domain = group.snapshot.dynamic.domains.get(sender.host) if isinstance(sender.host, Domain) else None
    if domain is not None and domain.disabled:
        await _settle_all(
            parts, group, rows, (Outcome.TEMPORARY, "4.3.0", "the sender's domain is switched off for now")
        )
        return ()
    suppressed = [row for row in rows if row.id in group.suppressed]
    if suppressed:
        detail = "the address is on your suppression list: mail to it failed before"
        await _settle_all(parts, group, suppressed, (Outcome.PERMANENT, "5.7.1", detail), event="suppressed")
    return [row for row in rows if row not in suppressed]


async def _settle_all(
    parts: Parts, group: Group, rows: Sequence[Claimed], what: tuple[Outcome, str, str], event: str = ""
) -> None:
    outcome, status, detail = what
    ended = [(row, Result(recipient(row), outcome, status=status, detail=detail)) for row in rows]
    await settle.settle(parts, group.of(rows), ended, event=event)


async def _to_hosts(parts: Parts, deliverer: Deliverer, group: Group) -> None:
    first, message = group.rows[0], group.message
    try:
        transport = group.transport_settings()
        content = group.content(parts)
    except KeyError:
        detail = f"there is no transport {group.transport!r} in the configuration"
        await _settle_all(parts, group, group.rows, (Outcome.TEMPORARY, "4.3.5", detail))
        return
    except Corrupt as error:
        await _settle_all(parts, group, group.rows, (Outcome.TEMPORARY, "4.3.0", str(error)))
        return
    job = Job(
        sender=group.sender,
        recipients=tuple(recipient(row) for row in group.rows),
        host=host(first.destination),
        message=content,
        time_left=group.claim.time_left,
        transport=transport,
        attempt=first.attempts,
        dialled=results.dialled(first.dialled),
        body=Body(message.body) if message.body else Body.EIGHT_BIT,
        smtputf8=bool(message.smtputf8),
        require_tls=None if first.require_tls is None else bool(first.require_tls),
        envelope_id=message.envelope_id,
        ret=Return(message.ret) if message.ret else None,
    )
    ended = list(zip(group.rows, await deliverer.deliver(job), strict=True))
    with trio.move_on_after(SETTLING, shield=True):
        await settle.settle(parts, group, ended)
        return
    await settle.settle(parts, group, ended)
