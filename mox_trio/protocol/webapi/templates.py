"""Templates: {{name}} stands for a value. In HTML a value is text, whatever is in it; nothing else is looked at."""

import html
import re
from collections.abc import Mapping
from typing import Final

from mox_trio.base import limits
from mox_trio.protocol.webapi.methods import Template

_PLACE: Final = re.compile(r"\{\{[ ]?([A-Za-z][A-Za-z0-9_.-]{0,63})[ ]?\}\}")


class Missing(ValueError):
    """A value that the template has a place for is not there; or the text becomes too long. `str()` says which."""


def names(template: Template) -> frozenset[str]:
    """The values that a template has places for."""
    return frozenset(name for part in (template.subject, template.text, template.html) for name in _PLACE.findall(part))


def filled(template: Template, values: Mapping[str, str]) -> tuple[str, str, str]:
    """Subject, text and HTML with their values. Raises Missing."""
    if missing := sorted(names(template) - values.keys()):
        raise Missing(f"the template needs values for {', '.join(missing)}")
    return (
        _filled(template.subject, values),
        _filled(template.text, values),
        _filled(template.html, {name: html.escape(value) for name, value in values.items()}),
    )


def _filled(content: str, values: Mapping[str, str]) -> str:
    places = _PLACE.findall(content)
    if len(content) + sum(len(values[name]) for name in places) > limits.API_SENT_CHARACTERS:
        raise Missing(f"the text becomes longer than {limits.API_SENT_CHARACTERS} characters")
    return _PLACE.sub(lambda found: values[found[1]], content)
