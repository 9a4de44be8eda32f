"""Writing: drafts are saved and opened, messages are sent and, for a moment, taken back.

Sending goes through `outgoing.submit`: what is returned is in the queue, held for as long as the page wants to be able to take it
back, so that a page that goes away has sent all the same. The copy in the mailbox for sent mail takes the place of the draft in
the transaction that queues the message, so that a draft is sent once. Taking back drops what waits in the queue and makes the
copy a draft; when something left already, nothing is taken back (CONFLICT).
"""

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Final

import trio
from pydantic import ValidationError

from mox_trio.base.address import Address, InvalidAddress, Path
from mox_trio.base.failure import Failure, Kind
from mox_trio.ledger import sent as correspondents
from mox_trio.mailstore import acting, deliver, drafting, listing, mailboxes, moving, one_mail
from mox_trio.mailstore.deliver import Delivered
from mox_trio.mailstore.drafting import Copy
from mox_trio.mailstore.spool import Spool, Spooled, spooled
from mox_trio.outgoing import taking_back
from mox_trio.outgoing.submit import Taken, Wish
from mox_trio.protocol.mime import header, words
from mox_trio.protocol.smtp.envelope import Client, Envelope, Recipient
from mox_trio.protocol.smtp.reply import Refusal
from webui.mail import calls_mailboxes, identities, letters, message, sanitising
from webui.mail.desk import Arguments, Desk, Json, Operation
from webui.mail.letters import Letter, Workshop

LONGEST_HOLD: Final = 60
"""Seconds for which sending can be taken back."""
LATEST: Final = 366 * 24 * 3_600_000
"""Milliseconds ahead that sending can be planned."""
COMPLETIONS: Final = 12
FINISHING: Final = 60.0
"""Seconds for which taking back goes on although the page is gone."""


def _letter(arguments: Arguments) -> Letter:
    try:
        return Letter.model_validate(arguments.given.get("letter"))
    except ValidationError as error:
        raise Failure(Kind.INVALID, "this is no message", str(error)) from error


def _old(letter: Letter) -> drafting.Old | None:
    if letter.draft is None:
        return None
    return drafting.Old(listing.mailbox_id(letter.draft.mailbox), listing.uid(letter.draft.uid))


def _message_id(at: Desk, letter: Letter) -> str:
    return letter.message_id or letters.new_message_id(at.store.entropy(16), at.web.services.static.hostname)


async def save(at: Desk, arguments: Arguments) -> Json:
    """draftSave {letter}: a new version in place of the one before. CONFLICT, INVALID, QUOTA, NOT_FOUND (file)."""
    letter = _letter(arguments)
    name = await acting.with_role(at.store, at.account, calls_mailboxes.ROLES["drafts"], "Drafts")
    message_id = _message_id(at, letter)
    async with AsyncExitStack() as stack:
        made = await Workshop(at.store, at.account, at.uploads).make(letter, message_id, stack, draft=True)
        spool = await stack.enter_async_context(Spool(at.store))
        whole = await spooled(at.store, made, spool)
        incoming = deliver.Incoming(whole, flags=("\\Seen", "\\Draft"))
        delivered = await drafting.save(at.store, at.account, name, incoming, _old(letter), at.quota())
    for piece in letter.files:
        if piece.upload:
            await at.uploads.forget(at.account, piece.upload)
    found = await message.shown(at.store, at.account, delivered.mailbox_id, delivered.uid)
    return {
        "mailbox": int(delivered.mailbox_id),
        "uid": int(delivered.uid),
        "messageId": message_id,
        "attachments": found["attachments"],
        "pictures": found["pictures"],
        "size": delivered.size,
    }


async def open_draft(at: Desk, arguments: Arguments) -> Json:
    """draftOpen {mailbox, uid}: a message as something to write on."""
    mailbox, uid = arguments.number("mailbox"), arguments.number("uid")
    found = await message.find(at.store, at.account, mailbox, uid)
    shown: dict[str, Any] = await message.shown(at.store, at.account, mailbox, uid)
    block = await message.header_of(at.store, at.account, found)
    for key, unfinished in (await trio.to_thread.run_sync(_unfinished, block, limiter=at.store.computing)).items():
        shown[key] = [*shown[key], *unfinished]
    return {**shown, "body": await editable(at, found)}


def _unfinished(block: bytes) -> dict[str, list[list[str]]]:
    """Recipients of a draft that are no addresses yet."""
    fields, found = header.parse(block), dict[str, list[list[str]]]()
    for name, key in (("to", "recipients"), ("cc", "cc"), ("bcc", "bcc")):
        written = fields.all(f"{letters.UNFINISHED}{name}".lower().encode())[: message.ADDRESSES]
        found[key] = [["", words.decode(each)] for each in written]
    return found


