"""What is kept of a message beside its bytes while it is in the queue and in the records: subject and Message-ID, sealed."""

import json
from typing import Final, NamedTuple

from mox_trio.mailstore.codec import Codec
from mox_trio.protocol.mime import threads, words
from mox_trio.protocol.mime.header import Header

CHARACTERS: Final = 300
"""Of a subject that are kept."""


class Summary(NamedTuple):
    """For people who look at the queue, and for notices."""

    subject: str
    message_id: str
    """As it was written, without angle brackets; "" for none."""


def of(header: Header) -> Summary:
    """The summary of a message."""
    subject = words.decode(header.get(b"subject") or b"")[:CHARACTERS]
    return Summary(subject, threads.written_message_id(header.get(b"message-id") or b""))


def sealed(codec: Codec, object_id: str, summary: Summary) -> bytes:
    """As it is stored."""
    value = json.dumps(summary, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return codec.seal(place("summary", object_id), value)


def opened(codec: Codec, object_id: str, stored: bytes) -> Summary:
    """What `sealed` was given. Corrupt."""
    value = codec.open(place("summary", object_id), stored)
    return Summary(*json.loads(value)) if value else Summary("", "")


def place(column: str, object_id: str) -> str:
    """What a sealed value of the queue is bound to."""
    return f"queue {column} {object_id}"
