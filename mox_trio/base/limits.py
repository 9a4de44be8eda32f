"""Every limit on what comes from outside, with its reason. Each is the default of a parameter, never read directly
deeper down.
"""

from typing import Final

MIME_DEPTH: Final = 100
"""Nesting of multiparts and messages; deeper parts are leaves."""

MIME_PARTS: Final = 10_000
"""Parts of one message; what follows belongs to the last one."""

MIME_HEADER_BYTES: Final = 1024 * 1024
"""Bytes of one part's header block that are interpreted; what is beyond is skipped, offsets stay exact."""

HEADER_ROW_BYTES: Final = 32 * 1024
"""Bytes of a header block that are kept in the index."""

PREVIEW_CHARACTERS: Final = 256
"""Characters of a message's preview text."""

LOCALPART_OCTETS: Final = 64
"""RFC 5321 4.5.3.1.1. Our own addresses keep to it."""

LOCALPART_OCTETS_OF_OTHERS: Final = 128
"""Bounce addresses that services generate are longer than the standard allows; as senders they are taken up to here."""

PATH_OCTETS: Final = 256
"""RFC 5321 4.5.3.1.3, with the angle brackets."""

HEADER_ADDRESSES: Final = 10_000
"""Mailboxes of one address list that are interpreted; what follows is dropped."""

THREAD_REFERENCES: Final = 100
"""Message-IDs of one References field that are kept: the last ones, which are the nearest ancestors."""

PREVIEW_SOURCE_BYTES: Final = 1024 * 1024
"""Encoded bytes of a part that are looked at for its preview."""

MIME_EMBEDDED_HEADER_BYTES: Final = 1024 * 1024
"""Bytes of the headers of all messages within a message that are kept for their envelopes."""

MIME_HEADERS_BYTES: Final = 4 * 1024 * 1024
"""Bytes of the headers of all parts together that are interpreted; parts beyond are text/plain."""

MIME_FIELD_BYTES: Final = 16 * 1024
"""Bytes of the value of one field about a part's content that are interpreted."""

BASE_SUBJECT_CHARACTERS: Final = 255
"""Characters of a base subject that are compared: it is a key of an index."""

MESSAGE_ID_CHARACTERS: Final = 500
"""Characters of a Message-ID that are compared: it is a key of an index; half a line of a message."""
