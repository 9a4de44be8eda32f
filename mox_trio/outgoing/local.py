"""Recipients at home: mail goes straight into the mailbox, and the row is settled by the transaction that puts it there.

So it is there exactly once, whatever crashes. An alias is replaced by its members in one transaction, and each of them is then
delivered by itself. Temporary trouble (quota, a disabled domain, a store that is away) is tried again like anything else.
"""

import logging
from collections.abc import Sequence
from typing import Final

from mox_trio.base.address import Address, Path
from mox_trio.base.domain import Domain
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import quotas
from mox_trio.config.directory import ToAccount, ToAlias
from mox_trio.config.live import Snapshot
from mox_trio.mailstore import accounts, deliver, rulesets
from mox_trio.mailstore.deliver import Incoming, Terms
from mox_trio.mailstore.spool import Spool, Spooled
from mox_trio.mailstore.store import Account
from mox_trio.outgoing import prepare, settle
from mox_trio.outgoing.group import Group, recipient
from mox_trio.outgoing.job import Outcome, Result
from mox_trio.outgoing.parts import Parts
from mox_trio.policy.rulesets import Facts, choose
from mox_trio.protocol.mime import header, header_writer, words
from mox_trio.protocol.mime import summary as envelope_summary
from mox_trio.protocol.smtp.envelope import Notify, Recipient
from mox_trio.webhooks import arrivals
from storage_backends.errors import StorageError
from storage_backends.index.tables.emails import Evidence
from storage_backends.index.tables.queue import Claimed, NewRecipient

logger = logging.getLogger(__name__)

REASON: Final = "submitted-here"
"""Why it was taken, beside the reasons of mail from outside."""


def is_local(snapshot: Snapshot, path: Path) -> bool:
    """Whether this server is where mail to a path ends."""
    if path.address is not None and path.address.domain in snapshot.dynamic.domains:
        return True
    return snapshot.directory.of_path(path) is not None


async def attempt(parts: Parts, group: Group) -> None:
    """Deliver each row of a group, all of whose recipients are local. Raises Overtaken."""
    failed: list[tuple[Claimed, Result]] = []
    async with Spool(parts.store, max(group.message.size, 1)) as spool:
        try:
            async for block in group.content(parts).blocks():
                await spool.write(block)
            spooled = await spool.finish()
        except (Failure, StorageError) as error:
            failed = [(row, _trouble(row, error)) for row in group.rows]
        else:
            for row in group.rows:
                failure = await _maybe_failure(parts, group, row, spooled)
                failed += [(row, failure)] if failure is not None else []
    if failed:
        await settle.settle(parts, group, failed)


async def _maybe_failure(parts: Parts, group: Group, row: Claimed, spooled: Spooled) -> Result | None:
    """Deliver to one recipient; None when that is settled."""
    to = recipient(row)
    found = group.snapshot.directory.of_path(to.path)
    domain = group.snapshot.dynamic.domains.get(to.path.host) if isinstance(to.path.host, Domain) else None
    if domain is not None and domain.disabled:
        return Result(to, Outcome.TEMPORARY, status="4.2.1", detail="the domain is switched off for now")
    try:
        if found is None:
            return Result(to, Outcome.PERMANENT, status="5.1.1", detail="there is no such address here")
        if isinstance(found, ToAlias):
            await _expand(parts, group, row, found)
            return None
        if found.destination.smtp_error is not None:
            return _refused(to, found.destination.smtp_error)
        await _into_mailbox(parts, group, row, (found, spooled))
    except settle.Overtaken:
        raise
    except (Failure, StorageError) as error:
        return _trouble(row, error)
    return None


async def _into_mailbox(parts: Parts, group: Group, row: Claimed, what: tuple[ToAccount, Spooled]) -> None:
    (found, spooled), to = what, recipient(row)
    account = await accounts.ensure(parts.store, found.account)
    settings = group.snapshot.dynamic.accounts.get(found.account)
    quota = quotas.of(group.snapshot.static.limits, settings)
    mailbox = await _mailbox(parts, group, account, what)
    fields = (("Delivered-To", str(to.path)[1:-1]), ("Return-Path", str(group.sender)))
    prefix = b"".join(header_writer.lines(name, [value]) for name, value in fields)
    incoming = Incoming(spooled, prefix, evidence=_evidence(group.sender, to.path))
    plan = settle.of_delivery(parts, group, row, Result(to, Outcome.DELIVERED, status="2.0.0"))
    told = await _told(parts, account, incoming, mailbox, (group.sender, to.path))
    also = [lambda tx, delivered: settle.write(tx, plan=plan), *told]
    await deliver.to_mailbox(parts.store, account, mailbox, incoming, Terms(quota), also)
    if parts.arrivals is not None:
        parts.arrivals.committed(told)
    await settle.finish(plan)
    await settle.tell_of_success(plan)


