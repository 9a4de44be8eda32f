"""What a notice of another server says about one recipient (RFC 3464, RFC 6533). Pure.

A notice about several recipients says nothing here: the reverse-paths that it is matched by are of one recipient each. Anything
that is no notice by its structure is none; what it says is bounded, and controls are taken out of it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mox_trio.base import text
from mox_trio.protocol.mime import header, transfer
from mox_trio.protocol.mime.part import Part

OCTETS: Final = 64 * 1024
"""Of the part that programs read."""
CHARACTERS: Final = 500
"""Of what another server said."""
ACTIONS: Final = frozenset({"failed", "delayed", "delivered", "relayed", "expanded"})
_STATUS: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_CODE: Final = re.compile(r"[245][0-9]{2}(?![0-9])")
_BLANK: Final = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Told:
    """What happened to the recipient."""

    action: str
    status: str
    """RFC 3463; empty for none."""
    code: int
    """Of SMTP; 0 for none."""
    diagnostic: str


def told(root: Part, read: Callable[[int, int], bytes]) -> Told | None:
    """What a message says; None where it is no notice about one recipient."""
    parameters = dict(root.parameters)
    is_report = root.type == "multipart" and root.subtype == "report" and len(root.children) in (2, 3)
    if not is_report or parameters.get("report-type", "").lower() not in ("delivery-status", "global-delivery-status"):
        return None
    part = root.children[1]
    if part.type != "message" or part.subtype not in ("delivery-status", "global-delivery-status"):
        return None
    coder = transfer.decoder(part.encoding)
    data = coder.feed(read(part.body_start, min(part.body_stop, part.body_start + OCTETS))) + coder.close()
    groups = [each for each in _BLANK.split(data.strip()) if each.strip()]
    if len(groups) != 2:  # about the message, and about one recipient
        return None
    return _recipient(groups[1])


def _recipient(group: bytes) -> Told | None:
    fields = header.parse(group + b"\r\n\r\n")
    action = _value(fields.get(b"action")).lower()
    if action not in ACTIONS:
        return None
    status = _STATUS.match(_value(fields.get(b"status")))
    kind, _, diagnostic = _value(fields.get(b"diagnostic-code")).partition(";")
    diagnostic = diagnostic.strip()[:CHARACTERS]
    code = _CODE.match(diagnostic) if kind.strip().lower() == "smtp" else None
    return Told(action, status[0] if status else "", int(code[0]) if code else 0, diagnostic)


def _value(body: bytes | None) -> str:
    return text.without_controls((body or b"").decode("utf-8", "replace")).strip()
