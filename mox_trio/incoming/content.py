"""What the header of a received message says, read once, and the refusals that follow from it alone.

Refused are messages whose header is too long to be known, that went in circles, and those whose From is not one address:
everything that is decided about a sender is decided about the one that the reader sees.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from mox_trio.base import limits, text
from mox_trio.base.address import Address, Localpart
from mox_trio.base.domain import Domain, InvalidAddress
from mox_trio.incoming.settings import Settings
from mox_trio.mailstore.spool import Spooled
from mox_trio.protocol import auth_results
from mox_trio.protocol.mime import addresses, header, words
from mox_trio.protocol.mime.header import Header
from mox_trio.protocol.smtp.envelope import Envelope
from mox_trio.protocol.smtp.reply import Refusal, Reply


@dataclass(frozen=True)
class Content:
    """The header of a message."""

    header: Header
    author: Address | None
    """The address of From; None only from a trusted site."""
    forged_results: tuple[bool, ...] = ()
    """Of each field Authentication-Results whether it is in our name."""

    @property
    def has_forged_results(self) -> bool:
        """It holds one that is."""
        return any(self.forged_results)

    @cached_property
    def is_notice(self) -> bool:
        """Whether it says that it is about the delivery of another message (RFC 3464)."""
        value = (self.header.get(b"content-type") or b"").lower()
        return value.startswith(b"multipart/report") and b"delivery-status" in value

    def shown_fields(self) -> Iterator[tuple[str, str]]:
        """Names and decoded values of all fields."""
        for each in self.header.fields:
            if each.name:
                yield each.name.decode("latin-1"), words.decode(each.body)


def read(message: Spooled, envelope: Envelope, settings: Settings) -> Content:
    """Read the header. Raises Refusal."""
    if message.root.body_start > limits.MIME_HEADER_BYTES:
        raise _refusal(552, "5.3.4", "the header of the message is too long", "header-too-long")
    parsed = header.parse(message.root.header)
    if len(parsed.all(b"received")) > settings.max_received:  # RFC 5321 6.3
        raise _refusal(550, "5.4.6", "the message goes in circles: it has too many Received fields", "loop")
    if settings.lmtp:
        return Content(parsed, _maybe_author(parsed))
    if settings.pedantic and not envelope.smtputf8 and not message.root.header.isascii():
        raise _refusal(550, "5.6.0", "a header that is not ASCII needs SMTPUTF8", "missing-smtputf8")  # RFC 6531 3.5
    author = _maybe_author(parsed)
    if author is None:  # RFC 5322 3.6
        raise _refusal(550, "5.6.0", "a message has exactly one From field with one address", "bad-from")
    return Content(parsed, author, auth_results.forged(parsed.all(auth_results.KEY), settings.names))


def _refusal(code: int, enhanced: str, why: str, reason: str) -> Refusal:
    return Refusal(Reply.of(code, enhanced, why), reason)


def _maybe_author(parsed: Header) -> Address | None:
    fields = parsed.all(b"from")
    if len(fields) != 1:
        return None
    found = list(addresses.mailboxes(addresses.parse_list(fields[0], 2)))
    if len(found) != 1:
        return None
    try:
        localpart = text.nfc(found[0].localpart.decode())
        return Address(Localpart(localpart), _domain(found[0].domain))
    except (UnicodeDecodeError, InvalidAddress):
        return None


@lru_cache(maxsize=4096)
def _domain(written: bytes) -> Domain:
    """Busy senders are seen again and again."""
    return Domain.parse(written.decode(), underscore=True)
