"""The IMAP ENVELOPE of a message, rendered from its header block (RFC 9051 7.5.2, RFC 3501 7.4.2).

`render` gives the finished bytes, once at delivery. The usual form carries what the header holds, 8-bit included, for
sessions with UTF8=ACCEPT or IMAP4rev2; the other (`utf8=False`) is ASCII throughout: names and texts beyond it become
encoded words, domains become A-labels. Where a header has no 8-bit both are equal. Several fields of one name are one
list (RFC 5322 4.5.3), of other fields the first counts. An address without a domain has the empty string as its host:
NIL would make it the start of a group. Never fails.
"""

from collections.abc import Callable
from typing import Final

from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.protocol.mime import addresses, header, imap_string, words
from mox_trio.protocol.mime.addresses import Group, Mailbox

_GROUP_END: Final = b"(NIL NIL NIL NIL)"


def render(block: bytes, *, utf8: bool = True) -> bytes:
    """ENVELOPE of the header in `block`, with its parentheses."""
    return of(header.parse(block), utf8=utf8)


def of(fields: header.Header, *, utf8: bool = True) -> bytes:
    """As `render`, of a header that is parsed already."""
    is_ascii = fields.block.isascii()
    string = imap_string.nstring if utf8 or is_ascii else _ascii_string
    lists = [_list(fields, key, string) for key in _ADDRESS_KEYS]
    sender = lists[0]
    for index in (1, 2):  # RFC 9051 7.5.2: sender and reply-to that are absent or empty are those of from
        if lists[index] == b"NIL":
            lists[index] = sender
    get = fields.get
    return b"(%b %b %b %b %b)" % (
        string(get(b"date")),
        string(get(b"subject")),
        b" ".join(lists),
        string(get(b"in-reply-to")),
        string(get(b"message-id")),
    )


_ADDRESS_KEYS: Final = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")


def _list(fields: header.Header, key: bytes, string: Callable[[bytes | None], bytes]) -> bytes:
    if key not in fields:
        return b"NIL"
    out: list[bytes] = []
    for body in fields.all(key):
        for entry in addresses.parse_list(body):
            if isinstance(entry, Group):  # RFC 9051 7.5.2: a marker before and one behind the members
                out.append(b"(NIL NIL %b NIL)" % string(entry.name))
                out.extend([_address(member, string) for member in entry.members])
                out.append(_GROUP_END)
            else:
                out.append(_address(entry, string))
    return b"(%b)" % b"".join(out) if out else b"NIL"


def _address(mailbox: Mailbox, string: Callable[[bytes | None], bytes]) -> bytes:
    domain = mailbox.domain
    if string is _ascii_string and not domain.isascii():
        domain = _a_labels(domain)
    return b"(%b %b %b %b)" % (
        string(mailbox.name),
        b"NIL" if mailbox.route is None else string(mailbox.route),
        string(mailbox.localpart),
        string(domain),
    )


def _ascii_string(value: bytes | None) -> bytes:
    """As `nstring`, with encoded words for what is not ASCII."""
    if value is not None and not value.isascii():
        value = b" ".join(words.encode(words.decode(value)))
    return imap_string.nstring(value)


def _a_labels(domain: bytes) -> bytes:
    try:
        return Domain.parse(domain.decode(), underscore=True).ascii.encode("ascii")
    except (InvalidAddress, UnicodeDecodeError):
        return domain  # becomes an encoded word
