"""The rows for the recipients of a submitted message, and whom the account wrote to."""

from collections.abc import Iterator, Sequence
from typing import Final

from mox_trio.base import ids, limits
from mox_trio.base.address import Address, Localpart, Path
from mox_trio.base.domain import Domain
from mox_trio.config.directory import ToAccount, ToAlias
from mox_trio.config.live import Snapshot
from mox_trio.mailstore.entropy import Pool
from mox_trio.outgoing import prepare
from mox_trio.outgoing.composing import Checked
from mox_trio.policy import public_suffix
from mox_trio.protocol.smtp.envelope import Envelope, Notify, Recipient
from storage_backends.index.tables import queue
from storage_backends.index.tables.queue import NewRecipient

__all__ = ["NewRecipient", "correspondents", "rows", "with_from_ids"]

_ids: Final = Pool(ids.SECRET_BYTES)


def rows(snapshot: Snapshot, login: str, envelope: Envelope, now: int) -> list[NewRecipient]:
    """A row for each recipient, none twice. Aliases are replaced by their members unless the sender wants to hear of it: who
    is addressed by name gets one copy, and who sends gets none.
    """
    first = now
    if envelope.hold_for is not None:  # RFC 4865
        first = now + envelope.hold_for * 1000
    elif envelope.hold_until is not None:
        first = max(now, envelope.hold_until)
    expires = 0
    if envelope.deliver_by is not None and envelope.deliver_by_return:  # RFC 2852 4.1
        expires = now + max(envelope.deliver_by, 1) * 1000
    urgency = queue.URGENT if envelope.priority > 0 else queue.LATER if envelope.priority < 0 else queue.NORMAL
    made: dict[Path, NewRecipient] = {}
    for each in _expanded(snapshot, login, envelope.recipients):
        made.setdefault(
            each.path,
            NewRecipient(
                sender=str(envelope.reverse_path),
                recipient=str(each.path),
                destination=prepare.destination(each.path),
                next_attempt=first,
                notify=None if each.notify is None else each.notify.value,
                original=each.original,
                urgency=urgency,
                expires=expires,
                require_tls=1 if envelope.require_tls else None,
            ),
        )
    return list(made.values())


def _expanded(snapshot: Snapshot, login: str, recipients: Sequence[Recipient]) -> Iterator[Recipient]:
    found = [(each, snapshot.directory.of_path(each.path)) for each in recipients]
    named = {to.account for _, to in found if isinstance(to, ToAccount)}
    for each, to in found:
        if not isinstance(to, ToAlias) or Notify.SUCCESS in (each.notify or Notify.NEVER):
            yield each
            continue
        members = [member for member in to.members if member.account not in named and member.account != login]
        for member in members:
            if isinstance(member.address, Address):
                yield Recipient(Path.of(member.address), each.notify, each.original)
        if not members:
            yield each  # the queue finds nobody left and says that it was delivered


def with_from_ids(snapshot: Snapshot, plain: Sequence[NewRecipient], sender: Address) -> list[NewRecipient]:
    """The rows with a reverse-path of its own for each, so that a notice about one tells which: its localpart, the domain's
    first separator, and an id. A sender may bring an id for one recipient. Raises ValueError.
    """
    settings = snapshot.dynamic.domains.get(sender.domain)
    separators = settings.localpart_catchall_separators if settings else ()
    if not separators:
        return list(plain)
    head, separator, given = sender.localpart.partition(separators[0])
    if separator and head and given:
        if len(plain) != 1:
            raise ValueError("a sender with an id is for one recipient")
        return [plain[0]._replace(from_id=given)]
    return [_with_id(each, sender, separators[0]) for each in plain]


def _with_id(row: NewRecipient, sender: Address, separator: str) -> NewRecipient:
    from_id = ids.url_safe(_ids.take())
    localpart = Localpart(f"{sender.localpart}{separator}{from_id}")
    if len(localpart.encode()) > limits.LOCALPART_OCTETS:
        return row
    return row._replace(sender=str(Path(localpart, sender.domain)), from_id=from_id)


def correspondents(envelope: Envelope, checked: Checked) -> Iterator[tuple[Path, Domain | None, str]]:
    """Recipients with their organizational domains and the names that To and Cc give them."""
    names = dict(checked.to)
    for path in dict.fromkeys(each.path for each in envelope.recipients):
        organization = public_suffix.organizational_domain(path.host) if isinstance(path.host, Domain) else None
        yield path, organization, names.get(str(path)[1:-1].lower(), "")
