"""Address lists of header fields: mailboxes and groups, with the obsolete forms and what the world writes besides.

`parse_list` never raises, is linear in the length of the field and gives at most `limit` mailboxes. RFC 5322 3.4 and
4.4 hold; beyond them: display names with dots, `@`, colons and 8-bit in them, missing or doubled angle brackets,
quotes and comments that do not close (a quote or parenthesis without its partner is an ordinary character),
semicolons between addresses, the name in a comment behind the address. A comma always ends an entry, so `Doe, John
<j@x.example>` is two, as other servers see it; but an encoded word is one word whatever it holds. Names stay octets,
unquoted but not decoded, as IMAP's ENVELOPE needs them; `display` is for people.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from mox_trio.base import limits
from mox_trio.protocol.mime import address_tokens, charsets, words
from mox_trio.protocol.mime.address_tokens import ANGLE, AT, CLOSE, COLON, COMMA, COMMENT, SEMICOLON, Token


class Mailbox(NamedTuple):
    """One address with its display name. Parts that are missing are empty, only `name` and `route` may be None.

    A tuple, because it is made a few times for each message and takes a third of the time so.
    """

    name: bytes | None
    """The display name without its quotes, encoded words as they are; None where there is none."""
    localpart: bytes
    """Without quotes."""
    domain: bytes
    """As written, or an address literal in brackets; b"" where the field has no `@`."""
    route: bytes | None = None
    """The source route (RFC 5322 4.4), without its colon."""

    @property
    def display(self) -> str:
        """The display name decoded, on one line; "" where there is none."""
        return words.decode(self.name) if self.name else ""

    @property
    def address(self) -> str:
        """`localpart@domain` as text, the localpart quoted where it must be and the domain in lower case; "" for
        none.
        """
        if not self.domain:
            return _harmless(self.localpart)
        localpart = self.localpart
        if _DOT_ATOM.fullmatch(localpart) is None:
            localpart = b'"' + _NEEDS_BACKSLASH.sub(rb"\\\1", localpart) + b'"'
        return _harmless(localpart + b"@" + self.domain.lower())


@dataclass(frozen=True, slots=True)
class Group:
    """A named list, often empty: `undisclosed-recipients:;`."""

    name: bytes
    """As `Mailbox.name`."""
    members: tuple[Mailbox, ...]

    @property
    def display(self) -> str:
        """The name decoded, on one line."""
        return words.decode(self.name)


_ATEXT: Final = rb"A-Za-z0-9!#$%&'*+/=?^_`{|}~.\x80-\xff-"
_DOT_ATOM: Final = re.compile(rb"[%b]+" % _ATEXT)
_MOST_TOKENS: Final = 1000
"""Words and signs that are looked at besides eight for each mailbox: a field of nothing but parentheses is no list."""
_NEEDS_BACKSLASH: Final = re.compile(rb'(["\\])')
# What nearly all entries look like; anything else goes through the tokens. No part of it can match what its neighbour
# does.
_USUAL: Final = re.compile(
    rb'[ \t]*+(?:(?:"([^"\\]*+)"[ \t]*+|([^\x00-\x1f\x7f"(),:;<>@\[\]\\]*+))<([%b]++)@([A-Za-z0-9._\x80-\xff-]++)>'
    rb"|([%b]++)@([A-Za-z0-9._\x80-\xff-]++))[ \t]*+(?:,|\Z)" % (_ATEXT, _ATEXT)
).match


def parse_list(body: bytes, limit: int = limits.HEADER_ADDRESSES) -> tuple[Mailbox | Group, ...]:
    """The mailboxes and groups that the unfolded body of an address field lists, in order. RFC 5322 3.4."""
    entries: list[Mailbox | Group] = []
    position = 0
    end = len(body)
    while position < end and len(entries) < limit:
        found = _USUAL(body, position)
        if found is None:
            tokens = itertools.islice(address_tokens.split(body, position), _MOST_TOKENS + 8 * limit)
            entries.extend(_Reader(limit - len(entries)).read(tokens))
            break
        name, plain, localpart, domain, bare, bare_domain = found.groups()
        if bare is not None:
            entries.append(Mailbox(None, bare, bare_domain))
        else:
            entries.append(Mailbox(name or (_collapsed(plain) if plain else None), localpart, domain))
        position = found.end()
    return tuple(entries)


def mailboxes(entries: tuple[Mailbox | Group, ...]) -> Iterator[Mailbox]:
    """All mailboxes, those in groups among them."""
    for entry in entries:
        if isinstance(entry, Group):
            yield from entry.members
        else:
            yield entry


class _Reader:
    """Collects tokens until something ends an entry. One use."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entry = _Entry()
        self._group: bytes | None = None
        self._members: list[Mailbox] = []
        self._entries: list[Mailbox | Group] = []
        self._count = 0

    def read(self, tokens: Iterator[Token]) -> list[Mailbox | Group]:
        """The entries that the tokens write."""
        for token in tokens:
            if self._count >= self._limit:
                break
            kind = token.kind
            if kind in (COMMA, SEMICOLON) and not self._entry.is_in_route:
                self._finish()
                if kind == SEMICOLON:
                    self._end_group()
            elif kind == ANGLE and self._entry.angle is not None and not self._entry.is_open:
                self._finish()  # `<a@x> <b@x>`: the comma is missing
                self._entry.add(token)
            elif kind == COLON and self._group is None and self._entry.may_be_group:
                self._group = _phrase(self._entry.before) or b""
                self._entry = _Entry()
            else:
                self._entry.add(token)
        self._finish()
        self._end_group()
        return self._entries

    def _finish(self) -> None:
        mailbox = self._entry.mailbox()
        self._entry = _Entry()
        if mailbox is not None:
            self._count += 1
            (self._entries if self._group is None else self._members).append(mailbox)

    def _end_group(self) -> None:
        if self._group is not None:
            self._entries.append(Group(self._group, tuple(self._members)))
            self._group = None
            self._members = []


