"""Pages that list, explain and try methods: made by the server, without scripts, under a CSP that allows nothing inline."""

import json
import shlex
from http import HTTPStatus
from typing import Any, Final, cast

from quart import Response, redirect, render_template, request

from webui import asgi
from webui.webapi import openapi
from webui.webapi.answering import Said
from webui.webapi.calling import Method
from webui.webapi.table import METHODS

CSP: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)


HTML: Final = "text/html; charset=utf-8"


async def root() -> Any:
    """The version there is."""
    return redirect("v0/", 303)


async def listed() -> Response:
    """All methods, by their groups."""
    groups: dict[str, list[Method]] = {}
    for method in METHODS.values():
        groups.setdefault(method.group, []).append(method)
    return await _page("list.html", groups=groups)


async def explained(name: str) -> Response:
    """One method: fields of request and result, and a form that calls it."""
    method = METHODS.get(name)
    if method is None:
        return asgi.plain(404, "there is no such method")
    document = json.loads(openapi.text())
    operation = document["paths"][f"/{name}"]["post"]
    schemas = document["components"]["schemas"]
    asked = operation["requestBody"]["content"]["application/json"]["schema"]
    given = operation["responses"]["200"]["content"].get("application/json", {}).get("schema")
    return await _page(
        "method.html",
        method=method,
        request_types=_types(asked, schemas),
        result_types=[] if given is None else _types(given, schemas),
    )


async def tried(method: Method, asked: bytes, said: Said) -> Response:
    """The answer to a call that was made from the page of a method, for people. It is somebody's own and is not compressed."""
    given = json.loads(cast("bytes", said.body))
    headers = {"content-type": said.content_type, **said.headers}
    body = await render_template(
        "tried.html",
        method=method,
        status=f"{said.status} {HTTPStatus(said.status).phrase}",
        is_ok=said.status == HTTPStatus.OK,
        headers=headers.items(),
        answer=json.dumps(given, indent=2, ensure_ascii=False),
        asked=asked.decode("utf-8", "replace"),
        curl=_curl(method, asked),
    )
    kept = {"Content-Security-Policy": CSP, "Cache-Control": "no-store"}
    return Response(body, said.status, content_type=HTML, headers=kept)


def _curl(method: Method, asked: bytes) -> str:
    """The same call in a shell, without the password."""
    try:
        written = json.dumps(json.loads(asked), ensure_ascii=False)
    except ValueError:
        written = asked.decode("utf-8", "replace")
    url = request.base_url
    return f"curl --user ADDRESS {shlex.quote(url)} \\\n  --data-urlencode {shlex.quote(f'request={written}')}"


async def _page(template: str, **values: Any) -> Response:
    """A page that is the same for everybody."""
    body = await render_template(template, **values)
    headers = {"Content-Security-Policy": CSP, "Cache-Control": "no-cache"}
    return asgi.public(body.encode(), HTML, headers)


def _types(schema: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """The object of a schema and those that it is made of: name, description, fields."""
    found: dict[str, dict[str, Any]] = {}
    waiting = [_name(schema)]
    while waiting:
        name = waiting.pop(0)
        if name in found or name not in schemas:
            continue
        each = schemas[name]
        required = set(each.get("required", ()))
        fields = []
        for field, told in each.get("properties", {}).items():
            fields.append(
                {
                    "name": field,
                    "type": _written(told),
                    "required": field in required,
                    "description": told.get("description", ""),
                }
            )
            waiting += _references(told)
        found[name] = {"name": _short(name), "description": each.get("description", ""), "fields": fields}
    return list(found.values())


def _name(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _short(name: str) -> str:
    return name.removesuffix("-Input").removesuffix("-Output")


def _references(told: dict[str, Any]) -> list[str]:
    found = [_name(told)] if "$ref" in told else []
    for key in ("items", "additionalProperties"):
        if isinstance(told.get(key), dict):
            found += _references(told[key])
    for each in (*told.get("anyOf", ()), *told.get("prefixItems", ())):
        found += _references(each)
    return found


def _written(told: dict[str, Any]) -> str:
    """A type as people read it."""
    if "$ref" in told:
        return _short(_name(told))
    if "anyOf" in told:
        return " or ".join(_written(each) for each in told["anyOf"])
    if "enum" in told:
        return " | ".join(json.dumps(each) for each in told["enum"])
    if "const" in told:
        return json.dumps(told["const"])
    kind = told.get("type", "any")
    if kind == "array":
        inner = told.get("prefixItems")
        return f"[{', '.join(map(_written, inner))}]" if inner else f"[{_written(told.get('items', {}))}]"
    if kind == "object":
        return f"{{name: {_written(told.get('additionalProperties') or {})}}}"
    return "time" if told.get("format") == "date-time" else str(kind)
