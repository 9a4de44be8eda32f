"""Names of mailboxes as paths of files, and paths of any origin as names of mailboxes.

A mailbox is a path of levels in the store and in an export alike. What a file system may refuse or what would be
mistaken for something else is written as `%` and two hexadecimal digits for each byte; `%` itself never stands in a
mailbox's name, so nothing needs to be told apart. A level that is too long for a file's name is cut, with a hash: the
only names that do not come back.

`mailbox` takes any path: Maildir++ (`.Sub.Folder`, in modified UTF-7), nested directories, `name.mbox`, and repairs
what cannot be in a name.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from mox_trio.base import text
from mox_trio.base.failure import Failure
from mox_trio.mailstore import mailboxes

MBOX: Final = ".mbox"
LONGEST_LEVEL: Final = 200
"""Bytes of a file's name, which leaves room for endings."""

_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f%/\\:*?"<>|]|^[. ]|[. ]$|\.(?=(?:mbox|sbd)$)', re.I)
_RESERVED: Final = re.compile(
    r"(?:cur|new|tmp|errors\.txt|con|prn|aux|nul|(?:com|lpt)\d|dovecot-keywords)(?:$|(?=\.))", re.I
)
_ESCAPED: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_UTF7: Final = re.compile(r"&([A-Za-z0-9+,]*)-")
_REPAIRED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff*%]|^#")


def path(mailbox: str) -> tuple[str, ...]:
    """The levels of a mailbox's name as names of directories."""
    return tuple(_safe(level) for level in mailbox.split(mailboxes.DELIMITER))


def _safe(level: str) -> str:
    safe = _UNSAFE.sub(_escape, level)
    if _RESERVED.match(safe):
        safe = f"%{ord(safe[0]):02X}{safe[1:]}"
    encoded = safe.encode()
    if len(encoded) <= LONGEST_LEVEL:
        return safe
    kept = encoded[: LONGEST_LEVEL - 17].decode("utf-8", "ignore")
    return f"{kept}~{blake2b(level.encode(), digest_size=8).hexdigest()}"


def _escape(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


def _unescape(level: str) -> str:
    return _ESCAPED.sub(lambda run: bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "replace"), level)


def modified_utf7(level: str) -> str:
    """A level of a Maildir++ folder as text (RFC 3501 5.1.3); as it is when it is no modified UTF-7."""
    if "&" not in level or not level.isascii():
        return level
    try:
        return _UTF7.sub(_shifted, level)
    except (binascii.Error, UnicodeDecodeError):
        return level


def _shifted(found: re.Match[str]) -> str:
    if not found[1]:
        return "&"
    encoded = found[1].replace(",", "/")
    return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode("utf-16-be")


def levels_of_folder(components: Sequence[str]) -> list[str]:
    """The levels of the mailbox that a maildir at this path is; none for the root."""
    levels: list[str] = []
    for component in components:
        if component.startswith(".") and len(component) > 1:
            levels += [modified_utf7(level) for level in component[1:].split(".") if level]
        else:
            levels.append(_unescape(component.removesuffix(".sbd")))
    return levels


def levels_of_file(components: Sequence[str]) -> list[str]:
    """The levels of the mailbox that an mbox file at this path is."""
    *above, name = components
    return [*levels_of_folder(above), _unescape(name.removesuffix(MBOX))]


@dataclass(frozen=True, slots=True)
class Mapping:
    """How names of a source become names of mailboxes: a prefix is taken off where it stands, then all go below
    `into`.
    """

    into: str = ""
    strip: str = ""

    def mailbox(self, levels: Sequence[str]) -> tuple[str, bool]:
        """The name, and whether it had to be repaired. Levels without a name are Inbox, or `into` itself."""
        named = [level for level in levels if level]
        strip = [level for level in self.strip.split(mailboxes.DELIMITER) if level]
        if strip and named[: len(strip)] == strip:
            named = named[len(strip) :]
        wanted = mailboxes.DELIMITER.join(named)
        if self.into:
            wanted = f"{self.into}/{wanted}" if wanted else self.into
        wanted = wanted or mailboxes.INBOX
        try:
            return mailboxes.canonical(wanted), False
        except Failure:
            return mailboxes.canonical(_repaired(wanted)), True


def _repaired(name: str) -> str:
    levels = [_REPAIRED.sub("_", level) for level in text.nfc(name).split(mailboxes.DELIMITER) if level.strip()]
    if len(levels) > mailboxes.DEEPEST:
        levels = [*levels[: mailboxes.DEEPEST - 1], "_".join(levels[mailboxes.DEEPEST - 1 :])]
    name = mailboxes.DELIMITER.join(levels)
    encoded = name.encode("utf-8", "replace")
    if len(encoded) > mailboxes.LONGEST:
        hashed = blake2b(encoded, digest_size=8).hexdigest()
        kept = encoded[: mailboxes.LONGEST - 17].decode("utf-8", "ignore").rstrip(mailboxes.DELIMITER)
        name = f"{kept}~{hashed}"
    return name or mailboxes.INBOX
