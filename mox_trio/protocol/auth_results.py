"""The header field Authentication-Results (RFC 8601): written for what our checks found, and recognised where somebody else
wrote it in our name.

`written` takes anything in its values: what is no token is quoted, control characters become spaces, comments cannot be
left. `claims` is for fields of mail from outside and never raises; where a field cannot be read it is suspicious rather
than trusting.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mox_trio.base import limits, text
from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.protocol.mime import header_writer
from mox_trio.protocol.mime.header_writer import Written

NAME: Final = "Authentication-Results"
KEY: Final = b"authentication-results"
LONGEST_VALUE: Final = 300
"""Characters of a value, a comment or a reason that are written: parts of them come from outside."""

READ_OCTETS: Final = 2048
"""Octets of a field in which its authserv-id is looked for; where only white space and comments fill them it cannot be read."""

# RFC 8601 2.2 pvalue: a token (RFC 2045 5.1), or an address whose localpart is a dot-atom and may be missing.
_PLAIN: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+|[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]*@[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
)
_NEEDS_BACKSLASH: Final = re.compile(r'(["\\])')
_NEEDS_BACKSLASH_IN_COMMENT: Final = re.compile(r"([()\\])")
_SPACES: Final = re.compile(r"\s+")
_BARE_ID: Final = re.compile(rb"[^\s;()\"]+")
_QUOTED_ID: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)
_IN_COMMENT: Final = re.compile(rb"[()]|\\.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Result:
    """What one method found: `dkim=pass (comment) reason="..." header.d=example.org`."""

    method: str
    """From the registry: dkim, spf, iprev, dmarc, arc, auth."""
    result: str
    properties: tuple[tuple[str, str], ...] = ()
    """`ptype.property` and its value, such as ("header.d", "example.org")."""
    comment: str = ""
    reason: str = ""


def written(authserv_id: Domain, results: Sequence[Result]) -> Written:
    """The field, each result on a line of its own; without results it says `none` (RFC 8601 2.2)."""
    stanzas = [_stanza(each) for each in results] or ["none"]
    return header_writer.lines(NAME, [f"{authserv_id.ascii};", *(f"{each};" for each in stanzas[:-1]), stanzas[-1]])


def _stanza(result: Result) -> str:
    words = [f"{result.method}={result.result}"]
    if result.comment:
        words.append(f"({_NEEDS_BACKSLASH_IN_COMMENT.sub(_BACKSLASHED, _bounded(result.comment))})")
    if result.reason:
        words.append(f"reason={_quoted(result.reason)}")
    words += [f"{name}={_value(value)}" for name, value in result.properties]
    return " ".join(words)


_BACKSLASHED: Final = r"\\\1"


def _value(value: str) -> str:
    return value if _PLAIN.fullmatch(value) and len(value) <= LONGEST_VALUE else _quoted(value)


def _quoted(value: str) -> str:
    return '"' + _NEEDS_BACKSLASH.sub(_BACKSLASHED, _bounded(value)) + '"'


def _bounded(value: str) -> str:
    """One line of printable text with single spaces, so that folding it loses nothing."""
    if len(value) <= LONGEST_VALUE and value.isascii() and value.isprintable() and "  " not in value:
        return value.strip()
    return _SPACES.sub(" ", text.without_controls(value)).strip()[:LONGEST_VALUE].strip()


def forged(
    bodies: Iterable[bytes], names: Collection[Domain], *, most: int = limits.AUTH_RESULTS_FIELDS
) -> tuple[bool, ...]:
    """Of each of a message's fields, from the top, whether it `claims` to be ours; those beyond `most` are not read, and do."""
    return tuple([number >= most or claims(body, names) for number, body in enumerate(bodies)])


def claims(body: bytes, names: Collection[Domain]) -> bool:
    """Whether the unfolded body of such a field says that one of `names` wrote it (RFC 8601 5).

    Comments and quotes before the name hide nothing, and case, a dot at its end and U-labels make no difference. A field
    that cannot be read claims to be ours where it holds one of the names anywhere.
    """
    start = _behind_comments(body[:READ_OCTETS])
    if start is None:
        return _holds(body, names)
    if body.startswith(b'"', start):
        quoted = _QUOTED_ID.match(body, start)
        if quoted is None:
            return _holds(body, names)
        found = _QUOTED_PAIR.sub(rb"\1", quoted[1])
    else:
        bare = _BARE_ID.match(body, start)
        if bare is None:
            return _holds(body, names)
        found = bare[0]
    try:
        return Domain.parse(found.decode("utf-8", "replace").strip(), underscore=True) in names
    except InvalidAddress:
        return False


def _behind_comments(body: bytes) -> int | None:
    """Where the first word begins behind white space and comments, which nest (RFC 5322 3.2.2); None where one does not
    end.
    """
    at = 0
    while True:
        at = len(body) - len(body[at:].lstrip())
        if not body.startswith(b"(", at):
            return at if at < READ_OCTETS else None
        depth = 0
        for found in _IN_COMMENT.finditer(body, at):
            depth += {b"(": 1, b")": -1}.get(found[0], 0)
            if depth == 0:
                at = found.end()
                break
        else:
            return None


def _holds(body: bytes, names: Collection[Domain]) -> bool:
    lowered = body.decode("utf-8", "replace").lower()
    return any(name.ascii in lowered or name.unicode in lowered for name in names)
