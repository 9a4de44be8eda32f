"""What `sendmail` is called with, and the message that it makes of its input: arguments as programs give them, recipients of the
header, fields that are missing.

Options that have no meaning here are taken and passed over, as every program of that name does: cron, PHP and git give them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from email.utils import formataddr, getaddresses
from typing import Final

LARGEST: Final = 100 * 1024 * 1024
"""Octets of a message."""
WITH_VALUE: Final = frozenset("fFrRNBpCOVXhLdA")
"""Options whose value follows, in the same word or the next."""

_FIELD_END: Final = re.compile(rb"\r?\n(?![ \t])")
_TO: Final = ("to", "cc", "bcc")


class Usage(Exception):
    """The arguments make no sense; the text says why."""


@dataclass(slots=True)
class Arguments:
    """What was asked for."""

    recipients: list[str] = field(default_factory=list)
    from_header: bool = False
    """-t: recipients are those of To, Cc and Bcc too."""
    dot_ends: bool = True
    """A line with a dot alone ends the message, without -i."""
    sender: str | None = None
    full_name: str = ""


def parse(words: Sequence[str]) -> Arguments:
    """Read the arguments. Usage for those that ask for what is not here: a session on standard input, the queue, aliases."""
    found = Arguments()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            found.recipients += rest
            break
        if not word.startswith("-") or word == "-":
            found.recipients.append(word)
            continue
        letter, value = word[1], word[2:]
        if letter in WITH_VALUE and not value:
            if not rest:
                raise Usage(f"-{letter} needs a value")
            value = rest.pop(0)
        _take(found, letter, value)
    return found


def _take(found: Arguments, letter: str, value: str) -> None:
    if letter == "t":
        found.from_header = True
        if "i" in value:
            found.dot_ends = False
    elif letter == "i" or (letter == "o" and value == "i"):
        found.dot_ends = False
        if "t" in value and letter == "i":
            found.from_header = True
    elif letter in "fr":
        found.sender = value
    elif letter == "F":
        found.full_name = value
    elif letter == "b" and value not in ("", "m"):
        raise Usage(f"-b{value} is not here: a message is read from standard input and submitted")
    elif letter == "q" or letter == "I":
        raise Usage(f"-{letter} is not here: messages wait in the queue of the server; see mox-trio queue")


def until_dot(data: bytes) -> bytes:
    """The input up to a line that is a dot alone."""
    match = re.search(rb"(?:\A|\n)\.\r?(?:\n|\Z)", data)
    if match is None:
        return data
    return data[: match.start() + (1 if data[match.start() : match.start() + 1] == b"\n" else 0)]


@dataclass(frozen=True, slots=True)
class Message:
    """What is submitted."""

    content: bytes
    """With CRLF at the ends of lines."""
    recipients: tuple[str, ...]


def compose(data: bytes, arguments: Arguments, sender: str) -> Message:
    """Complete the message: From where it is missing; no Bcc; recipients of the header with -t."""
    head, body = _split(data)
    header = BytesHeaderParser().parsebytes(head + b"\n")
    recipients = list(arguments.recipients)
    if arguments.from_header:
        values = [str(value) for name, value in header.items() if name.lower() in _TO]
        recipients += [address for _, address in getaddresses(values) if address]
    fields = [each for each in _FIELD_END.split(head) if each.strip() and not each.lower().startswith(b"bcc:")]
    if "from" not in {name.lower() for name in header}:
        fields.insert(0, b"From: " + formataddr((arguments.full_name, sender)).encode())
    text = b"\n".join(fields) + b"\n\n" + body
    return Message(re.sub(rb"\r\n|\r|\n", b"\r\n", text), tuple(dict.fromkeys(recipients)))


def _split(data: bytes) -> tuple[bytes, bytes]:
    """Header and body; what does not begin with a field is a body."""
    data = data.lstrip(b"\r\n") if data[:1] in b"\r\n" and data.strip() else data
    if not re.match(rb"[!-9;-~]+:", data):
        return b"", data
    match = re.search(rb"\r?\n\r?\n", data)
    return (data, b"") if match is None else (data[: match.start()], data[match.end() :])
