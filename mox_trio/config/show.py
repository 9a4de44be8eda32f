"""The configuration in force, written as TOML: every key, defaults too. Secrets are shown as references."""

from collections.abc import Iterator, Mapping

from mox_trio.config import toml
from mox_trio.config.models.dynamic import Dynamic
from mox_trio.config.models.secret import SecretRef
from mox_trio.config.models.section import Section
from mox_trio.config.models.static import Static


def static(settings: Static) -> str:
    """mox-trio.toml as it is understood, with absolute paths. It reads back to the same."""
    return _joined(_table(settings, ""))


def dynamic(document: Dynamic) -> str:
    """The dynamic document as it is understood. It reads back to the same."""
    return _joined(_table(document, ""))


def _joined(lines: Iterator[str]) -> str:
    return "\n".join(lines).strip("\n") + "\n"


def _table(section: Section | Mapping[object, object], path: str) -> Iterator[str]:
    """The keys of a table, then the tables in it. What is not set has no line."""
    if isinstance(section, Section):
        pairs = {name: getattr(section, name) for name in type(section).model_fields}
    else:
        pairs = {str(key): value for key, value in section.items()}
    nested = {key: value for key, value in pairs.items() if _is_table(value)}
    for key, value in pairs.items():
        if key not in nested and value is not None:
            yield f"{toml.name(key)} = {toml.value(value)}"
    for key, value in nested.items():
        here = f"{path}.{toml.name(key)}" if path else toml.name(key)
        yield from ("", f"[{here}]") if isinstance(value, Section) or not value else ()
        yield from _table(value, here)


def _is_table(value: object) -> bool:
    return (isinstance(value, Section) and not isinstance(value, SecretRef)) or (
        isinstance(value, Mapping) and any(isinstance(each, Section) for each in value.values())
    )
