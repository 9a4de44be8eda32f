"""For whom a message is, and what becomes of it for each: addresses of accounts first, then aliases.

An account gets one copy for an address, however often it is addressed, also as a member of an alias. A member who wrote
the message gets none from an alias, unless nobody else would. An alias takes what one of its members takes; what became of
it is what became of the copies, where a full mailbox among others counts as nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mox_trio.config import canonical
from mox_trio.config.directory import ToAccount, ToAlias
from mox_trio.config.live import Snapshot
from mox_trio.config.models.values import Catchall
from mox_trio.incoming import judge, recipients
from mox_trio.incoming.accept import QUOTA, Copy
from mox_trio.incoming.holders import Holders
from mox_trio.incoming.judge import Judge, Subject
from mox_trio.incoming.notices import Told
from mox_trio.policy.verdict import Verdict
from mox_trio.protocol.smtp.envelope import Recipient
from mox_trio.protocol.smtp.reply import Reply

Key = tuple[str, str]
"""Account and address."""


@dataclass(slots=True)
class _One:
    """What was decided for one recipient."""

    reason: str
    refusal: Reply | None = None
    keys: tuple[Key, ...] = ()
    is_alias: bool = False


@dataclass(slots=True)
class Decided:
    """What was decided for all."""

    recipients: tuple[Recipient, ...]
    copies: dict[Key, Copy] = field(default_factory=dict)
    ones: dict[Recipient, _One] = field(default_factory=dict)

    def reason(self, recipient: Recipient) -> str:
        """The named reason for a recipient."""
        return self.ones[recipient].reason

    def waits(self, snapshot: Snapshot) -> bool:
        """Whether the sender is new to an account that lets such wait."""
        for copy in self.copies.values():
            account = snapshot.directory.account(copy.to.account)
            if copy.verdict.wait and (account is None or account.first_time_sender_delay):
                return True
        return False

    def told(self, outcomes: Mapping[Key, Reply | None]) -> list[Told]:
        """What became of each recipient, from what became of the copies."""
        return [Told(each, _outcome(self.ones[each], outcomes), self.ones[each].is_alias) for each in self.recipients]


def _outcome(one: _One, outcomes: Mapping[Key, Reply | None]) -> Reply | None:
    if one.refusal is not None:
        return one.refusal
    # An address that refused the message itself has no copy; an alias does not change that.
    found = [outcomes[key] for key in one.keys if key in outcomes]
    failed = [each for each in found if each is not None]
    if len(failed) < len(found):
        failed = [each for each in failed if each is not QUOTA]
    return failed[0] if failed else None


class Decider:
    """Decides about messages of one listener."""

    def __init__(self, holders: Holders, judge_: Judge) -> None:
        self._holders = holders
        self._judge = judge_

    async def decide(self, subject: Subject, snapshot: Snapshot, who: Sequence[ToAccount | ToAlias | None]) -> Decided:
        """The decision for each recipient of the envelope; `who` gets mail to them, in their order. Errors of the stores
        pass through.
        """
        decided = Decided(subject.envelope.recipients)
        verdicts: dict[Key, Verdict] = {}
        aliases: list[tuple[Recipient, ToAlias]] = []
        for recipient, found in zip(subject.envelope.recipients, who, strict=True):
            if found is None:
                decided.ones[recipient] = _One("unknown-recipient", recipients.UNKNOWN)
            elif isinstance(found, ToAlias):
                aliases.append((recipient, found))
            else:
                await self._for_account(subject, recipient, found, decided, verdicts)
        for recipient, alias in aliases:
            await self._for_alias(subject, snapshot, (recipient, alias), decided, verdicts)
        return decided

    async def _for_account(
        self, subject: Subject, recipient: Recipient, to: ToAccount, decided: Decided, verdicts: dict[Key, Verdict]
    ) -> None:
        # Whoever writes to two addresses of a catchall means two; case and what is behind a separator make no second one.
        address = str(recipient.path) if isinstance(to.address, Catchall) else str(to.address)
        key = (to.account, address)
        holder = await self._holders.get(to.account)
        verdict = verdicts.get(key)
        if verdict is None:
            verdict = verdicts[key] = await self._judge.judge(subject, holder, to)
        decided.ones[recipient] = _One(verdict.reason, verdict.refusal, (key,))
        if verdict.refusal is None and key not in decided.copies:
            decided.copies[key] = Copy(to, holder, recipient.path, str(recipient.path)[1:-1], verdict)

    async def _for_alias(
        self,
        subject: Subject,
        snapshot: Snapshot,
        what: tuple[Recipient, ToAlias],
        decided: Decided,
        verdicts: dict[Key, Verdict],
    ) -> None:
        recipient, to = what
        refusal = recipients.refuse_poster(snapshot, to, subject.content.author)
        if refusal is not None:
            decided.ones[recipient] = _One("alias-not-allowed", refusal, is_alias=True)
            return
        members = _members(to, subject, snapshot)
        if not members:
            decided.ones[recipient] = _One("unknown-recipient", recipients.UNKNOWN, is_alias=True)
            return
        holders = [await self._holders.get(each.account) for each in members]
        keys = tuple((each.account, str(each.address)) for each in members)
        for key, member, holder in zip(keys, members, holders, strict=True):
            if key not in verdicts:
                verdicts[key] = await self._judge.judge(subject, holder, member)
        judged = judge.for_members([verdicts[key] for key in keys], [each.destination.mailbox for each in members])
        one = _One(judged[0].reason, judged[0].refusal, keys, is_alias=True)
        decided.ones[recipient] = one
        if one.refusal is not None:
            return
        explicit = {key for each in decided.ones.values() if not each.is_alias for key in each.keys}
        for key, member, holder, verdict in zip(keys, members, holders, judged, strict=True):
            if key not in explicit:
                decided.copies.setdefault(key, Copy(member, holder, recipient.path, str(member.address), verdict))


def _members(to: ToAlias, subject: Subject, snapshot: Snapshot) -> list[ToAccount]:
    """Those who get mail to an alias: all but who wrote it."""
    author = subject.content.author
    if author is None:
        return list(to.members)
    meant = canonical.of_address(author, snapshot.dynamic.domains)
    return [each for each in to.members if each.address != meant] or list(to.members)
