"""Make a TOML text mean something slightly different, and keep everything else of it: comments, order, layout.

The text is taken as blocks, a table header with what follows it. Blocks of tables that are gone are cut out, new tables are put
in as new blocks, and only a block whose keys change is edited, by tomlkit; so an edit among 10,000 tables costs little more
than reading them. The result is read again and must mean exactly what was asked for; if not (tables in inline tables, keys
in arrays of tables), tomlkit edits the whole text, then the whole text with its tables in order. If nothing succeeds there is no
result: what was not understood is never lost. Computes: for a thread.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import tomlkit
import tomlkit.exceptions

from mox_trio.config import ordered, places
from mox_trio.config.problems import KeyPath, dotted

Table = MutableMapping[str, Any]
Meaning = Mapping[str, Any]

_NOTHING: Final[Meaning] = {}


@dataclass(frozen=True, slots=True)
class _Block:
    path: KeyPath
    text: str


def maybe_rewritten(text: str, meant: Meaning) -> str | None:
    """A text that tomllib accepts, changed so that it means `meant`; None if that cannot be done with its layout."""
    ways: tuple[Callable[[], str], ...] = (
        lambda: _by_blocks(text, tomllib.loads(text), meant),
        lambda: _edited(text, meant),
        lambda: _edited(ordered.ordered(text), meant),
    )
    for way in ways:
        try:
            new = way()
            if tomllib.loads(new) == meant:
                return new
        except (tomlkit.exceptions.TOMLKitError, tomllib.TOMLDecodeError, RecursionError):
            continue
    return None


def _by_blocks(text: str, old: Meaning, meant: Meaning) -> str:
    blocks = list(_blocks(text))
    with_headers = {block.path[:length] for block in blocks for length in range(len(block.path) + 1)}
    kept: list[_Block] = []
    for block in blocks:
        table = _maybe_table(meant, block.path)
        if any(isinstance(part, int) for part in block.path) or table == _maybe_table(old, block.path):
            kept.append(block)
        elif table is None:
            kept.append(_Block((), _afterthought(block.text)))
        else:
            own = {key: value for key, value in table.items() if (*block.path, key) not in with_headers}
            kept.append(_Block(block.path, _edited(block.text, _nested(block.path, own))))
    written = {block.path for block in kept}
    for path, table in _added(old, meant, (), with_headers, written):
        _put(kept, _Block(path, _written(path, table)))
    return "".join(block.text for block in kept)


def _blocks(text: str) -> Iterator[_Block]:
    """The text before the first header, then each header with the comments above it and all up to the next."""
    headers = places.scan(text).headers
    starts = [ordered.with_comments(text, offset) for offset, _ in headers]
    stops = [*starts, len(text)]
    yield _Block((), text[: stops[0]])
    for (_, path), start, stop in zip(headers, starts, stops[1:], strict=True):
        yield _Block(path, text[start:stop])


def _maybe_table(document: Meaning, path: KeyPath) -> Meaning | None:
    value: object = document
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else None


def _nested(path: KeyPath, table: Meaning) -> Meaning:
    for part in reversed(path):
        table = {str(part): table}
    return table


def _afterthought(block: str) -> str:
    """The comments at the end of a table that a blank line sets apart: they are about what follows, and stay."""
    lines = block.splitlines(keepends=True)
    first = len(lines)
    while first > 1 and (not lines[first - 1].strip() or lines[first - 1].lstrip().startswith("#")):
        first -= 1
    blank = next((number for number in range(first, len(lines)) if not lines[number].strip()), len(lines))
    rest = "".join(lines[blank + 1 :])
    return rest if rest.strip() else ""


def _added(
    old: Meaning, meant: Meaning, path: KeyPath, with_headers: set[KeyPath], written: set[KeyPath]
) -> Iterator[tuple[KeyPath, Meaning]]:
    """Tables that need a block: new ones, and keys of tables that had only tables in them."""
    if path not in written:
        plain = {key: value for key, value in meant.items() if not isinstance(value, Mapping) and key not in old}
        if plain:
            yield path, plain
    for key, value in meant.items():
        here = (*path, key)
        if isinstance(value, Mapping) and key not in old:
            yield here, value
        elif isinstance(value, Mapping) and here in with_headers:
            before = old[key] if isinstance(old[key], Mapping) else _NOTHING
            yield from _added(before, value, here, with_headers, written)


def _put(blocks: list[_Block], new: _Block) -> None:
    """Put a block behind its nearest relatives, or at the end, with a blank line on either side."""
    shared = [_common(new.path, block.path) for block in blocks]
    longest = max(shared)
    at = len(blocks) if not longest else max(n for n, length in enumerate(shared) if length == longest) + 1
    before = "".join(block.text for block in blocks[max(0, at - 2) : at]).rstrip(" \t")
    gap = "" if not before or before.endswith("\n\n") else "\n" if before.endswith("\n") else "\n\n"
    end = "\n" if at < len(blocks) else ""
    blocks.insert(at, _Block(new.path, gap + new.text + end))


def _common(one: KeyPath, other: KeyPath) -> int:
    """How many names two paths share at their beginnings."""
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return length


def _written(path: KeyPath, table: Meaning) -> str:
    """A new block, with a block for each table in it."""
    nested = [_written((*path, key), value) for key, value in table.items() if isinstance(value, Mapping)]
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if nested and not plain:
        return "\n".join(nested)
    pairs = (f"{dotted((key,))} = {tomlkit.item(value).as_string()}\n" for key, value in plain.items())
    return "\n".join(["".join([f"[{dotted(path)}]\n", *pairs]), *nested])


def _edited(text: str, meant: Meaning) -> str:
    """The text edited by tomlkit alone."""
    document = tomlkit.parse(text)
    _adapt(document, meant)
    return tomlkit.dumps(document)


def _adapt(table: Table, meant: Meaning) -> None:
    for key in [key for key in table if key not in meant]:
        del table[key]
    for key, value in meant.items():
        here = table.get(key)
        if isinstance(here, MutableMapping) and isinstance(value, Mapping):
            _adapt(here, value)
        elif isinstance(here, list) and isinstance(value, list):
            _adapt_array(here, value)
        elif here is None or here != value:
            table[key] = value


def _adapt_array(array: list[Any], meant: list[Any]) -> None:
    """Change, remove and append items, so that comments at the others stay."""
    if len(array) == len(meant) and all(isinstance(item, Mapping) for item in (*array, *meant)):
        for item, changed in zip(array, meant, strict=True):
            _adapt(item, changed)
        return
    for number in reversed([number for number, item in enumerate(array) if item not in meant]):
        del array[number]
    array.extend(item for item in meant[len(array) :])
    if list(array) != meant:
        array[:] = meant
