"""APPEND and REPLACE (RFC 9051 6.3.12, RFC 3502, 4469, 8508): messages whose octets are never joined.

Such a command is not one value but a row of events: `Append` or `Replace`; then for each message `Message`, the `Block`s of
its octets and `MessageEnd`; and `AppendEnd` when the line is over. A message by CATENATE has, between `Message` and
`MessageEnd`, `TextPart` with its blocks and `UrlPart`s in their order.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Append:
    """APPEND begins."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Replace:
    """REPLACE or UID REPLACE begins: one message follows, and the old one goes."""

    old: int
    """A sequence number, or a UID where `uid` says so; `numsets.STAR` for "*"."""
    mailbox: str
    uid: bool


@dataclass(frozen=True, slots=True)
class Message:
    """A message begins. Its octets are announced before the client sends them: see `ServerConnection.go_on`."""

    flags: tuple[str, ...]
    received: int | None
    """INTERNALDATE in milliseconds since 1970 UTC; None is now."""
    size: int
    """Octets of the literal; 0 for CATENATE, whose parts say theirs."""
    is_binary: bool = False
    """literal8 (RFC 3516): NUL is allowed."""
    is_utf8: bool = False
    """UTF8 (~{...}) of RFC 6855 4."""
    is_catenate: bool = False
    must_ask: bool = False
    """A synchronising literal: the client waits for `go_on`."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """TEXT of CATENATE: blocks follow, then `TextEnd`."""

    size: int
    is_binary: bool
    must_ask: bool


@dataclass(frozen=True, slots=True)
class UrlPart:
    """URL of CATENATE (RFC 4469, RFC 5092): as the client wrote it."""

    url: str


@dataclass(frozen=True, slots=True)
class TextEnd:
    """The blocks of a `TextPart` are over."""


@dataclass(frozen=True, slots=True)
class MessageEnd:
    """The octets of a message are over."""


@dataclass(frozen=True, slots=True)
class AppendEnd:
    """The command is over: it is to be answered."""