async def editable(at: Desk, found: message.Found) -> str:
    """The HTML of a message for the editor; "" where there is none."""
    bodies = await message.apart(at.store, found, lambda: message.bodies(found.root))
    if bodies.html is None:
        return ""
    text = await message.text_of(at.store, at.account, found, bodies.html, message.HTML_BYTES)
    return await trio.to_thread.run_sync(sanitising.for_editing, text, limiter=at.store.computing)


async def quotable(at: Desk, arguments: Arguments) -> Json:
    """quotable {mailbox, uid}: the HTML of a message for an answer."""
    found = await message.find(at.store, at.account, arguments.number("mailbox"), arguments.number("uid"))
    return {"html": await editable(at, found)}


async def send(at: Desk, arguments: Arguments) -> Json:
    """send {letter, hold?, until?}: hand it over, held for `hold` seconds or until a time in milliseconds.

    INVALID (address), POLICY (refused, with the reason), RATE, NOT_FOUND (file), CONFLICT (its draft was sent or changed
    elsewhere).
    """
    letter = _letter(arguments)
    people = [*letter.to, *letter.cc, *letter.bcc]
    if not people:
        raise Failure(Kind.INVALID, "the message has no recipient")
    sender = letters.parsed(letter.sender).address
    message_id = _message_id(at, letter)
    hold_for, hold_until = _hold(at, arguments)
    async with AsyncExitStack() as stack:
        made = await Workshop(at.store, at.account, at.uploads).make(letter, message_id, stack, draft=False)
        spool = await stack.enter_async_context(Spool(at.store))
        whole = await spooled(at.store, made, spool)
        recipients = list(dict.fromkeys(letters.parsed(each).address for each in people))
        copy = await _copy(at, letter, whole)
        envelope = Envelope(
            Path.of(sender),
            tuple(Recipient(Path.of(each)) for each in recipients),
            size=whole.size,
            hold_for=hold_for,
            hold_until=hold_until,
        )
        try:
            queued, kept = await _submit(at, envelope, whole, copy)
        except Failure:
            await deliver.discard(at.store, [copy.prepared])
            raise
    for piece in letter.files:
        if piece.upload:
            await at.uploads.forget(at.account, piece.upload)
    return {"queued": queued, "mailbox": int(kept.mailbox_id), "uid": int(kept.uid), "messageId": message_id}


@contextmanager
def _to_its_end() -> Iterator[None]:
    """For what is several transactions: a page that goes away in between leaves no mail that was taken back and yet is among sent
    mail. Bounded, so that the server can stop. TRY_LATER.
    """
    with trio.move_on_after(FINISHING, shield=True) as scope:
        yield
    if scope.cancelled_caught:
        raise Failure(Kind.TRY_LATER, "the server takes too long; look into Sent whether it was done")


def _hold(at: Desk, arguments: Arguments) -> tuple[int | None, int | None]:
    """For how many seconds, or until when in milliseconds (RFC 4865)."""
    until = arguments.number("until", 0)
    if until > at.store.now() + LATEST:
        raise Failure(Kind.INVALID, "that is more than a year ahead")
    hold = min(arguments.number("hold", 0), LONGEST_HOLD)
    return (None, until) if until else (hold or None, None)


async def _submit(at: Desk, envelope: Envelope, whole: Spooled, copy: Copy) -> tuple[str, Delivered]:
    """Queue it; in the same transaction its copy takes the place of the draft. The message's name in the queue, and the copy."""
    submission, visitor = at.web.submission, at.visitor
    client = Client(
        address=visitor.address,
        local_address=visitor.local_address,
        hello="webmail",
        login=at.account.name,
        login_address=at.guest.address,
        session=visitor.session,
        exempt=visitor.exempt,
    )
    place = drafting.sending_unit(at.store, at.account, copy)
    kept: list[Delivered] = []

    def then(tx: Any, _: Taken) -> None:
        kept[:] = [place(tx)]

    try:
        await submission.mail(client, envelope)
        for each in envelope.recipients:
            await submission.rcpt(client, envelope, each)
        taken = await submission.take(client, envelope, whole, Wish(then=then))
    except Refusal as refusal:
        kind = Kind.RATE if refusal.reply.is_temporary else Kind.POLICY
        raise Failure(kind, f"not sent: {refusal.reply.text}", refusal.reason) from None
    return taken.name, kept[0]


async def _copy(at: Desk, letter: Letter, whole: Spooled) -> Copy:
    """For sent mail, in place of the draft; what it answers is marked."""
    name = await acting.with_role(at.store, at.account, calls_mailboxes.ROLES["sent"], "Sent")
    answered = None
    if letter.reply is not None:
        flag = "$Forwarded" if letter.reply.forward else "\\Answered"
        box = listing.mailbox_id(letter.reply.mailbox)
        answered = drafting.Answered(box, listing.uid(letter.reply.uid), flag)
    incoming = deliver.Incoming(whole, flags=("\\Seen",))
    (prepared,) = await deliver.prepare(at.store, at.account, [incoming])
    return Copy(name, prepared, _old(letter), answered)