async def _told(
    parts: Parts, account: Account, incoming: Incoming, mailbox: str, between: tuple[Path, Path]
) -> Sequence[arrivals.Also]:
    """Calls to the recipient's URL, for the transaction that delivers."""
    if parts.arrivals is None:
        return ()
    sender, to = (str(each)[1:-1] for each in between)
    known = bool(sender)
    facts = arrivals.Facts(sender, to, parts.store.now(), mailbox, mail_from_validated=known, msg_from_validated=known)
    return await parts.arrivals.also(account, incoming.spooled, facts)


async def _mailbox(parts: Parts, group: Group, account: Account, what: tuple[ToAccount, Spooled]) -> str:
    """Where the recipient's rules, or else the configuration, want it. Who logged in here is verified."""
    found, spooled = what
    try:
        rules = await rulesets.of_account(parts.store, account)
    except Failure as error:
        logger.warning("rules cannot be read", extra={"account": account.name, "detail": error.private})
        rules = {}
    chosen = [*rules.get(str(found.address), ()), *rules.get("", ())]
    if not chosen:
        return found.destination.mailbox
    fields = header.parse(spooled.root.header)
    sender, domain = group.sender, group.sender.host if isinstance(group.sender.host, Domain) else None
    facts = Facts(
        mail_from=str(sender)[1:-1],
        msg_from=envelope_summary.mailbox_of(fields, b"from")[0],
        spf_mail_from=domain,
        dkim=() if domain is None else (domain,),
        fields=lambda: [(each.name.decode("latin-1"), words.decode(each.body)) for each in fields.fields],
    )
    rule = choose(chosen, facts)
    return (rule and rule.mailbox) or found.destination.mailbox


async def _expand(parts: Parts, group: Group, row: Claimed, found: ToAlias) -> None:
    """Put the members in the place of the alias, but for the one that sends (as lists do)."""
    now = parts.store.now()
    notify = None if row.notify is None else (Notify(row.notify) & ~Notify.SUCCESS).value  # RFC 3461 5.2.7.3
    members = {
        path: NewRecipient(
            sender=row.sender,
            recipient=str(path),
            destination=prepare.destination(path),
            next_attempt=now,
            from_id=row.from_id,
            notify=notify,
            original=row.original,
            expires=row.expires,
            max_attempts=row.max_attempts,
            require_tls=row.require_tls,
        )
        for member in found.members
        if member.account != group.account.name and isinstance(member.address, Address)
        for path in (Path.of(member.address),)
    }
    result = Result(recipient(row), Outcome.DELIVERED, status="2.0.0")
    if not members:
        await settle.settle(parts, group, [(row, result)], event="expanded")
        return
    await settle.expand(parts, group, row, (result, tuple(members.values())))
    parts.queue.look_again()


def _refused(to: Recipient, smtp_error: str) -> Result:
    """What the configuration says to all mail for an address."""
    code, _, text = smtp_error.partition(" ")
    is_temporary = code.startswith("4")
    status = "4.2.1" if is_temporary else "5.2.1"
    outcome = Outcome.TEMPORARY if is_temporary else Outcome.PERMANENT
    return Result(to, outcome, status=status, detail=text or "no mail is taken for this address")


def _trouble(row: Claimed, error: Failure | StorageError) -> Result:
    """Temporary all of it, but for what will be refused again."""
    to = recipient(row)
    if isinstance(error, Failure):
        logger.warning("local delivery failed", extra={"queue_id": row.id, "detail": error.private or error.public})
        if error.kind is Kind.QUOTA:
            return Result(to, Outcome.TEMPORARY, status="4.2.2", detail="the mailbox is full")
        if not error.kind.is_temporary:
            return Result(to, Outcome.PERMANENT, status="5.3.0", detail=error.public)
        return Result(to, Outcome.TEMPORARY, status="4.3.0", detail=error.public)
    logger.warning("local delivery failed", extra={"queue_id": row.id, "detail": str(error)})
    return Result(to, Outcome.TEMPORARY, status="4.3.0", detail="a store of this server is away")


def _evidence(sender: Path, to: Path) -> Evidence:
    """What is known of a message of one of our users: who it is from is certain."""
    domain = sender.host.ascii if isinstance(sender.host, Domain) else ""
    return Evidence(
        mail_from=str(sender)[1:-1],
        mail_from_localpart=sender.localpart,
        mail_from_domain=domain,
        rcpt_to_localpart=to.localpart,
        rcpt_to_domain=to.host.ascii if isinstance(to.host, Domain) else "",
        mail_from_validation="pass" if domain else "none",
        msg_from_validation="strict" if domain else "none",
        msg_from_domain=domain,
        is_dsn=int(sender.is_null),
        reason=REASON,
    )
