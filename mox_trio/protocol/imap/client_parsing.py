"""Lines of a server as the values of `client_responses` (RFC 9051 7 and 9). Raises `BadResponse` alone.

Lenient where servers differ and it is harmless: unknown responses, items and attributes are kept as they are.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, cast

from mox_trio.protocol.imap import client_fetch, client_responses, numsets, responses, utf7
from mox_trio.protocol.imap.client_responses import ServerEvent, Unknown
from mox_trio.protocol.imap.client_values import (
    BadResponse,
    Streamed,
    Value,
    Word,
    maybe_octets,
    members,
    number,
    octets,
    parse,
    text_of,
    word,
)

_HEAD: Final = re.compile(rb"\* (?:([0-9]{1,10}) )?([A-Za-z0-9-]+)(?: |(?=\r)|\Z)").match
_STATUS: Final = re.compile(rb"(\*|[!-~]+) (OK|NO|BAD|BYE|PREAUTH)(?: (.*))?\Z", re.IGNORECASE | re.DOTALL).match
_CODE: Final = re.compile(rb'\[((?:[^\]"\r\n]|"(?:[^"\\\r\n]|\\[^\r\n])*")*)\] ?', re.DOTALL).match
_NO_LITERALS: Final[Mapping[int, bytes | Streamed]] = {}

Literals = Mapping[int, bytes | Streamed]


def status(text: bytes) -> responses.Status | None:
    """OK, NO, BAD, BYE or PREAUTH, tagged or not; None for another line."""
    match = _STATUS(text)
    if match is None:
        return None
    words = match[3] or b""
    code = _CODE(words) if words.startswith(b"[") else None
    if code is not None:
        words = words[code.end() :]
    return responses.Status(
        cast("Literal['OK', 'NO', 'BAD', 'PREAUTH', 'BYE']", match[2].decode("ascii").upper()),
        words.decode("utf-8", "replace"),
        code[1] if code else b"",
        "" if match[1] == b"*" else match[1].decode("ascii"),
    )


def response(text: bytes, literals: Literals = _NO_LITERALS) -> ServerEvent:
    """An untagged response that is not a status."""
    match = _HEAD(text)
    if match is None:
        raise BadResponse("a line that is no response")
    name = match[2].decode("ascii").upper()
    if match[1] is not None:
        return _numbered(name, int(match[1]), text, match.end(), literals)
    read = _READERS.get(name)
    if read is None:
        return Unknown(name, text[match.end() :])
    try:
        return read(parse(text, match.end(), literals))
    except (IndexError, ValueError):  # too few values, or too few in a list
        raise BadResponse(f"{name} ends too early") from None


def mailbox(value: Value) -> str:
    """A name: modified UTF-7 where it is that, else UTF-8."""
    name = octets(value)
    try:
        return utf7.decode(name)
    except ValueError:
        return name.decode("utf-8", "replace")


def _numbered(name: str, at: int, text: bytes, start: int, literals: Literals) -> ServerEvent:
    if name in ("FETCH", "UIDFETCH"):
        return client_fetch.read(at, parse(text, start, literals), is_uid=name == "UIDFETCH")
    if name == "EXISTS":
        return responses.Exists(at)
    if name == "EXPUNGE":
        return client_responses.Expunged(at)
    if name == "RECENT":
        return responses.Recent(at)
    return Unknown(name, text)


def _words(values: Sequence[Value]) -> tuple[str, ...]:
    return tuple([word(each) for each in values])


def _ranges(value: Value) -> tuple[tuple[int, int], ...]:
    try:
        return numsets.parse(word(value).encode(), most=1_000_000).ranges
    except ValueError as error:
        raise BadResponse(str(error)) from None


def _capabilities(values: list[Value]) -> ServerEvent:
    return responses.Capabilities(_words(values))


def _enabled(values: list[Value]) -> ServerEvent:
    return responses.Enabled(_words(values))


def _flags(values: list[Value]) -> ServerEvent:
    return responses.Flags(_words(members(values[0])))


def _server_id(values: list[Value]) -> ServerEvent:
    if not isinstance(values[0], list):
        return client_responses.ServerId(())
    texts = [None if maybe_octets(each) is None else text_of(each) for each in values[0]]
    return client_responses.ServerId(tuple(zip([name or "" for name in texts[::2]], texts[1::2], strict=False)))


def _listed(values: list[Value], *, is_lsub: bool = False) -> ServerEvent:
    delimiter = maybe_octets(values[1])
    extended = members(values[3]) if len(values) > 3 else []
    more = {text_of(name).upper(): value for name, value in zip(extended[::2], extended[1::2], strict=False)}
    old = members(more["OLDNAME"]) if "OLDNAME" in more else []
    info = members(more["CHILDINFO"]) if "CHILDINFO" in more else []
    return client_responses.Listed(
        _words(members(values[0])),
        delimiter.decode("utf-8", "replace") if isinstance(delimiter, bytes) else None,
        mailbox(values[2]),
        mailbox(old[0]) if old else None,
        tuple([text_of(each) for each in info]),
        is_lsub,
    )


def _lsub(values: list[Value]) -> ServerEvent:
    return _listed(values, is_lsub=True)


def _mailbox_status(values: list[Value]) -> ServerEvent:
    items = members(values[-1])
    pairs = [(word(name).upper(), _status_item(value)) for name, value in zip(items[::2], items[1::2], strict=False)]
    return responses.MailboxStatus(mailbox(values[0]), tuple(pairs))


def _status_item(value: Value) -> int | str | None:
    if isinstance(value, list):
        return text_of(value[0])
    return None if maybe_octets(value) is None else number(value)


def _namespaces(values: list[Value]) -> ServerEvent:
    return client_responses.Namespaces(*[_namespace(each) for each in values[:3]])


def _namespace(value: Value) -> tuple[tuple[str, str | None], ...]:
    if not isinstance(value, list):
        return ()
    out: list[tuple[str, str | None]] = []
    for each in value:
        prefix, delimiter = members(each)[:2]
        separator = maybe_octets(delimiter)
        out.append((mailbox(prefix), separator.decode("utf-8", "replace") if isinstance(separator, bytes) else None))
    return tuple(out)


def _quota(values: list[Value]) -> ServerEvent:
    items = members(values[1])
    triples = zip(items[::3], items[1::3], items[2::3], strict=False)
    return responses.Quota(
        text_of(values[0]), tuple([(word(name).upper(), number(used), number(most)) for name, used, most in triples])
    )


def _quota_roots(values: list[Value]) -> ServerEvent:
    return responses.QuotaRoots(mailbox(values[0]), tuple([text_of(root) for root in values[1:]]))


def _metadata(values: list[Value]) -> ServerEvent:
    if not isinstance(values[1], list):
        return responses.MetadataChanged(mailbox(values[0]), tuple([text_of(each) for each in values[1:]]))
    pairs: list[tuple[str, bytes | None]] = []
    for name, value in zip(values[1][::2], values[1][1::2], strict=False):
        found = maybe_octets(value)
        pairs.append((text_of(name), found if isinstance(found, bytes) else None))
    return responses.Metadata(mailbox(values[0]), tuple(pairs))


def _vanished(values: list[Value]) -> ServerEvent:
    earlier = isinstance(values[0], list)
    return client_responses.Vanished(numsets.normalise(_ranges(values[1 if earlier else 0])), earlier)


def _found(name: Literal["SEARCH", "SORT"]) -> Callable[[list[Value]], ServerEvent]:
    def read(values: list[Value]) -> ServerEvent:
        modseq = None
        if values and isinstance(values[-1], list):  # RFC 7162 3.1.5
            modseq = number(values[-1][1])
            values = values[:-1]
        return responses.Found(name, tuple([number(each) for each in values]), modseq)

    return read


def _results(values: list[Value]) -> ServerEvent:
    said: dict[str, Any] = {}
    at = 0
    if values and isinstance(values[0], list):
        about = {word(name).upper(): value for name, value in zip(values[0][::2], values[0][1::2], strict=False)}
        if "TAG" in about:
            said["tag"] = text_of(about["TAG"])
        if "MAILBOX" in about:
            said["mailbox"] = (mailbox(about["MAILBOX"]), number(about["UIDVALIDITY"]) if "UIDVALIDITY" in about else 0)
        at = 1
    if at < len(values) and isinstance(values[at], Word) and word(values[at]).upper() == "UID":
        said["uid"] = True
        at += 1
    for name, value in zip(values[at::2], values[at + 1 :: 2], strict=False):
        _result(said, word(name).upper(), value)
    return client_responses.Results(**said)


def _result(said: dict[str, Any], name: str, value: Value) -> None:
    numbers = {"MIN": "minimum", "MAX": "maximum", "COUNT": "count", "MODSEQ": "modseq"}
    places = {"ADDTO": "added", "REMOVEFROM": "removed"}
    if name in numbers:
        said[numbers[name]] = number(value)
    elif name == "ALL":
        said["all"] = _ranges(value)
    elif name == "PARTIAL":
        asked, found = members(value)[:2]
        said["partial"] = (word(asked), () if maybe_octets(found) is None else _ranges(found))
    elif name in places:
        each = members(value)
        said[places[name]] = tuple(
            [(number(at), _ranges(some)) for at, some in zip(each[::2], each[1::2], strict=False)]
        )


def _threads(values: list[Value]) -> ServerEvent:
    return responses.Threads(tuple([_tree(members(each)) for each in values]))


def _tree(values: list[Value]) -> responses.ThreadTree:
    """Messages one below the other, and lists below the last of them. As deep as lists may be."""
    below = tuple([_tree(each) for each in values if isinstance(each, list)])
    numbers = [number(each) for each in values if not isinstance(each, list)]
    if not numbers:
        return None, below
    tree: responses.ThreadTree = (numbers[-1], below)
    for each in reversed(numbers[:-1]):
        tree = (each, (tree,))
    return tree


_READERS: Final[dict[str, Callable[[list[Value]], ServerEvent]]] = {
    "CAPABILITY": _capabilities,
    "ENABLED": _enabled,
    "ESEARCH": _results,
    "FLAGS": _flags,
    "ID": _server_id,
    "LIST": _listed,
    "LSUB": _lsub,
    "METADATA": _metadata,
    "NAMESPACE": _namespaces,
    "QUOTA": _quota,
    "QUOTAROOT": _quota_roots,
    "SEARCH": _found("SEARCH"),
    "SORT": _found("SORT"),
    "STATUS": _mailbox_status,
    "THREAD": _threads,
    "VANISHED": _vanished,
}
