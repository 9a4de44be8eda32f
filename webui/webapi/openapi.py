"""The OpenAPI 3.1 document, made from the types of the methods: what is tried, explained and checked is what is served."""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any, Final, Literal

from pydantic.json_schema import models_json_schema
from quart import Response

from mox_trio.protocol.webapi.shapes import CODES, Error, Shape
from webui import asgi
from webui.webapi.calling import Method
from webui.webapi.table import METHODS

_Wanted = tuple[type[Shape], Literal["validation", "serialization"]]
_REF: Final = "#/components/schemas/{model}"
_FILE: Final = {"type": "array", "items": {"type": "string", "format": "binary"}}
_FIELDS: Final = ("alternativefile", "inlinefile", "attachedfile")
_PLAIN: Final = {"text/plain": {"schema": {"type": "string"}}}


@cache
def text() -> bytes:
    """The document as JSON."""
    return json.dumps(_document(), indent=1, ensure_ascii=False).encode()


async def served() -> Response:
    """The document, for everybody: it says nothing about this server."""
    return asgi.public(text(), "application/json; charset=utf-8", {"Cache-Control": "max-age=3600"})


def _document() -> dict[str, Any]:
    wanted: list[_Wanted] = [(each.request, "validation") for each in METHODS.values()]
    wanted += [(each.result, "serialization") for each in METHODS.values() if each.result is not None]
    wanted.append((Error, "serialization"))
    references, schemas = models_json_schema(list(dict.fromkeys(wanted)), by_alias=True, ref_template=_REF)
    codes = "\n".join(f"- `{code}`: {meaning}" for code, meaning in CODES.items())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mox-trio webapi",
            "version": "0",
            "description": f"Errors are 400 with a code and a message:\n{codes}",
        },
        "servers": [{"url": "."}],
        "security": [{"basic": []}, {"bearer": []}],
        "tags": [{"name": name} for name in dict.fromkeys(each.group for each in METHODS.values())],
        "paths": {f"/{name}": {"post": _operation(method, references)} for name, method in METHODS.items()},
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "Address and password."},
                "bearer": {"type": "http", "scheme": "bearer", "description": "A key of the API."},
            },
            "responses": {
                "NotLoggedIn": {"description": "Not logged in.", "content": _PLAIN},
                "TooMany": {"description": "Too many requests, or failed logins.", "content": _PLAIN},
                "Busy": {"description": "Cannot be checked at the moment.", "content": _PLAIN},
                "TooLarge": {"description": "The body is larger than the server takes.", "content": _PLAIN},
                "Elsewhere": {"description": "The key does not open this, or a page of another site asks."},
                "Error": {
                    "description": "Not carried out.",
                    "content": {"application/json": {"schema": references[(Error, "serialization")]}},
                },
            },
        },
    }


def _operation(method: Method, references: dict[Any, Any]) -> dict[str, Any]:
    asked = references[(method.request, "validation")]
    forms: dict[str, Any] = {
        "application/json": {"schema": asked},
        "application/x-www-form-urlencoded": {"schema": _form(asked, ()), "encoding": _ENCODING},
        "multipart/form-data": {"schema": _form(asked, _FIELDS if method.files else ()), "encoding": _ENCODING},
    }
    operation: dict[str, Any] = {
        "operationId": method.name,
        "summary": method.summary,
        "tags": [method.group],
        "requestBody": {"required": True, "content": forms},
        "responses": {"200": _success(method, references), **_FAILURES},
    }
    if method.idempotent:
        operation["parameters"] = [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "Of the requests with the same key one is carried out, within a day.",
                "schema": {"type": "string", "pattern": "^[ -~]{1,255}$"},
            }
        ]
    return operation


_ENCODING: Final = {"request": {"contentType": "application/json"}}
_FAILURES: Final = {
    status: {"$ref": f"#/components/responses/{name}"}
    for status, name in (
        ("400", "Error"),
        ("401", "NotLoggedIn"),
        ("403", "Elsewhere"),
        ("413", "TooLarge"),
        ("429", "TooMany"),
        ("503", "Busy"),
    )
}


def _form(asked: Any, files: Iterable[str]) -> dict[str, Any]:
    """A form that has the JSON in a field."""
    fields = {"request": asked, **dict.fromkeys(files, _FILE)}
    return {"type": "object", "properties": fields, "required": ["request"]}


def _success(method: Method, references: dict[Any, Any]) -> dict[str, Any]:
    if method.result is None:
        return {"description": "The bytes.", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
    schema = references[(method.result, "serialization")]
    return {"description": "Carried out.", "content": {"application/json": {"schema": schema}}}
