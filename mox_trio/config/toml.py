"""Values of a snapshot as TOML again: what is written here reads back to an equal value. References to secrets, never secrets."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mox_trio.config.models.section import Section
from mox_trio.config.models.values import Bytes, Seconds
from mox_trio.config.problems import quoted_if_needed

_DURATIONS: Final = (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001))
_SIZES: Final = ("TiB", "GiB", "MiB", "KiB")


def value(of: object) -> str:
    """Write one value on one line."""
    if isinstance(of, bool):
        return "true" if of else "false"
    if isinstance(of, Seconds):
        return f'"{_duration(of)}"'
    if isinstance(of, Bytes):
        return _size(of)
    if isinstance(of, int | float):
        return repr(of)
    if isinstance(of, tuple | list):
        return f"[{', '.join(map(value, of))}]"
    if isinstance(of, Section):
        return _inline({name: each for name in type(of).model_fields if (each := getattr(of, name)) is not None})
    return _inline(of) if isinstance(of, Mapping) else _text(str(of))


def name(of: object) -> str:
    """Write one key."""
    return quoted_if_needed(str(of))


def _inline(table: Mapping[object, object]) -> str:
    pairs = ", ".join(f"{name(key)} = {value(each)}" for key, each in table.items())
    return f"{{ {pairs} }}" if pairs else "{}"


def _text(text: str) -> str:
    # JSON's strings are TOML's basic strings, but for DEL, which TOML wants escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _duration(seconds: float) -> str:
    text, rest = "", round(seconds, 3)
    for unit, length in _DURATIONS:
        count = int(round(rest / length, 6))
        rest = round(rest - count * length, 3)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _size(size: int) -> str:
    for power, unit in zip((4, 3, 2, 1), _SIZES, strict=True):
        if size and size % 1024**power == 0:
            return f'"{size // 1024**power}{unit}"'
    return repr(int(size))


def path(of: Path) -> str:
    """Write a path."""
    return _text(str(of))
