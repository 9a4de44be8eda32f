"""Every limit on what comes from outside, with its reason. Each is the default of a parameter, never read directly deeper down."""

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
