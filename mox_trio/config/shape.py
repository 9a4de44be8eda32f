"""Turn what pydantic finds wrong into findings a person can act on: what is expected, what the key is for, nearest names."""

import datetime
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mox_trio.config import schema, toml
from mox_trio.config.models.secret import SecretRef
from mox_trio.config.models.section import Section
from mox_trio.config.problems import Finding, KeyPath

_EXPECTED: Final = {
    "string_type": "expected text in quotes",
    "int_type": "expected a whole number without quotes",
    "float_type": "expected a number without quotes",
    "bool_type": "expected true or false without quotes",
    "tuple_type": 'expected an array such as ["a", "b"]',
    "dict_type": "expected a table",
    "mapping_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
    "literal_error": "expected one of: {expected}",
    "union_tag_invalid": "expected one of: {expected_tags}",
    "greater_than_equal": "expected a number of at least {ge}",
    "less_than_equal": "expected a number of at most {le}",
    "too_short": "expected at least {min_length} item(s)",
    "string_too_short": "expected at least {min_length} character(s)",
    "string_too_long": "expected at most {max_length} characters",
    "string_pattern_mismatch": "expected text of the form {pattern}",
    "path_type": "expected a path in quotes",
    "string_unicode": "expected text without lone surrogates",
}


def findings(error: ValidationError, model: type[Section], document: object, under: KeyPath = ()) -> list[Finding]:
    """Explain every error of validating `document` as `model`; `under` is where the document is in the whole one."""
    details = error.errors(include_url=False, include_context=True, include_input=True)
    return [_finding(each, model, document, under) for each in details]


def _finding(detail: ErrorDetails, model: type[Section], document: object, under: KeyPath) -> Finding:
    # Pydantic marks an error about a name itself so; an unknown key may be called that.
    is_name = detail["type"] != "extra_forbidden" and detail["loc"][-1:] == ("[key]",)
    path = _key_path(detail["loc"][:-1] if is_name else detail["loc"], document)
    annotation, field = schema.at(model, document, path)
    about = (field.description or "") if field else (model.__doc__ or "").strip().split("\n")[0]
    if detail["type"] == "extra_forbidden":
        return _unknown(path, model, document, under)
    if detail["type"] == "missing":
        return Finding(under + path, "this key is missing", f"add it: {about}")
    if detail["type"] == "union_tag_not_found":
        names = ", ".join(f'"{schema.kind_of(each)}"' for each in schema.kinds(annotation))
        return Finding((*under, *path, "kind"), "this key is missing", f"add kind = one of {names}")
    if detail["type"] == "union_tag_invalid":
        path = (*path, "kind")
    expected = _expected(detail)
    if detail["type"] == "string_pattern_mismatch" and field and field.examples:
        expected = f"expected text such as {toml.value(field.examples[0])}"
    if schema.kinds(annotation) == [SecretRef]:
        expected = 'expected a reference such as { file = "..." }, { environment = "..." } or { command = ["..."] }'
    if is_name:
        return Finding(under + path, "the name of this table is wrong", expected)
    return Finding(
        under + path, f"{_kind(detail['input'])} is wrong here", f"{expected}. {about}" if about else expected
    )


def _expected(detail: ErrorDetails) -> str:
    context: dict[str, Any] = detail.get("ctx", {})
    if detail["type"] == "value_error":
        return str(context["error"])
    form = _EXPECTED.get(detail["type"])
    return form.format(**context) if form else detail["msg"]


def _key_path(location: tuple[int | str, ...], document: object) -> KeyPath:
    """The path in the document: pydantic's own has names of variants in it."""
    path: list[str | int] = []
    value = document
    for number, part in enumerate(location, 1):
        is_variant = isinstance(value, Mapping) and part not in value and part == value.get("kind")
        if is_variant and number < len(location):
            continue
        path.append(part)
        value = schema.step(value, part)
    return tuple(path)


def _unknown(path: KeyPath, model: type[Section], document: object, under: KeyPath) -> Finding:
    parent: object = document
    for part in path[:-1]:
        parent = schema.step(parent, part)
    section = schema.plain(schema.at(model, document, path[:-1])[0], parent)
    names = list(section.model_fields) if schema.kinds(section) else []
    return Finding(under + path, "this key is unknown", nearest(str(path[-1]), names) or _known(names))


def _known(names: list[str]) -> str:
    return "remove it; known here: " + ", ".join(names) if names else "remove it"


def nearest(name: str, names: Iterable[str]) -> str:
    """Advice with the most similar known name; empty if none is similar."""
    similar = difflib.get_close_matches(name[:100], list(names), n=1)
    return f"did you mean {similar[0]}?" if similar else ""


def _kind(value: object) -> str:
    """Say what sort of value was written, never the value: it may be a secret in the wrong place."""
    if isinstance(value, bool):
        return "this true or false"
    if isinstance(value, datetime.date | datetime.time):
        return "this date or time"
    names: dict[type, str] = {
        str: "this text",
        int: "this number",
        float: "this number",
        list: "this array",
        dict: "this table",
    }
    return next((name for kind, name in names.items() if isinstance(value, kind)), "this value")
