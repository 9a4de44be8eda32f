"""The IMAP ENVELOPE of a message, rendered from its header block (RFC 9051 7.5.2, RFC 3501 7.4.2).

`render` gives the finished bytes, once at delivery. The usual form carries what the header holds, 8-bit included, for
sessions with UTF8=ACCEPT or IMAP4rev2; the other (`utf8=False`) is ASCII throughout: names and texts beyond it become
encoded words, domains become A-labels. Where a header has no 8-bit both are equal. Several fields of one name are one
list (RFC 5322 4.5.3), of other fields the first counts. An address without a domain has the empty string as its host:
NIL would make it the start of a group. Never fails.
"""

import functools
import re
from collections.abc import Callable
from typing import Final

from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.protocol.mime import addresses, header, imap_string, words
from mox_trio.protocol.mime.addresses import Group, Mailbox

_GROUP_END: Final = b"(NIL NIL NIL NIL)"
_NEEDS_CARE: Final = re.compile(rb'["\\\r\n\x00]').search
"""Finds what cannot stand in a quoted string as it is."""
_COMMON_LENGTH: Final = 100
"""Longest body of a field that is worth to remember: whom mail is for, and often who sent it, is the same in much mail."""


def render(block: bytes, *, utf8: bool = True) -> bytes:
    """ENVELOPE of the header in `block`, with its parentheses."""
    return of(header.parse(block), utf8=utf8)


def of(fields: header.Header, *, utf8: bool = True) -> bytes:
    """As `render`, of a header that is parsed already."""
    is_ascii = fields.block.isascii()
    string = _string if utf8 or is_ascii else _ascii_string
    lists = [_list(fields.all(key), string) for key in _ADDRESS_KEYS]
    for index in (1, 2):  # RFC 9051 7.5.2: sender and reply-to that are absent or empty are those of from
        if lists[index] == b"NIL":
            lists[index] = lists[0]
    get = fields.get
    return b"(%b %b %b %b %b)" % (
        string(get(b"date")),
        string(get(b"subject")),
        b" ".join(lists),
        string(get(b"in-reply-to")),
        string(get(b"message-id")),
    )


_ADDRESS_KEYS: Final = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")


def _list(bodies: list[bytes], string: Callable[[bytes | None], bytes]) -> bytes:
    if not bodies:
        return b"NIL"
    rendered = [
        _common_addresses(body, string) if len(body) <= _COMMON_LENGTH else _addresses(body, string) for body in bodies
    ]
    joined = b"".join(rendered)
    return b"(%b)" % joined if joined else b"NIL"


def _addresses(body: bytes, string: Callable[[bytes | None], bytes]) -> bytes:
    out: list[bytes] = []
    for entry in addresses.parse_list(body):
        if isinstance(entry, Group):  # RFC 9051 7.5.2: a marker before and one behind the members
            out.append(b"(NIL NIL %b NIL)" % string(entry.name))
            out.extend([_address(member, string) for member in entry.members])
            out.append(_GROUP_END)
        else:
            out.append(_address(entry, string))
    return b"".join(out)


_common_addresses = functools.lru_cache(maxsize=512)(_addresses)


def _address(mailbox: Mailbox, string: Callable[[bytes | None], bytes]) -> bytes:
    name, domain = mailbox.name, mailbox.domain
    if mailbox.route is None:  # nearly always, and then one look at all parts together is enough
        joined = b"%b%b%b" % (name or b"", mailbox.localpart, domain)
        if joined.isascii() and _NEEDS_CARE(joined) is None:
            if name is None:
                return b'(NIL NIL "%b" "%b")' % (mailbox.localpart, domain)
            return b'("%b" NIL "%b" "%b")' % (name, mailbox.localpart, domain)
    if string is _ascii_string and not domain.isascii():
        domain = _a_labels(domain)
    return b"(%b %b %b %b)" % (string(name), string(mailbox.route), string(mailbox.localpart), string(domain))


def _string(value: bytes | None) -> bytes:
    """`nstring`, with a shorter way for what nearly all values are."""
    if value is not None and value.isascii() and _NEEDS_CARE(value) is None:
        return b'"%b"' % value
    return imap_string.nstring(value)


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
