"""Pull an account's mail from another server by IMAP: folders, messages with flags and dates, special uses.

It may be stopped at any point and run again, as often as one likes until the switch: what is here is known by the folder's
UIDVALIDITY and the message's UID, noted in the transaction that places it, so nothing comes twice. Flags that changed there since
are changed here; those that changed here alone stay. What was deleted there stays here, and nothing is changed there.

A folder that was pulled from and has a new UIDVALIDITY has new UIDs: its messages are compared by their bytes with what the
account has, so that they do not come twice either. Folders that show messages of others (\\All, \\Flagged, \\Important) are
left out.

Failures end it: of the session (`imap_source`), QUOTA, those of the stores. A message that cannot be taken is noted and left out.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from typing import Final

from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import UNLIMITED, Quota
from mox_trio.mailstore import deliver, flagging, keywords, mailboxes, special_uses
from mox_trio.mailstore.deliver import Delivered, Incoming
from mox_trio.mailstore.folder_names import Mapping
from mox_trio.mailstore.imap_source import Place, Received, Seen, Source
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.imap.client_responses import Listed
from storage_backends.index.api import MailboxId, Transaction, Uid
from storage_backends.index.tables import emails, placing, pulled
from storage_backends.index.tables import mailboxes as rows
from storage_backends.index.tables.pulled import Pulled

MESSAGES: Final = 50
BYTES: Final = 4 * 1024 * 1024
"""After so many messages or bytes a batch is full."""
NOTED: Final = 1000
"""Troubles that are kept; the others are counted."""

USES: Final = {
    "\\sent": rows.SENT,
    "\\drafts": rows.DRAFTS,
    "\\archive": rows.ARCHIVE,
    "\\trash": rows.TRASH,
    "\\junk": rows.JUNK,
}
WELL_KNOWN: Final = {
    "sent": rows.SENT,
    "sent items": rows.SENT,
    "sent messages": rows.SENT,
    "drafts": rows.DRAFTS,
    "trash": rows.TRASH,
    "deleted items": rows.TRASH,
    "deleted messages": rows.TRASH,
    "junk": rows.JUNK,
    "junk e-mail": rows.JUNK,
    "spam": rows.JUNK,
    "archive": rows.ARCHIVE,
}
"""Names of servers that do not tell special uses."""
NO_FOLDERS: Final = frozenset(("\\noselect", "\\nonexistent", "\\all", "\\flagged", "\\important"))
OF_SESSIONS: Final = "\\recent"


@dataclass(slots=True)
class Report:
    """What a run did."""

    folders: int = 0
    messages: int = 0
    """On the other server."""
    pulled: int = 0
    size: int = 0
    before: int = 0
    """Here by an earlier run."""
    known: int = 0
    """Noted now, and here already byte for byte: of folders that the server numbered anew."""
    flags: int = 0
    """Messages whose flags followed."""
    bad: list[tuple[str, str]] = field(default_factory=list)
    bad_total: int = 0

    def note(self, name: str, reason: str) -> None:
        """Note what was left out."""
        self.bad_total += 1
        if len(self.bad) < NOTED:
            self.bad.append((name, reason))


Progress = Callable[[Report], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Job:
    """What is pulled, and into where."""

    store: MailStore
    account: Account
    place: Place
    report: Report
    quota: Quota = UNLIMITED
    into: str = ""
    """The mailbox below which everything goes."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """An open folder, and the mailbox that it becomes."""

    name: str
    key: str
    mailbox: str
    is_renumbered: bool
    """It was pulled from, under another UIDVALIDITY."""


async def run(job: Job, source: Source, progress: Progress) -> Report:
    """Pull everything."""
    listed, prefix = await source.folders()
    chosen = [each for each in listed if not {name.lower() for name in each.attributes} & NO_FOLDERS]
    tells_uses = any({name.lower() for name in each.attributes} & USES.keys() for each in listed)
    for each in sorted(chosen, key=lambda folder: (folder.mailbox.upper() != "INBOX", folder.mailbox)):
        mailbox = await _mailbox(job, each, prefix, tells_uses=tells_uses)
        try:
            validity = await source.examine(each.mailbox)
        except Failure as failure:
            if failure.kind is not Kind.INVALID:
                raise
            job.report.note(each.mailbox, failure.public)
            continue
        job.report.folders += 1
        await _folder(job, source, each.mailbox, mailbox, validity, progress)
    return job.report


async def _mailbox(job: Job, folder: Listed, prefix: str, *, tells_uses: bool) -> str:
    """The mailbox that a folder becomes, which is made: the one of the same use, or of the same name."""
    name = folder.mailbox.removeprefix(prefix) if folder.mailbox.upper() != "INBOX" else ""
    levels = name.split(folder.delimiter) if folder.delimiter and name else [name]
    wanted, _ = Mapping(job.into).mailbox(levels)
    use = next((USES[each.lower()] for each in folder.attributes if each.lower() in USES), 0)
    if not tells_uses and not use:
        use = WELL_KNOWN.get(name.lower(), 0)
    present = await mailboxes.listed(job.store, job.account)
    same = next((row.name for row in present if row.special_use & use), None)
    if same is not None and not job.into:
        return same
    if wanted not in {row.name for row in present}:
        await mailboxes.create(job.store, job.account, wanted)
        if use and not job.into:
            await _give(job, wanted, use)
    return wanted


async def _give(job: Job, name: str, use: int) -> None:
    def unit(tx: Transaction) -> None:
        row = mailboxes.find(tx, job.account.id, name)
        special_uses.give(tx, job.account.id, row.id, use)

    await job.store.index.write([job.account.id], unit)


def folder_key(place: Place, folder: str, validity: int) -> str:
    """What a folder is known by."""
    text = "\0".join((place.host.lower(), place.user, folder))
    return f"{blake2b(text.encode('utf-8', 'surrogateescape'), digest_size=16).hexdigest()}:{validity}"


async def _folder(job: Job, source: Source, name: str, mailbox: str, validity: int, progress: Progress) -> None:
    key = folder_key(job.place, name, validity)
    known = {row.uid: row for row in await _known(job, key)}
    there = await source.messages()
    job.report.messages += len(there)
    job.report.before += sum(each.uid in known for each in there)
    await progress(job.report)
    await _follow_flags(job, key, [each for each in there if each.uid in known], known)
    renumbered = partial(pulled.under_another_validity, account=job.account.id, folder=key)
    folder = _Folder(name, key, mailbox, not known and await job.store.index.read(renumbered))
    for batch in _batches([each for each in there if each.uid not in known]):
        await _pull(job, source, folder, batch)
        await progress(job.report)


async def _known(job: Job, key: str) -> list[Pulled]:
    found: list[Pulled] = []
    after = 0
    while page := await job.store.index.read(partial(pulled.listed, account=job.account.id, folder=key, after=after)):
        found += page
        after = page[-1].uid
    return found


def _batches(messages: Sequence[Seen]) -> Iterator[list[Seen]]:
    batch: list[Seen] = []
    size = 0
    for each in messages:
        if batch and (len(batch) >= MESSAGES or size + each.size > BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += each.size
    if batch:
        yield batch


async def _pull(job: Job, source: Source, folder: _Folder, batch: Sequence[Seen]) -> None:
    async with AsyncExitStack() as spools:
        ready: list[tuple[Received, Incoming]] = []
        async for each in source.fetch(job.store, [seen.uid for seen in batch]):
            if each.spool is None:
                job.report.note(f"{folder.name} UID {each.uid}", "it is larger than this server takes")
                continue
            spool = await spools.enter_async_context(each.spool)
            spooled = await spool.finish()
            ready.append((each, Incoming(spooled, flags=_flags(each.flags), received=each.received)))
        if ready:
            await _place(job, folder, ready)


async def _place(job: Job, folder: _Folder, ready: list[tuple[Received, Incoming]]) -> None:
    here = await _here(job, [each for _, each in ready]) if folder.is_renumbered else [False] * len(ready)
    known = [(each, incoming) for (each, incoming), is_here in zip(ready, here, strict=True) if is_here]
    fresh = [(each, incoming) for (each, incoming), is_here in zip(ready, here, strict=True) if not is_here]
    if known:
        noted = [Pulled(each.uid, MailboxId(0), Uid(0), _spelled(each.flags)) for each, _ in known]
        unit = partial(pulled.add, account=job.account.id, folder=folder.key, rows=noted)
        await job.store.index.write([job.account.id], unit)
        job.report.known += len(known)
    if not fresh:
        return
    try:
        await _deliver(job, folder, fresh)
    except Failure as failure:
        if failure.kind is not Kind.LIMIT:
            raise
        # The account has no room for more keywords: the mail comes without them.
        fixed = {name.lower() for name in keywords.FIXED}
        bare = [
            (each, replace(one, flags=tuple(name for name in one.flags if name.lower() in fixed)))
            for each, one in fresh
        ]
        await _deliver(job, folder, bare)
        job.report.note(folder.name, f"some keywords were left out: {failure.public}")


async def _here(job: Job, incoming: Sequence[Incoming]) -> list[bool]:
    """Which messages the account has byte for byte."""
    codec = job.account.codec
    wanted = [(codec.key("content", each.spooled.digest), each.spooled.size) for each in incoming]
    return await job.store.index.read(
        lambda tx: [emails.has_content(tx, job.account.id, key, size) for key, size in wanted]
    )


async def _deliver(job: Job, folder: _Folder, ready: list[tuple[Received, Incoming]]) -> None:
    def note(tx: Transaction, delivered: Sequence[Delivered]) -> None:
        noted = [
            Pulled(each.uid, one.mailbox_id, one.uid, _spelled(each.flags))
            for (each, _), one in zip(ready, delivered, strict=True)
        ]
        if pulled.add(tx, job.account.id, folder.key, noted):
            raise Failure(Kind.CONFLICT, "another migration of this account runs; it goes on with what is left")

    terms = deliver.Terms(job.quota)
    done = await deliver.many(job.store, job.account, folder.mailbox, [one for _, one in ready], terms, [note])
    job.report.pulled += len(done)
    job.report.size += sum(each.size for each in done)


async def _follow_flags(job: Job, key: str, there: Sequence[Seen], known: dict[int, Pulled]) -> None:
    """Change what changed there since the last run, a group of equal flags at a time."""
    groups: dict[tuple[MailboxId, str], list[Seen]] = {}
    for each in there:
        if (spelled := _spelled(each.flags)) != known[each.uid].flags:
            groups.setdefault((known[each.uid].mailbox_id, spelled), []).append(each)
    for (mailbox_id, spelled), changed in groups.items():
        for start in range(0, len(changed), MESSAGES):
            page = changed[start : start + MESSAGES]
            uids = sorted(known[each.uid].message_uid for each in page)
            follow = partial(_follow, job=job, mailbox_id=mailbox_id, uids=uids, names=_flags(page[0].flags))
            note = partial(
                pulled.set_flags, account=job.account.id, folder=key, flags={each.uid: spelled for each in page}
            )
            job.report.flags += await job.store.index.write([job.account.id], partial(_both, follow, note))


def _both(follow: Callable[[Transaction], int], note: Callable[[Transaction], None], tx: Transaction) -> int:
    changed = follow(tx)
    note(tx)
    return changed


def _follow(tx: Transaction, *, job: Job, mailbox_id: MailboxId, uids: Sequence[int], names: Sequence[str]) -> int:
    """How many messages differ now; none where the mailbox is gone."""
    if rows.by_id(tx, job.account.id, mailbox_id) is None:
        return 0
    flag_bits, keyword_bits = keywords.bits(tx, job.account.id, names, create=True)
    bits = placing.FlagChange(0, flag_bits, 0, keyword_bits)
    return flagging.apply(tx, job.account, mailbox_id, [(uid, uid) for uid in uids], bits).changed


def _flags(names: Sequence[str]) -> tuple[str, ...]:
    """Flags that a message can have here."""
    fixed = {name.lower() for name in keywords.FIXED}
    return tuple(name for name in names if name.lower() in fixed or keywords.is_keyword(name))


def _spelled(names: Sequence[str]) -> str:
    return " ".join(sorted(name.lower() for name in names if name.lower() != OF_SESSIONS))
