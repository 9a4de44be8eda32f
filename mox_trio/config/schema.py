"""What the models say about a place in a document: the kind of value, its field, its documentation."""

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic.fields import FieldInfo

from mox_trio.config.models.section import Section
from mox_trio.config.problems import KeyPath


def plain(annotation: Any, value: object = None) -> Any:
    """The type without Annotated and None. Of several kinds of section it is the one that `value` says it is, or the first."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return plain(typing.get_args(annotation)[0], value)
    if origin in (typing.Union, types.UnionType):
        options = [plain(option, value) for option in typing.get_args(annotation) if option is not types.NoneType]
        kind = value.get("kind") if isinstance(value, Mapping) else None
        return next((option for option in options if kind_of(option) == kind), options[0])
    return annotation


def kinds(annotation: Any) -> list[type[Section]]:
    """The sections a value may be: several where `kind` decides, none where the value is no section."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return kinds(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [section for option in typing.get_args(annotation) for section in kinds(option)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, Section) else []


def kind_of(annotation: Any) -> str | None:
    """The value of `kind` that chooses a section; None where there is no choice."""
    field = annotation.model_fields.get("kind") if kinds(annotation) else None
    return field.default if field else None


def items(annotation: Any) -> Any:
    """The type of the items of an array or of the values of a table with free names; None for everything else."""
    container = plain(annotation)
    arguments = typing.get_args(container)
    if typing.get_origin(container) is tuple:
        return arguments[0]
    return arguments[1] if is_mapping(container) else None


def is_mapping(annotation: Any) -> bool:
    """Whether a value is a table with free names."""
    origin = typing.get_origin(plain(annotation))
    return isinstance(origin, type) and issubclass(origin, Mapping)


def inside(annotation: Any, part: str | int, value: object) -> tuple[Any, FieldInfo | None]:
    """The type of what is at a key of a value, and its field if the key is a field; (None, None) if there is no such key."""
    section = plain(annotation, value)
    if not kinds(section):
        return items(annotation), None
    field = section.model_fields.get(part)
    return (field.annotation, field) if field else (None, None)


def at(model: type[Section], document: object, path: KeyPath) -> tuple[Any, FieldInfo | None]:
    """The type of the value at a path of a document, and the last field on the way to it."""
    annotation: Any = model
    nearest: FieldInfo | None = None
    value = document
    for part in path:
        annotation, field = inside(annotation, part, value)
        if annotation is None:
            return None, nearest
        nearest = field or nearest
        value = step(value, part)
    return annotation, nearest


def step(value: object, part: str | int) -> object:
    """The value at one key of parsed TOML; None if it has none."""
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def sections(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Section]]:
    """Every section in a snapshot, with its path."""
    if isinstance(value, Section):
        yield path, value
        inner: Iterable[tuple[str | int, object]] = ((name, getattr(value, name)) for name in type(value).model_fields)
    elif isinstance(value, Mapping):
        inner = ((str(key), each) for key, each in value.items())
    elif isinstance(value, tuple):
        inner = enumerate(value)
    else:
        return
    for part, each in inner:
        yield from sections(each, (*path, part))
