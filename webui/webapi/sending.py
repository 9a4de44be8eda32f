"""Methods that send: one message, many, and taking them back."""

import logging
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import Any, Final

from mox_trio.base.address import Path
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import quotas
from mox_trio.mailstore import answered, deliver, entering, listing, mailboxes
from mox_trio.mailstore.answered import Once, Repeated
from mox_trio.mailstore.deliver import Incoming, Terms
from mox_trio.mailstore.spool import Spool, Spooled
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.mailstore.together import together
from mox_trio.outgoing import summary, taking_back
from mox_trio.outgoing.submit import Taken, Wish
from mox_trio.protocol.mime import header_writer
from mox_trio.protocol.mime.header_writer import Recipient
from mox_trio.protocol.smtp.envelope import Client, Envelope
from mox_trio.protocol.smtp.envelope import Recipient as EnvelopeRecipient
from mox_trio.protocol.smtp.reply import Refusal
from mox_trio.protocol.webapi import methods
from mox_trio.protocol.webapi.messages import SendRequest, SendResult, Submission
from mox_trio.protocol.webapi.shapes import Empty, instant
from webui.webapi import composing, templating
from webui.webapi.calling import Call
from webui.webapi.composing import People
from webui.webapi.errors import Refused, of_failure, of_refusal

logger = logging.getLogger(__name__)

AT_ONCE: Final = 16
"""Messages of a batch that are taken side by side."""
LATEST: Final = 60 * 86_400_000
"""Milliseconds that a first attempt may be put off."""
REPLAYED: Final = "Idempotency-Replayed"


async def send(call: Call, request: SendRequest) -> SendResult:
    """Take one message."""
    if call.once is None:
        return await _send(call, request, None)
    digest = blake2b(call.once.request, digest_size=32)
    for field, files in sorted(call.uploads.by_field.items()):
        for each in files:
            digest.update(f"{field}\0{each.name}\0{each.content_type}\0{each.content_id}\0".encode())
            digest.update(each.digest.digest())
    return await _once(call, request, replace(call.once, request=digest.digest()))


async def send_batch(call: Call, request: methods.SendBatchRequest) -> methods.SendBatchResult:
    """Take many, each on its own: what one is refused for does not touch the others."""

    async def one(number: int, message: SendRequest) -> methods.BatchResult:
        try:
            if call.once is None:
                return methods.BatchResult(result=await _send(call, message, None))
            digest = blake2b(message.to_json(), digest_size=32).digest()
            once = Once(f"{call.once.name} {number}", digest)
            return methods.BatchResult(result=await _once(call, message, once))
        except Refused as refused:
            return methods.BatchResult(error=refused.to_error())
        except (Failure, *entering.STORAGE_ERRORS) as error:
            failure = error if isinstance(error, Failure) else Failure(Kind.UNAVAILABLE, "a store is away", str(error))
            return methods.BatchResult(error=of_failure(failure).to_error())

    jobs = [partial(one, number, message) for number, message in enumerate(request.messages)]
    return methods.SendBatchResult(results=tuple(await together(jobs, AT_ONCE)))


async def _once(call: Call, request: SendRequest, once: Once) -> SendResult:
    """Unless a request with this key was carried out already."""
    for is_again in (False, True):
        try:
            known = await answered.maybe_answer(call.store, call.account, once)
        except Failure as failure:
            if failure.kind is not Kind.CONFLICT:
                raise
            raise Refused("idempotencyKeyReused", failure.public) from None
        if known is not None:
            call.notes[REPLAYED] = "true"
            return SendResult.model_validate_json(known)
        if not is_again:
            try:
                return await _send(call, request, once)
            except Repeated:
                continue  # another request did it meanwhile
    raise Refused("server", "the answer to the first request is not there; try again")


async def _send(call: Call, request: SendRequest, once: Once | None) -> SendResult:
    request = await templating.filled(call, request)
    people = composing.people(request, _default_author(call))
    if not call.caller.grant.may_send_from(people.author.address):
        raise Refused("badFrom", "the key may not send from this address")
    envelope = _envelope(call, request, people)
    limit = call.store.policy.message_bytes
    async with Spool(call.store, limit) as spool:
        hostname = call.web.services.static.hostname
        spooled = await composing.spooled(spool, request, people, call.uploads.by_field, hostname)
        try:
            taken = await _taken(call, envelope, spooled, _wish(call, request, people, once))
        except Refusal as refusal:
            raise of_refusal(refusal) from None
        if request.save_sent:
            await _save(call, people, spooled)
    return _result(people, taken)


def _default_author(call: Call) -> Recipient:
    caller = call.caller
    settings = call.web.services.config.current.directory.account(caller.account.name)
    treatment = settings.treatment(caller.address).full_name if settings is not None else ""
    return Recipient(caller.address, treatment or (settings.full_name if settings is not None else ""))


