"""Methods about templates, and filling them. They are settings of the account, sealed like mail."""

import json
from typing import Final

from mox_trio.mailstore import settings
from mox_trio.protocol.webapi import methods, templates
from mox_trio.protocol.webapi.messages import SendRequest
from mox_trio.protocol.webapi.methods import Template
from mox_trio.protocol.webapi.shapes import Empty
from webui.webapi.calling import Call
from webui.webapi.errors import Refused

PREFIX: Final = "webapi/template/"


async def put(call: Call, request: Template) -> Empty:
    """Keep a template, or replace it."""
    value = json.loads(request.to_json())
    await settings.put(call.store, call.account, PREFIX + request.name, value)
    return Empty()


async def get(call: Call, request: methods.TemplateRequest) -> Template:
    """A template."""
    return await _found(call, request.name)


async def listed(call: Call, request: Empty) -> methods.TemplateListResult:
    """The names of all."""
    every = await settings.listed(call.store, call.account)
    names = sorted(name.removeprefix(PREFIX) for name in every if name.startswith(PREFIX))
    return methods.TemplateListResult(names=tuple(names))


async def remove(call: Call, request: methods.TemplateRequest) -> Empty:
    """Forget a template."""
    await _found(call, request.name)
    await settings.put(call.store, call.account, PREFIX + request.name, None)
    return Empty()


async def filled(call: Call, request: SendRequest) -> SendRequest:
    """The request with the texts of its template; what it says itself goes before."""
    if not request.template:
        if request.variables:
            raise Refused("user", "Variables need a Template")
        return request
    template = await _found(call, request.template)
    try:
        subject, text, html = templates.filled(template, request.variables)
    except templates.Missing as error:
        raise Refused("user", str(error)) from None
    texts = {"subject": request.subject or subject, "text": request.text or text, "html": request.html or html}
    return request.model_copy(update=texts)


async def _found(call: Call, name: str) -> Template:
    value = await settings.get(call.store, call.account, PREFIX + name) if _can_be(name) else None
    if value is None:
        raise Refused("templateNotFound", "there is no such template")
    return Template.model_validate(value)


def _can_be(name: str) -> bool:
    """Whether the name is one that `put` takes."""
    return 0 < len(name) <= 64 and all(each in "abcdefghijklmnopqrstuvwxyz0123456789._-" for each in name)
