"""What another server can do, as its reply to EHLO says (RFC 5321 4.1.1.1).

Lenient: a line that makes no sense offers nothing. Keywords and mechanisms are compared without case.
"""

from dataclasses import dataclass
from typing import Final

from mox_trio.protocol.smtp.reply import Reply

_MOST_DIGITS: Final = 18
"""Larger numbers mean no limit."""


@dataclass(frozen=True, slots=True)
class Offers:
    """Extensions of a server. Without EHLO: none."""

    host: str = ""
    """What the server calls itself."""
    pipelining: bool = False
    """RFC 2920."""
    size: int | None = None
    """RFC 1870: most bytes of a message; None where it does not say, or sets no limit."""
    knows_size: bool = False
    """RFC 1870: takes SIZE in MAIL."""
    eight_bit: bool = False
    """RFC 6152."""
    smtputf8: bool = False
    """RFC 6531."""
    starttls: bool = False
    """RFC 3207."""
    chunking: bool = False
    """RFC 3030: BDAT."""
    binary: bool = False
    """RFC 3030: BINARYMIME; true only together with `chunking`."""
    dsn: bool = False
    """RFC 3461."""
    require_tls: bool = False
    """RFC 8689."""
    mechanisms: tuple[str, ...] = ()
    """RFC 4954: of AUTH, in upper case."""
    most_recipients: int | None = None
    """RFC 9422 RCPTMAX: recipients of one transaction."""
    most_mails: int | None = None
    """RFC 9422 MAILMAX: transactions of one session."""

    @classmethod
    def of(cls, reply: Reply) -> "Offers":
        """What the positive reply to EHLO offers."""
        keywords = _keywords(reply)
        named = dict(each.partition("=")[::2] for each in keywords.get("LIMITS", ()))
        mechanisms = (*keywords.get("AUTH", ()), *keywords.get("AUTH=LOGIN", ()))
        if "AUTH=LOGIN" in keywords:  # how servers of the nineties wrote it, and their clients still read it
            mechanisms += ("LOGIN",)
        return cls(
            host=reply.lines[0].partition(" ")[0],
            pipelining="PIPELINING" in keywords,
            size=_number(next(iter(keywords.get("SIZE", ())), "")),
            knows_size="SIZE" in keywords,
            eight_bit="8BITMIME" in keywords,
            smtputf8="SMTPUTF8" in keywords,
            starttls="STARTTLS" in keywords,
            chunking="CHUNKING" in keywords,
            binary="BINARYMIME" in keywords and "CHUNKING" in keywords,
            dsn="DSN" in keywords,
            require_tls="REQUIRETLS" in keywords,
            mechanisms=tuple(dict.fromkeys(mechanisms)),
            most_recipients=_number(named.get("RCPTMAX", "")),
            most_mails=_number(named.get("MAILMAX", "")),
        )


def _keywords(reply: Reply) -> dict[str, tuple[str, ...]]:
    """Keyword to its parameters, in upper case; of a keyword that comes twice the parameters are joined."""
    found: dict[str, tuple[str, ...]] = {}
    for line in reply.lines[1:]:
        keyword, *parameters = line.upper().split() or ("",)
        found[keyword] = (*found.get(keyword, ()), *parameters)
    return found


def _number(digits: str) -> int | None:
    """A positive number, or None: where there is none, and for 0, which is no limit (RFC 1870 3)."""
    if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS:
        return int(digits) or None
    return None
