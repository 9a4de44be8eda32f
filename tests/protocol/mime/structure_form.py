"""What an ENVELOPE or a BODYSTRUCTURE says, free of the ways to say it, so that answers can be compared."""

from typing import Any
from urllib.parse import unquote_to_bytes

from tests.kit import imap_lists


def envelope(answer: bytes) -> Any:
    """As a list; strings are octets read as UTF-8 where they can be."""
    return imap_lists.parse(answer)


def bodystructure(answer: bytes) -> Any:
    """As a list: words that have no case in lower case, parameters sorted and decoded (RFC 2231)."""
    return _body(imap_lists.parse(answer))


def _body(body: list[Any]) -> list[Any]:
    if isinstance(body[0], list):
        count = next(index for index, item in enumerate(body) if not isinstance(item, list))
        subtype, parameters, *rest = body[count:]
        return [*map(_body, body[:count]), subtype.lower(), _parameters(parameters), *_extension(rest)]
    kind, subtype, parameters, content_id, description, encoding, size, *rest = body
    kind, subtype = kind.lower(), subtype.lower()
    form = [kind, subtype, _parameters(parameters), content_id, description, encoding.lower(), size]
    if kind == "message" and len(rest) > 4:
        inner_envelope, inner, *rest = rest
        form += [inner_envelope, _body(inner)]
    plain = rest[:-4]
    md5, *rest = rest[len(plain) :]
    return [*form, *plain, md5, *_extension(rest)]


def _extension(rest: list[Any]) -> list[Any]:
    disposition, language, location = rest
    if disposition:
        disposition = [disposition[0].lower(), _parameters(disposition[1])]
    return [disposition, language, location]


def _parameters(flat: list[str] | None) -> list[tuple[str, str]] | None:
    if flat is None:
        return None
    return sorted(_parameter(name.lower(), value) for name, value in zip(flat[::2], flat[1::2], strict=True))


def _parameter(name: str, value: str) -> tuple[str, str]:
    if not name.endswith("*") or value.count("'") < 2:
        return name, value
    charset, _, text = value.split("'", 2)
    return name[:-1], unquote_to_bytes(text).decode(charset or "ascii", "replace")
