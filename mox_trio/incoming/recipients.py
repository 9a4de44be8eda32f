"""Who gets mail to a path, and what a server is told at RCPT.

`Directory` says who an address is; here it is decided whether mail to it is taken: the domain is not switched off, the
address refuses nothing, the account is open. Unknown recipients of our domains are refused at once, or, where the
configuration hides who exists, after the message.
"""

from mox_trio.base.address import Address, Path
from mox_trio.base.domain import Domain
from mox_trio.config import canonical
from mox_trio.config.directory import ToAccount, ToAlias
from mox_trio.config.live import Snapshot
from mox_trio.config.models.dynamic import DEFAULT_DESTINATION
from mox_trio.incoming.settings import Settings
from mox_trio.protocol.smtp.reply import Refusal, Reply

UNKNOWN = Reply.of(550, "5.1.1", "no such recipient here")
"""RFC 5321 3.3, RFC 3463 3.2."""


def find(snapshot: Snapshot, settings: Settings, path: Path) -> ToAccount | ToAlias | None:
    """Who gets mail to a path; None for nobody."""
    found = snapshot.directory.of_path(path)
    if found is None and settings.everything_to:
        address = path.address or Address(path.localpart, settings.hostname)
        return ToAccount(settings.everything_to, address, DEFAULT_DESTINATION, "catchall")
    return found


def check(snapshot: Snapshot, settings: Settings, path: Path) -> ToAccount | ToAlias | None:
    """As `find`, at RCPT; None for an unknown recipient that is refused later. Raises Refusal."""
    found = find(snapshot, settings, path)
    domain = path.host if isinstance(path.host, Domain) else None
    ours = snapshot.directory.settings_of(domain) if domain is not None else None
    if ours is not None and ours.disabled:
        text = "the domain takes no mail at the moment, try again later"
        raise Refusal(Reply.of(450, "4.2.1", text), "domain-disabled")
    if isinstance(found, ToAccount):
        _refuse_if_told(found)
    if found is not None:
        return found
    if ours is None:
        raise Refusal(Reply.of(550, "5.1.1", "this server takes no mail for that domain"), "unknown-domain")
    if settings.unknown_recipients == "rcpt" or settings.lmtp:
        raise Refusal(UNKNOWN, "unknown-recipient")
    return None


def _refuse_if_told(found: ToAccount) -> None:
    error = found.destination.smtp_error
    if error is not None:
        code, _, text = error.partition(" ")
        enhanced = "4.3.0" if code == "421" else "5.7.1"
        raise Refusal(Reply.of(int(code), enhanced, text or "mail to this address is refused"), "smtp-error")


def refuse_poster(snapshot: Snapshot, to: ToAlias, author: Address | None) -> Reply | None:
    """The refusal of who may not write to an alias: members may, the alias itself where it may send, all others where the
    alias is public. Whether From is true is for other checks.
    """
    if author is not None:
        meant = canonical.of_address(author, snapshot.dynamic.domains)
        if any(each.address == meant for each in to.members):
            return None
        if meant == to.address and to.alias.allow_msg_from:
            return None
        if meant != to.address and to.alias.post_public:
            return None
    elif to.alias.post_public:
        return None
    return Reply.of(550, "5.7.2", "you may not write to this address")
