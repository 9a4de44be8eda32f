"""The pieces that commands of SMTP are written with. What is wrong raises `Refusal` with the reply to send."""

import re
from datetime import datetime
from typing import Final

from mox_trio.base import limits
from mox_trio.base.address import Domain, InvalidAddress, Literal, Path
from mox_trio.protocol.smtp.envelope import Notify
from mox_trio.protocol.smtp.reply import Refusal, Reply

_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")  # RFC 3461 4
_ENCODED: Final = re.compile(rb"\+([0-9A-F]{2})")
_EMBEDDED: Final = re.compile(r"\\x\{([0-9A-F]{2,6})\}")  # RFC 6533 3
_ADDRESS_TYPE: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_KEYWORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")  # RFC 5321 4.1.2
_VALUE: Final = re.compile(r"[!-~\u0080-\U0010ffff]+")  # with "=": xtext has none, but AUTH= of older clients has
_WORD: Final = re.compile(r"[!-~\u00a1-\U0010ffff]+")
_BARE_IPV4: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_LONGEST_HELLO: Final = 255

ENVID_CHARACTERS: Final = 100
"""RFC 3461 4.4, as it is sent."""
ORCPT_CHARACTERS: Final = 500
"""RFC 3461 4.2, as it is sent."""

Parameters = dict[str, str | None]


def syntax(text: str, enhanced: str = "5.5.2", code: int = 501) -> Refusal:
    """A command that cannot be understood."""
    return Refusal(Reply.of(code, enhanced, text), "syntax")


def argument(text: str = "bad argument") -> Refusal:
    """A parameter whose value is none."""
    return syntax(text, "5.5.4")


def path(prefix: str, text: str, *, is_sender: bool, pedantic: bool) -> tuple[Path, str]:
    """The path behind FROM: or TO:, and the rest of the line (RFC 5321 4.1.1.2, 4.1.1.3)."""
    if text[: len(prefix)].upper() != prefix:
        raise syntax(f"expected {prefix}<address>")
    rest = text[len(prefix) :]
    if not pedantic:
        rest = rest.lstrip(" ")  # not in the grammar, and common
    try:
        found, stop = Path.parse_prefix(
            rest, localpart_octets=limits.LOCALPART_OCTETS if pedantic else limits.LOCALPART_OCTETS_OF_OTHERS
        )
    except InvalidAddress as error:
        raise syntax(str(error), "5.1.7" if is_sender else "5.1.3") from None
    if is_sender and found.host is None and not found.is_null:
        raise syntax("the address of a sender has a domain", "5.1.7")
    if not is_sender and found.is_null:
        raise syntax("a recipient has an address", "5.1.3")
    return found, rest[stop:]


def parameters(text: str) -> Parameters:
    """What follows a path, by upper-case keyword (RFC 5321 4.1.2 Mail-parameters)."""
    if not text:
        return {}
    if text[0] != " ":
        raise syntax("a space stands before parameters")
    found: Parameters = {}
    for each in text.split():
        keyword, equals, value = each.partition("=")
        if _KEYWORD.fullmatch(keyword) is None or (equals and _VALUE.fullmatch(value) is None):
            raise argument("a parameter is written KEYWORD or KEYWORD=value")
        keyword = keyword.upper()
        if keyword in found:
            raise argument(f"{keyword} stands there twice")
        found[keyword] = value if equals else None
    return found


def hello(text: str, *, is_checked: bool, pedantic: bool) -> str:
    """The name in EHLO, HELO and LHLO: a domain or an address literal (RFC 5321 4.1.1.1).

    Text after it is dropped unless `pedantic`, and `is_checked` says whether it must be such a name at all.
    """
    name, _, more = text.strip(" ").partition(" ")
    if _WORD.fullmatch(name) is None or len(name) > _LONGEST_HELLO or (pedantic and more):
        raise syntax("expected a domain or an address literal")
    if is_checked or pedantic:
        try:
            if name.startswith("["):
                Literal.parse(name)
            elif pedantic or not _BARE_IPV4.fullmatch(name):  # a bare address is not in the grammar, and common
                Domain.parse(name, underscore=not pedantic)
        except InvalidAddress as error:
            raise syntax(str(error)) from None
    return name


def number(text: str | None, digits: int) -> int:
    """A number of at most so many digits."""
    if not text or len(text) > digits or not (text.isascii() and text.isdigit()):
        raise argument("expected a number")
    return int(text)


def xtext(text: str | None, most: int) -> str:
    """The text that xtext writes, of at most `most` characters as sent; printable ASCII (RFC 3461 4)."""
    decoded = _of_xtext(text, most)
    if not decoded.isascii():
        raise argument("xtext of printable characters only")
    return decoded


def _of_xtext(text: str | None, most: int) -> str:
    """The same in UTF-8."""
    if text is None or len(text) > most or _XTEXT.fullmatch(text) is None:
        raise argument("expected xtext")
    if "+" not in text:
        return text
    try:
        decoded = _ENCODED.sub(lambda found: bytes((int(found[1], 16),)), text.encode("ascii")).decode()
    except UnicodeDecodeError:
        raise argument("xtext of printable characters only") from None
    if not decoded.isprintable():
        raise argument("xtext of printable characters only")
    return decoded


def original(text: str | None) -> str:
    """The value of ORCPT, decoded: address type, semicolon, address (RFC 3461 4.2, RFC 6533 3).

    Postfix writes the octets of UTF-8 as xtext and calls it rfc822: that is the type utf-8.
    """
    kind, semicolon, address = (text or "").partition(";")
    if not semicolon or not address or _ADDRESS_TYPE.fullmatch(kind) is None or len(text or "") > ORCPT_CHARACTERS:
        raise argument("ORCPT is an address type, a semicolon and an address")
    if kind.lower() != "utf-8":
        plain = _of_xtext(address, ORCPT_CHARACTERS)
        return f"{kind if plain.isascii() else 'utf-8'};{plain}"
    try:
        decoded = _EMBEDDED.sub(lambda found: chr(int(found[1], 16)), address)
        decoded.encode()
    except (ValueError, OverflowError):
        raise argument("ORCPT holds no character there") from None
    if not decoded.isprintable():
        raise argument("ORCPT of printable characters only")
    return f"{kind};{decoded}"


def notify(text: str | None) -> Notify:
    """The value of NOTIFY (RFC 3461 4.1)."""
    words = (text or "").upper().split(",")
    if words == ["NEVER"]:
        return Notify.NEVER
    found = Notify.NEVER
    for word in words:
        if word not in ("SUCCESS", "FAILURE", "DELAY"):
            raise argument("NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY")
        found |= Notify[word]
    return found


_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.IGNORECASE)


def instant(text: str | None) -> int:
    """A date-time of RFC 3339, in milliseconds since 1970 UTC."""
    if text is None or _INSTANT.fullmatch(text) is None:
        raise argument("expected a date and time as in 2030-01-31T12:00:00Z")
    try:
        return int(datetime.fromisoformat(text.upper()).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise argument("there is no such date and time") from None