def _envelope(call: Call, request: SendRequest, people: People) -> Envelope:
    recipients = people.recipients
    most = call.web.services.static.limits.recipients
    if len(recipients) > most:
        raise Refused("recipientLimitReached", f"a message has at most {most} recipients")
    until = None
    if request.future_release is not None:
        until = int(request.future_release.timestamp() * 1000)
        if until > call.store.now() + LATEST:
            raise Refused("user", f"FutureRelease is at most {LATEST // 86_400_000} days ahead")
    utf8 = people.needs_utf8 or any(each.needs_utf8 for each in recipients)
    return Envelope(
        reverse_path=Path.of(people.author.address),
        recipients=tuple(EnvelopeRecipient(Path.of(each)) for each in recipients),
        smtputf8=utf8,
        hold_until=until,
        require_tls=bool(request.require_tls),
    )


def _wish(call: Call, request: SendRequest, people: People, once: Once | None) -> Wish:
    extra = {name.title(): value for name, value in request.extra.items()}
    if once is None:
        return Wish(extra)
    remember = answered.remember(call.store, call.account, once)

    def then(tx: Any, taken: Taken) -> None:
        remember(tx, _result(people, taken).to_json())

    return Wish(extra, then)


async def _taken(call: Call, envelope: Envelope, spooled: Spooled, wish: Wish) -> Taken:
    caller, submission = call.caller, call.web.submission
    client = Client(
        address=caller.visitor.address,
        local_address=caller.visitor.local_address,
        login=caller.account.name,
        login_address=caller.address,
        session=caller.visitor.session,
        exempt=caller.visitor.exempt,
        by_http=True,
    )
    await submission.mail(client, envelope)
    for each in envelope.recipients:
        await submission.rcpt(client, envelope, each)
    return await submission.take(client, envelope, spooled, wish)


def _result(people: People, taken: Taken) -> SendResult:
    """In the order of the request; members in the place of an alias come behind."""
    found: dict[str, Submission] = {}
    for row, number in zip(taken.rows, taken.ids, strict=True):
        address = row.recipient[1:-1]
        found[address] = Submission(address=address, queue_msgid=number, from_id=row.from_id)
    asked = [found.pop(str(each)) for each in people.recipients if str(each) in found]
    return SendResult(message_id=f"<{taken.message_id}>", submissions=(*asked, *found.values()))


async def _save(call: Call, people: People, spooled: Spooled) -> None:
    """Keep a copy in Sent. The message is in the queue already: what fails here is in the log alone."""
    prefix = header_writer.address_list("Bcc", people.bcc, utf8=people.needs_utf8) if people.bcc else b""
    settings = call.web.services.config.current.directory.account(call.account.name)
    quota = quotas.of(call.web.services.static.limits, settings)
    try:
        mailbox = await _sent_mailbox(call.store, call.account)
        incoming = Incoming(spooled, prefix, ("\\Seen", "$NotJunk"))
        await deliver.to_mailbox(call.store, call.account, mailbox, incoming, Terms(quota))
    except (Failure, *entering.STORAGE_ERRORS) as error:
        call.notes["X-Mox-Not-Saved"] = "true"
        logger.warning("a sent message is not saved", extra={"account": call.account.name, "why": str(error)})


async def _sent_mailbox(store: MailStore, account: Account) -> str:
    """The mailbox for sent mail: the one with that special use (RFC 6154)."""
    rows = await mailboxes.listed(store, account)
    return next((each.name for each in rows if each.special_use & listing.SENT_USE), "Sent")


async def cancel(call: Call, request: methods.QueueRequest) -> methods.SendCancelResult:
    """Take recipients out of the queue."""
    if not request.queue_msgids:
        return methods.SendCancelResult(canceled=0, busy=0)
    may = call.caller.grant.addresses
    changed = await taking_back.drop(call.web.outgoing, call.account.id, request.queue_msgids, may)
    return methods.SendCancelResult(canceled=changed.rows, busy=changed.busy)


async def listed(call: Call, request: Empty) -> methods.QueueListResult:
    """What is in the queue."""
    rows = await taking_back.waiting(call.web.outgoing, call.account.id, call.caller.grant.addresses)
    found = []
    for row in rows:
        about = summary.opened(call.account.codec, row.object_id, row.summary)
        found.append(
            methods.Queued(
                queue_msgid=row.id,
                address=row.recipient[1:-1],
                from_id=row.from_id,
                subject=about.subject,
                message_id=f"<{about.message_id}>" if about.message_id else "",
                queued=instant(row.queued),
                next_attempt=instant(row.next_attempt),
                attempts=row.attempts,
                held=bool(row.held),
            )
        )
    return methods.QueueListResult(messages=tuple(found))
