"""Special uses by their names (RFC 6154, RFC 8457): which bits they are, and which of them a client may give."""

from collections.abc import Iterable
from typing import Final

from storage_backends.index.tables import mailboxes

_NAMES: Final = {
    mailboxes.ALL: "\\All",
    mailboxes.ARCHIVE: "\\Archive",
    mailboxes.DRAFTS: "\\Drafts",
    mailboxes.FLAGGED: "\\Flagged",
    mailboxes.IMPORTANT: "\\Important",
    mailboxes.JUNK: "\\Junk",
    mailboxes.SENT: "\\Sent",
    mailboxes.TRASH: "\\Trash",
}
_BITS: Final = {name.lower(): bit for bit, name in _NAMES.items()}
_VIRTUAL: Final = mailboxes.ALL | mailboxes.FLAGGED | mailboxes.IMPORTANT
"""Mailboxes of these would show messages of others: there are none such here."""

ENTRY: Final = "/private/specialuse"
"""The annotation that says the same (RFC 6154 4)."""


class Unsupported(ValueError):
    """No special use that a mailbox can be given. The text names it."""


def names(bits: int) -> tuple[str, ...]:
    """As LIST says them."""
    return tuple([name for bit, name in _NAMES.items() if bits & bit]) if bits else ()


def bits(uses: Iterable[str]) -> int:
    """Of what a client asks for, in any case. Unsupported."""
    found = 0
    for use in uses:
        bit = _BITS.get(use.lower(), 0)
        if not bit or bit & _VIRTUAL:
            raise Unsupported(use)
        found |= bit
    return found


def value(bits_: int) -> bytes | None:
    """The value of the annotation; None for no use."""
    return " ".join(names(bits_)).encode("ascii") if bits_ else None


def of_value(octets: bytes | None) -> int:
    """The bits that a value of the annotation asks for. Unsupported."""
    if octets is None:
        return 0
    return bits(octets.decode("ascii", "replace").split())
