"""Bytes written as an IMAP string (RFC 9051 4.3): quoted where that is possible, else a literal.

Text beyond ASCII goes into a quoted string when it is UTF-8, as sessions with UTF8=ACCEPT or IMAP4rev2 read it;
whoever renders for another session encodes such text before it comes here (RFC 2047, RFC 2231). Other 8-bit bytes go
into a literal. No octet is ever refused: NUL, which no IMAP string may hold, is left out.
"""

import re

_NEEDS_CARE = re.compile(rb'[\r\n\x00"\\\x80-\xff]').search
"""Finds what cannot stand in a quoted string as it is."""
_NOT_QUOTABLE = re.compile(rb"[\r\n\x00]").search
_ESCAPED = re.compile(rb'(["\\])')


def string(value: bytes) -> bytes:
    """`value` as an IMAP string: `"..."`, or `{n}` CRLF and n bytes."""
    if _NEEDS_CARE(value) is None:  # nearly always
        return b'"%b"' % value
    if not _NOT_QUOTABLE(value) and (value.isascii() or _is_utf8(value)):
        return b'"%b"' % _ESCAPED.sub(rb"\\\1", value)  # RFC 9051 9: quoted-specials are escaped, nothing else
    value = value.replace(b"\0", b"")
    return b"{%d}\r\n%b" % (len(value), value)


def nstring(value: bytes | None) -> bytes:
    """`value` as an IMAP string, None as NIL."""
    return b"NIL" if value is None else string(value)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
