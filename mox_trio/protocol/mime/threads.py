"""What puts messages into one conversation: Message-IDs, references, and the base subject.

All functions are pure, linear and never fail. Message-IDs are compared in a canonical form without angle brackets,
white space and case, whatever else they hold; programs fold long ones in the middle and cut off lists of them, and
both are read.
"""

import re
from typing import Final

from mox_trio.base import limits
from mox_trio.protocol.mime import charsets, words

_ID: Final = re.compile(rb"<([^<>]*+)>")
_BLOBS: Final = re.compile(r"(?:\[[^\[\]]*+\] *+)++")  # RFC 5256 5: subj-blob
_REFWD: Final = re.compile(
    r"(?:re|fwd?) *+(?:\[[^\[\]]*+\] *+)?: *+", re.IGNORECASE | re.ASCII
)  # RFC 5256 5: subj-refwd
_FORWARDED: Final = "[fwd:"
_TRAILER: Final = "(fwd)"


def message_id(body: bytes) -> str:
    """The canonical Message-ID that a Message-ID field's body holds; "" for none. RFC 5322 3.6.4."""
    found = _ID.search(body)
    return _canonical(found[1] if found else body.strip(b"<> \t"))


def written_message_id(body: bytes) -> str:
    """The same as it was written, for the References of an answer: others may compare its case."""
    found = _ID.search(body)
    text = _joined(found[1] if found else body.strip(b"<> \t"))[: limits.MESSAGE_ID_CHARACTERS]
    return text if text.isprintable() else words.without_controls(text)


def references(references_body: bytes | None, in_reply_to: bytes | None) -> tuple[str, ...]:
    """The canonical Message-IDs of the messages before this one, nearest first, each once.

    In-Reply-To counts only where References names nothing. Ids that were cut off at either end are left out.
    """
    ids = _ids(references_body) if references_body else []
    if ids:
        ids.reverse()
    elif in_reply_to:
        ids = _ids(in_reply_to)
    return tuple(dict.fromkeys(ids))


def base_subject(subject: str) -> tuple[str, bool]:
    """The lower-case base subject of a decoded subject, and whether what was removed says that it is a reply or
    forward.

    RFC 5256 2.1, steps 1 to 6; the base is cut at `limits.BASE_SUBJECT_CHARACTERS`.
    """
    text = " ".join(subject.split())  # step 1: decoded before, every white space is one space
    start, end = 0, len(text)
    is_reply = False
    while True:
        while text.endswith((" ", ")"), start, end):  # step 2
            if text[end - 1] == ")" and text[max(start, end - len(_TRAILER)) : end].lower() != _TRAILER:
                break
            is_reply = is_reply or text[end - 1] == ")"
            end -= 1 if text[end - 1] == " " else len(_TRAILER)
        start, was_reply = _without_leaders(text, start, end)
        is_reply = is_reply or was_reply
        if not text.endswith("]", start, end) or text[start : start + len(_FORWARDED)].lower() != _FORWARDED:
            break
        start, end = start + len(_FORWARDED), end - 1  # step 6
        is_reply = True
    return text[start:end].lower()[: limits.BASE_SUBJECT_CHARACTERS], is_reply


def _without_leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    """Steps 3 to 5: where the text begins behind all "re:" and list tags, and whether there was a "re:" or "fwd:"."""
    is_reply = False
    while True:
        while start < end and text[start] == " ":
            start += 1
        blobs = _BLOBS.match(text, start, end)
        refwd = _REFWD.match(text, blobs.end() if blobs else start, end)
        if refwd is not None:
            start = refwd.end()
            is_reply = True
        elif blobs is None:
            return start, is_reply
        elif blobs.end() < end:  # step 4: tags go as long as something is left
            return blobs.end(), is_reply
        else:
            return max(text.rfind("[", start, end), start), is_reply


def _ids(body: bytes) -> list[str]:
    """At most `limits.THREAD_REFERENCES` ids, the last ones, in the order of the field."""
    found = _ID.findall(body) if b"<" in body else [word for word in body.split() if b"@" in word]
    return [each for each in map(_canonical, found[-limits.THREAD_REFERENCES :]) if each]


def _canonical(written: bytes) -> str:
    text = _joined(written).lower()[: limits.MESSAGE_ID_CHARACTERS]
    return text if text.isprintable() else words.without_controls(text)


def _joined(written: bytes) -> str:
    if not written.isascii() or b" " in written or b"\t" in written:
        written = b"".join(written.split())  # folded in the middle
    return written.decode("ascii") if written.isascii() else charsets.decode(written)