async def unsend(at: Desk, arguments: Arguments) -> Json:
    """unsend {queued, mailbox, uid}: take it out of the queue and make its copy a draft. CONFLICT when it left already."""
    queued = arguments.text("queued", most=100)
    source, uid = listing.mailbox_id(arguments.number("mailbox")), listing.uid(arguments.number("uid"))
    drafts = await acting.with_role(at.store, at.account, calls_mailboxes.ROLES["drafts"], "Drafts")
    with _to_its_end():
        await taking_back.take_back(at.web.outgoing, at.account.id, queued)
        await acting.flag(at.store, at.account, source, [uid], acting.Change(add=("\\Draft",)))
        moved = await moving.move(at.store, at.account, source, listing.ranges([uid]), drafts)
    return {"mailbox": int(moved.target), "uid": int(moved.first)}


async def scheduled(at: Desk, arguments: Arguments) -> Json:
    """scheduled {}: what waits in the queue for a time to come."""
    found = await taking_back.planned(at.web.outgoing, at.account)
    return [
        {"queued": each.name, "at": each.at, "subject": each.subject, "recipients": list(each.recipients)}
        for each in found
    ]


async def cancel_scheduled(at: Desk, arguments: Arguments) -> Json:
    """scheduleCancel {queued}: take it out of the queue; its copy among sent mail becomes a draft, if it is there. CONFLICT."""
    queued = arguments.text("queued", most=100)
    planned = [each for each in await taking_back.planned(at.web.outgoing, at.account) if each.name == queued]
    if not planned:
        raise Failure(Kind.CONFLICT, "it is on its way already")
    sent = await acting.with_role(at.store, at.account, calls_mailboxes.ROLES["sent"], "Sent")
    box = await mailboxes.get(at.store, at.account, sent)
    copy = await one_mail.place_of(at.store, at.account, planned[0].message_id, listing.mailbox_id(box.id))
    if copy is None:
        await taking_back.take_back(at.web.outgoing, at.account.id, queued)
        return {"mailbox": 0, "uid": 0}
    given = {"queued": queued, "mailbox": int(copy.mailbox_id), "uid": int(copy.uid)}
    return await unsend(at, Arguments(given))


async def send_now(at: Desk, arguments: Arguments) -> Json:
    """scheduleNow {queued}: let it leave now. CONFLICT."""
    await taking_back.send_now(at.web.outgoing, at.account.id, arguments.text("queued", most=100))
    return {}


async def security(at: Desk, arguments: Arguments) -> Json:
    """security {addresses}: what is known of the way to each before a message is sent: "here" stays on this server, "unknown" is
    decided when it leaves.
    """
    config = at.snapshot
    found: dict[str, Json] = {}
    for each in arguments.texts("addresses", 1000):
        try:
            domain = Address.parse(each).domain
        except InvalidAddress:
            continue
        found[each] = "here" if domain in config.dynamic.domains else "unknown"
    return found


async def complete(at: Desk, arguments: Arguments) -> Json:
    """complete {text}: people whom the account wrote to, the last first, whose name or address has a word that begins so."""
    wanted = arguments.text("text", most=200).lower().strip()
    own = [[each.name, each.address] for each in identities.of(at)]
    known = await correspondents.known(at.store.index, at.account.id, at.account.codec)
    found: list[Json] = []
    for name, address in [*([each.name, each.address] for each in known), *own]:
        parts = [address.lower(), *address.lower().replace(".", " ").replace("@", " ").split(), *name.lower().split()]
        if any(part.startswith(wanted) for part in parts) or wanted in name.lower():
            found.append([name, address])
            if len(found) == COMPLETIONS:
                break
    return found


async def known(at: Desk, arguments: Arguments) -> Json:
    """known {addresses}: those of the addresses that the account wrote to before."""
    wanted = {each.lower() for each in arguments.texts("addresses", 1000)}
    every = await correspondents.known(at.store.index, at.account.id, at.account.codec)
    return [each.address.lower() for each in every if each.address.lower() in wanted]


OPERATIONS: Final[dict[str, Operation]] = {
    "draftSave": save,
    "draftOpen": open_draft,
    "quotable": quotable,
    "send": send,
    "unsend": unsend,
    "scheduled": scheduled,
    "scheduleCancel": cancel_scheduled,
    "scheduleNow": send_now,
    "security": security,
    "complete": complete,
    "known": known,
}
