"""From the bytes of a mail to the columns that are made of them: rendered once, at delivery, so that reading joins
ready bytes.

`VERSION` changes when what is rendered changes; `upkeep` then renders old rows again. The version of a row also says
whether it is sealed, so that turning on encryption renders, and thereby seals, the rows from before.
"""

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from mox_trio.base import limits
from mox_trio.mailstore.codec import Codec, Plain
from mox_trio.mailstore.spool import Spooled
from mox_trio.protocol.mime import bodystructure, envelope, header, preview, structure_codec, summary
from mox_trio.protocol.mime.part import Part
from storage_backends.index.tables.emails import Rendered

VERSION: Final = 1

PREVIEW_BYTES: Final = 4 * 1024
"""Encoded bytes of a plain text part from which the preview is made; text before the first words of HTML is longer."""
PREVIEW_HTML_BYTES: Final = 64 * 1024

_SEALED: Final = ("prefix", "header", "envelope", "bodystructure", "parts", "summary")
"""Columns that are rendered and reveal content."""
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False).encode


class Summary(NamedTuple):
    """Decoded values of the header, for lists and sorting, and the beginning of the text."""

    subject: str
    base_subject: str
    from_mailbox: str
    from_name: str
    to_mailbox: str
    to_name: str
    cc_mailbox: str
    cc_name: str
    preview: str


@dataclass(frozen=True, slots=True)
class Threading:
    """What decides a mail's thread."""

    message_id: str
    references: tuple[str, ...]
    """The oldest first."""
    base_subject: str
    is_reply: bool


def version(codec: Codec) -> int:
    """The `parsed_version` of rows rendered now."""
    return VERSION * 2 + codec.sealing


def maybe_content_key(codec: Codec, parsed_version: int, digest: bytes) -> int | None:
    """The `content_key` that a row of this version has for a body with this digest (BLAKE2b-256).

    None for a row that was sealed when this codec does not seal.
    """
    if parsed_version % 2 > codec.sealing:
        return None
    return (codec if parsed_version % 2 else Plain()).key("content", digest)


def place(column: str, object_id: str) -> str:
    """What a sealed value is bound to."""
    return f"email.{column} {object_id}"


def render(codec: Codec, object_id: str, prefix: bytes, spooled: Spooled) -> tuple[Rendered, Threading]:
    """Render the mail that is `prefix` and then the spooled bytes; all offsets count from the start of the prefix.

    Costs about 0.1 ms for a small mail; for a large one call it in a thread.
    """
    text = _preview(spooled.root, spooled.read)
    root = _shifted(spooled.root, len(prefix)) if prefix else spooled.root
    block = prefix + spooled.root.header
    fields = header.parse(block)
    facts = summary.of(fields)
    shown = Summary(
        facts.subject,
        facts.base_subject,
        facts.from_mailbox,
        facts.from_name,
        facts.to_mailbox,
        facts.to_name,
        facts.cc_mailbox,
        facts.cc_name,
        text,
    )
    values = (
        prefix,
        block[: limits.HEADER_ROW_BYTES],
        envelope.of(fields),
        bodystructure.render(root, extended=True, envelope=envelope.render),
        structure_codec.dump(root),
        _ENCODE(shown).encode("utf-8", "replace"),
    )
    sealed = dict(zip(_SEALED, codec.seal_each((place(name, object_id) for name in _SEALED), values), strict=True))
    rendered = Rendered(
        **sealed,
        header_size=root.body_start,
        parsed_version=version(codec),
        sent=facts.date,
        message_id_key=codec.key("message-id", facts.message_id.encode()) if facts.message_id else None,
        subject_key=codec.key("subject", facts.base_subject.encode("utf-8", "replace")),
        from_key=codec.key("address", facts.from_mailbox.lower().encode("utf-8", "replace")),
        content_key=codec.key("content", spooled.digest),
    )
    return rendered, Threading(facts.message_id, facts.references, facts.base_subject, facts.is_reply)


def open_all(codec: Codec, column: str, object_ids: Sequence[str], stored: Sequence[bytes]) -> list[bytes]:
    """A column of many mails, opened. Corrupt, saying of which, when one does not open."""
    opened = codec.open_each((place(column, each) for each in object_ids), stored)
    if None in opened:
        number = opened.index(None)
        codec.open(place(column, object_ids[number]), stored[number])  # raises what is wrong with it
    return cast("list[bytes]", opened)


def parse_summary(opened: object) -> Summary:
    """The summary of an opened column."""
    return Summary(*json.loads(opened)) if isinstance(opened, bytes) else Summary(*("",) * len(Summary._fields))


def parse_summaries(opened: Sequence[bytes]) -> Mapping[str, Sequence[str]]:
    """Those of many, read as one list, which is many times as fast: by the names of fields, one value a summary."""
    if not opened:
        return dict.fromkeys(Summary._fields, ())
    rows = json.loads(b"[%b]" % b",".join(opened))
    return dict(zip(Summary._fields, zip(*rows, strict=True), strict=True))


def _preview(root: Part, read: Callable[[int, int], bytes]) -> str:
    chosen = preview.choose(root)
    if chosen is None:
        return ""
    most = PREVIEW_HTML_BYTES if chosen.subtype == "html" else PREVIEW_BYTES
    stop = min(chosen.body_stop, chosen.body_start + most)
    return preview.text(chosen, read(chosen.body_start, stop))


def _shifted(root: Part, offset: int) -> Part:
    """A copy of the tree behind headers that were added in front: they belong to the root's header.

    A copy, because the same spooled message may go to other accounts with other headers.
    """
    whole = copy.copy(root)
    waiting = [whole]
    while waiting:
        part = waiting.pop()
        part.header_start += offset
        part.body_start += offset
        part.body_stop += offset
        part.children = [copy.copy(child) for child in part.children]
        waiting.extend(part.children)
    whole.header_start = 0
    return whole
