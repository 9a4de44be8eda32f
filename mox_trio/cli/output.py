"""What a command prints: one value, as text for people or as JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True)
class Output:
    """The result of a command."""

    data: Any
    """For JSON."""
    text: str
    """For people; empty prints nothing."""
    code: int = 0
    """Exit code."""


def done(text: str, **data: Any) -> Output:
    """A sentence, and the same as fields."""
    return Output({"done": text, **data}, text)


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], empty: str) -> Output:
    """Rows under headings; `columns` maps fields to headings, `empty` is said when there are none."""
    if not rows:
        return Output([], empty)
    cells = [[_cell(row[field]) for field in columns] for row in rows]
    headings = list(columns.values())
    widths = [max(len(line[number]) for line in (headings, *cells)) for number in range(len(headings))]
    numeric = [all(isinstance(row[field], int) for row in rows) for field in columns]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in (headings, *cells)
    ]
    return Output([dict(row) for row in rows], "\n".join(lines))


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    # Names come from users: nothing of them moves the cursor or breaks the line.
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(value))


def instant(milliseconds: int | None) -> str:
    """An instant for people and programs alike (RFC 3339), empty for none."""
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def size(count: float) -> str:
    """A number of bytes for people."""
    for unit in _UNITS:
        if count < 1024 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return ""


def emit(output: Output, *, as_json: bool) -> None:
    """Print a result to standard output."""
    text = json.dumps(output.data, ensure_ascii=False, indent=2) if as_json else output.text
    if text:
        sys.stdout.write(text + "\n")


def complain(message: str, *, as_json: bool, **fields: Any) -> None:
    """Print an error to standard error, in one line."""
    if as_json:
        sys.stderr.write(json.dumps({"error": message, **fields}, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"mox-trio: {message}\n")
