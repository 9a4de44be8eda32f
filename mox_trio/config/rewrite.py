"""Make a TOML text mean something slightly different, and keep everything else of it: comments, order, layout.

Whole tables are cut out and put in as text, with the comments above their headers; keys in tables that stay are changed
by tomlkit. The result is read again and must mean exactly what was asked for; if not, the same is tried on the text with
its tables in order, and if that fails too there is no result. So nothing is lost that was not understood. Computes: for a thread.
"""

import tomllib
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import tomlkit
import tomlkit.exceptions

from mox_trio.config import ordered, places, schema
from mox_trio.config.problems import KeyPath, dotted

Table = MutableMapping[str, Any]

_MISSING: Final = object()


def maybe_rewritten(text: str, meant: Mapping[str, Any]) -> str | None:
    """The text changed so that it means `meant`; None if that cannot be done with its layout."""
    for layout in (text, ordered.ordered(text)):
        for puts_tables_as_text in (True, False):
            try:
                new = _rewritten(layout, meant, puts_tables_as_text)
                if tomllib.loads(new) == meant:
                    return new
            except (tomlkit.exceptions.TOMLKitError, tomllib.TOMLDecodeError, RecursionError):
                continue
    return None


def _rewritten(text: str, meant: Mapping[str, Any], puts_tables_as_text: bool) -> str:
    text = _without_tables(text, meant)
    document = tomlkit.parse(text)
    added: list[tuple[KeyPath, Mapping[str, Any]]] = []
    _adapt(document, meant, (), added if puts_tables_as_text else None)
    text = tomlkit.dumps(document)
    for path, table in added:
        text = _with_table(text, path, table)
    return text


def _without_tables(text: str, meant: Mapping[str, Any]) -> str:
    """Cut the tables that are no longer meant, each from the comments above its header to those above the next."""
    headers = places.scan(text).headers
    starts = [ordered.with_comments(text, offset) for offset, _ in headers]
    stops = [*starts, len(text)][1:]
    kept = [text[: starts[0]] if headers else text]
    for (_, path), start, stop in zip(headers, starts, stops, strict=True):
        if any(isinstance(part, int) for part in path) or _at(meant, path) is not _MISSING:
            kept.append(text[start:stop])
        else:
            kept.append(_afterthought(text[start:stop]))
    return "".join(kept)


def _afterthought(block: str) -> str:
    """The comments at the end of a table that a blank line sets apart: they are about what follows, and stay."""
    lines = block.splitlines(keepends=True)
    first = len(lines)
    while first > 1 and (not lines[first - 1].strip() or lines[first - 1].lstrip().startswith("#")):
        first -= 1
    blank = next((number for number in range(first, len(lines)) if not lines[number].strip()), len(lines))
    rest = "".join(lines[blank + 1 :])
    return rest if rest.strip() else ""


def _at(document: object, path: KeyPath) -> object:
    for part in path:
        if not isinstance(document, Mapping) or part not in document:
            return _MISSING
        document = schema.step(document, part)
    return document


def _adapt(
    table: Table, meant: Mapping[str, Any], path: KeyPath, added: list[tuple[KeyPath, Mapping[str, Any]]] | None
) -> None:
    """Change a parsed table to what is meant; new tables go to `added`, if it is there."""
    for key in [key for key in table if key not in meant]:
        del table[key]
    for key, value in meant.items():
        here = table.get(key, _MISSING)
        if isinstance(here, MutableMapping) and isinstance(value, Mapping):
            _adapt(here, value, (*path, key), added)
        elif here is _MISSING and isinstance(value, Mapping) and added is not None:
            added.append(((*path, key), value))
        elif isinstance(here, list) and isinstance(value, list) and not any(isinstance(item, dict) for item in value):
            _adapt_array(here, value)
        elif here is _MISSING or here != value:
            table[key] = value


def _adapt_array(array: list[Any], meant: list[Any]) -> None:
    """Remove and append items, so that comments at the others stay."""
    for number in reversed([number for number, item in enumerate(array) if item not in meant]):
        del array[number]
    array.extend(item for item in meant[len(array) :])
    if list(array) != meant:
        array[:] = meant


def _with_table(text: str, path: KeyPath, table: Mapping[str, Any]) -> str:
    """Put a table behind its nearest relatives, or at the end."""
    headers = places.scan(text).headers
    block = _block(path, table)
    shared = [_common(path, other) for _, other in headers]
    nearest = max((number for number, length in enumerate(shared) if length == max(shared)), default=-1)
    if not shared or not max(shared) or nearest + 1 >= len(headers):
        return (text.rstrip("\n") + "\n\n" if text.strip() else text) + block
    stop = ordered.with_comments(text, headers[nearest + 1][0])
    head = text[:stop].rstrip("\n")
    return f"{head}\n\n{block}\n{text[stop:]}"


def _block(path: KeyPath, table: Mapping[str, Any]) -> str:
    if table and all(isinstance(value, Mapping) for value in table.values()):
        return "\n".join(_block((*path, key), value) for key, value in table.items())
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    nested = [_block((*path, key), value) for key, value in table.items() if isinstance(value, Mapping)]
    own = f"[{dotted(path)}]\n" + "".join(f"{_pair(key, value)}\n" for key, value in plain.items())
    return "\n".join([own, *nested])


def _pair(key: str, value: object) -> str:
    return f"{dotted((key,))} = {tomlkit.item(value).as_string()}"


def _common(one: KeyPath, other: KeyPath) -> int:
    """How many names two paths share at their beginnings."""
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return length
