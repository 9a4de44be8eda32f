"""IMAP URLs of messages and their parts (RFC 5092), as CATENATE has them (RFC 4469): relative to the server, or to the selected
mailbox. Pure.

    /Drafts;UIDVALIDITY=385759045/;UID=20/;SECTION=1.MIME/;PARTIAL=0.1024
    ;UID=20/;SECTION=HEADER
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from mox_trio.protocol.imap import fetch_items
from mox_trio.protocol.imap.fetch_items import Section
from mox_trio.protocol.imap.lexer import Lexer, Malformed

LONGEST: Final = 8192
"""Characters."""

_URL: Final = re.compile(
    r"(?:/(?P<mailbox>[^;]*?)/?(?:;UIDVALIDITY=(?P<uidvalidity>[0-9]{1,10}))?/?)?"
    r";UID=(?P<uid>[0-9]{1,10})"
    r"(?:/?;SECTION=(?P<section>[^;]*?))?"
    r"(?:/?;PARTIAL=(?P<start>[0-9]{1,19})(?:\.(?P<octets>[0-9]{1,19}))?)?/?",
    re.IGNORECASE,
).fullmatch
_LARGEST: Final = 2**32 - 1
_SAFE: Final = "!#$&'()*+,-./:;<=>?@^_`{|}~%"
"""What may stand in a response code as it is: not "]", and neither spaces nor backslashes nor quotes."""


class BadUrl(ValueError):
    """Not a URL of a message or of a part here."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL names."""

    mailbox: str
    """Decoded; empty for the selected one."""
    uidvalidity: int | None
    uid: int
    section: Section
    """Without a part and a text it is the whole message; `partial` has the octets that are meant."""


def parse(url: str) -> Target:
    """What a relative URL names. BadUrl."""
    found = _URL(url) if len(url) <= LONGEST else None
    if found is None:
        raise BadUrl("not the URL of a message")
    uid = int(found["uid"])
    uidvalidity = int(found["uidvalidity"]) if found["uidvalidity"] else None
    if not 0 < uid <= _LARGEST or not (uidvalidity is None or 0 < uidvalidity <= _LARGEST):
        raise BadUrl("a number has 32 bits and is not 0")
    mailbox = _decoded(found["mailbox"] or "")
    try:
        name = mailbox.decode()  # RFC 5092 8
    except UnicodeDecodeError:
        raise BadUrl("names are UTF-8") from None
    return Target(name, uidvalidity, uid, _section(_decoded(found["section"] or ""), found["start"], found["octets"]))


def for_code(url: str) -> bytes:
    """The URL as it stands in BADURL: what could end the code, or the line, is encoded."""
    return b'BADURL "%b"' % quote(url[:LONGEST], safe=_SAFE).encode("ascii")


def _decoded(text: str) -> bytes:
    return unquote_to_bytes(text)


def _section(text: bytes, start: str | None, octets: str | None) -> Section:
    partial = b""
    if start is not None:
        # Without a length it goes to the end (RFC 5092 3), which is where any length beyond it goes too.
        partial = b"<%b.%b>" % (start.encode(), (octets or str(_LARGEST)).encode())
    lexer = Lexer(b"BODY[%b]%b" % (text, partial))
    try:
        item = fetch_items.parse(lexer)
        lexer.end()
    except Malformed as error:
        raise BadUrl(error.text) from None
    if not isinstance(item, Section):
        raise BadUrl("not a section")
    return item