class _Entry:
    """The tokens between two commas."""

    def __init__(self) -> None:
        self.before: list[Token] = []
        self.angle: list[Token] | None = None
        self.is_open = False
        self.is_in_route = False
        self.may_be_group = False
        self._after: list[Token] = []
        self._comment: bytes | None = None

    def add(self, token: Token) -> None:
        """Takes a token that does not end the entry."""
        kind = token.kind
        if kind == COMMENT:
            self._comment = token.value
        elif self.is_open and self.angle is not None:
            self._add_inside(token, self.angle)
        elif kind == ANGLE:
            self.angle = []
            self.is_open = True
            self.may_be_group = False
        elif kind != CLOSE:
            (self.before if self.angle is None else self._after).append(token)
            self.may_be_group = kind != AT and self.angle is None and (self.may_be_group or len(self.before) == 1)

    def _add_inside(self, token: Token, angle: list[Token]) -> None:
        if token.kind == CLOSE:
            self.is_open = self.is_in_route = False
        elif token.kind != ANGLE:  # `<<a@x.example>>`
            if token.kind == AT and not angle:
                self.is_in_route = True  # RFC 5322 4.4 obs-route: commas are part of it
            elif token.kind == COLON:
                self.is_in_route = False
            angle.append(token)

    def mailbox(self) -> Mailbox | None:
        """What the tokens mean; None for an empty entry (RFC 5322 4.4 obs-mbox-list)."""
        if self.angle is not None:
            name = _phrase(self.before) or _phrase(self._after) or self._comment
            return _in_angle(name or None, self.angle)
        if self.before:
            return _bare(self.before, self._comment)
        return None


def _in_angle(name: bytes | None, tokens: list[Token]) -> Mailbox:
    route = None
    if tokens and tokens[0].kind == AT:
        colon = next((index for index, token in enumerate(tokens) if token.kind == COLON), 0)
        if colon:
            route = _joined(tokens[:colon])
            tokens = tokens[colon + 1 :]
    at = _last_at(tokens)
    if at < 0:
        return Mailbox(name, _joined(tokens), b"", route)
    return Mailbox(name, _joined(tokens[:at]), _joined(tokens[at + 1 :]), route)


def _bare(tokens: list[Token], comment: bytes | None) -> Mailbox:
    """An address without brackets. What stands before or behind it, with a space between, is its name."""
    first = next((index for index, token in enumerate(tokens) if token.kind == AT), -1)
    if first < 0:
        if len(tokens) == 1:
            return Mailbox(comment, tokens[0].value, b"")
        return Mailbox(_phrase(tokens), b"", b"")  # a name whose address is missing
    start = max(first - 1, 0)
    while start > 0 and _is_chained(tokens[start - 1], tokens[start]):
        start -= 1
    stop = min(first + 2, len(tokens))
    while stop < len(tokens) and _is_chained(tokens[stop - 1], tokens[stop]):
        stop += 1
    at = start + _last_at(tokens[start:stop])
    behind = tokens[stop:] if _last_at(tokens[stop:]) < 0 else []  # another address without a comma is no name
    name = _phrase(tokens[:start]) or _phrase(behind) or comment
    return Mailbox(name, _joined(tokens[start:at]), _joined(tokens[at + 1 : stop]))


def _is_chained(left: Token, right: Token) -> bool:
    """Whether two words are one: side by side, or with space around a dot (RFC 5322 4.4 obs-local-part, obs-domain)."""
    return not right.is_spaced or left.value.endswith(b".") or right.value.startswith(b".")


def _last_at(tokens: list[Token]) -> int:
    return next((index for index in range(len(tokens) - 1, -1, -1) if tokens[index].kind == AT), -1)


def _joined(tokens: list[Token]) -> bytes:
    return b"".join([token.value for token in tokens])


def _phrase(tokens: list[Token]) -> bytes | None:
    """The words with one space where there was white space; None without words."""
    text = b"".join([b" " + token.value if token.is_spaced else token.value for token in tokens])
    return (text[1:] if tokens and tokens[0].is_spaced else text) or None


def _collapsed(name: bytes) -> bytes | None:
    return (b" ".join(name.split()) if b"  " in name else name.strip(b" ")) or None


def _harmless(octets: bytes) -> str:
    """One line of text without control characters."""
    text = charsets.decode(octets)
    return text if text.isprintable() else words.without_controls(text)
