"""Complete example documents, generated from the models: every key with its documentation and its default.

`# text` is documentation; `#key = value`, without a space, is a setting that is not set, and is by removing the `#`. The result
is a valid document with the defaults in force; with everything switched on its shape is still valid.
"""

import textwrap
from collections.abc import Iterator
from typing import Final

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from mox_trio.config import schema, toml
from mox_trio.config.models.dynamic import Dynamic
from mox_trio.config.models.section import Section
from mox_trio.config.models.static import Static

_WIDTH: Final = 100
_EXAMPLES: Final = {
    "Domain": '"example.org"',
    "Address": '"mary@example.org"',
    "IPv4Address": '"192.0.2.1"',
    "IPv4Network": '"192.0.2.0/24"',
    "SecretRef": '{ file = "secret" }',
    "Path": '"file"',
    "str": '"text"',
    "int": "1",
    "bool": "true",
    "float": '"30s"',
}


def static() -> str:
    """A complete mox-trio.toml."""
    return _document(Static)


def dynamic() -> str:
    """A complete domains.toml."""
    return _document(Dynamic)


def _document(model: type[Section]) -> str:
    intro = [
        *_comment(model.__doc__ or ""),
        *_comment(
            'Lines with "# " explain. Lines with "#" alone are settings that are not set: remove the # to set them.'
        ),
    ]
    return "\n".join([*intro, "", *_section(model, "", False)]).rstrip() + "\n"


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), _WIDTH)]


def _section(model: type[Section], path: str, is_off: bool, values: Section | None = None) -> Iterator[str]:
    """The keys of a section, then its tables; switched off where it is not among the defaults, which are `values`."""
    nested = {name: field for name, field in model.model_fields.items() if _is_table(field)}
    off = "#" if is_off else ""
    for name, field in model.model_fields.items():
        if name not in nested:
            yield from _comment(field.description or "")
            yield _setting(name, field, off, _default(name, field, values))
    for name, field in nested.items():
        yield ""
        yield from _tables(f"{path}.{name}" if path else name, field, off, _default(name, field, values))


def _default(name: str, field: FieldInfo, values: Section | None) -> object:
    """The default of a key in its section; None also where there is none."""
    default = (
        field.get_default(call_default_factory=True, validated_data={}) if values is None else getattr(values, name)
    )
    return None if default is PydanticUndefined else default


def _setting(name: str, field: FieldInfo, off: str, default: object) -> str:
    if default is not None:
        return f"{off}{name} = {toml.value(default)}"
    unset = off or ("" if field.is_required() else "#")
    return f"{unset}{name} = {_example(field)}"


def _is_table(field: FieldInfo) -> bool:
    """Whether a field is written as a table of its own; references to secrets stand on one line."""
    return bool(_sections(field)) and "SecretRef" not in {each.__name__ for each in _sections(field)}


def _sections(field: FieldInfo) -> list[type[Section]]:
    return schema.kinds(field.annotation) or schema.kinds(schema.items(field.annotation))


def _tables(path: str, field: FieldInfo, off: str, default: object) -> Iterator[str]:
    container = schema.items(field.annotation)
    if container is None:
        yield from _one_table(path, field, off, default)
        return
    is_array = not schema.is_mapping(field.annotation)
    for section in _sections(field):
        kind = schema.kind_of(section)
        name = str((field.examples or ["name"])[0]) if kind is None else f"my-{kind}"
        full = path if is_array else f"{path}.{toml.name(name)}"
        yield from _comment(f"{field.description} {section.__doc__}")
        yield f"#[[{full}]]" if is_array else f"#[{full}]"
        yield from _section(section, full, True)
        yield ""


def _one_table(path: str, field: FieldInfo, off: str, default: object) -> Iterator[str]:
    first, *others = _sections(field)
    off = off or ("#" if default is None else "")
    yield from _comment(f"{field.description}")
    yield f"{off}[{path}]"
    yield from _section(first, path, bool(off), default if isinstance(default, Section) else None)
    for section in others:
        yield ""
        yield from _comment(f"Or: {section.__doc__}")
        yield from (f"#   {line.lstrip('# ')}" for line in (f"[{path}]", *_section(section, path, True)) if line)


def _example(field: FieldInfo) -> str:
    """A value that could be set, for a field that has none."""
    if field.examples:
        return toml.value(field.examples[0])
    inner = schema.items(field.annotation)
    example = _EXAMPLES[schema.plain(field.annotation if inner is None else inner).__name__]
    return example if inner is None else f"[{example}]"
