"""Webhooks, keys of the HTTP API and suppressions: the methods of that API itself, asked for by a page."""

import json
from typing import Any, Final

from pydantic import ValidationError

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import api_keys
from webui.login import Caller
from webui.mail import confirming
from webui.mail.desk import Arguments, Desk, Json, Operation
from webui.webapi import table
from webui.webapi.calling import Call, Streamed
from webui.webapi.errors import Refused, of_validation
from webui.webapi.uploads import Uploads

METHODS: Final = {each.name: each for group in (table.HOOKS, table.KEYS, table.SUPPRESSIONS) for each in group}
CONFIRMED: Final = frozenset({"KeyAdd"})
"""Those that make what opens the account."""
LARGEST: Final = 256 * 1024
"""Characters of a request."""


async def call(at: Desk, arguments: Arguments) -> Json:
    """api {method, request, password?}: a method of the HTTP API, with its own JSON. INVALID, UNAVAILABLE, CREDENTIALS."""
    method = METHODS.get(arguments.text("method", most=100))
    if method is None:
        raise Failure(Kind.UNSUPPORTED, "there is no such method here")
    if method.name in CONFIRMED:
        await confirming.password(at, arguments)
    given = json.dumps(arguments.given.get("request") or {})
    if len(given) > LARGEST:
        raise Failure(Kind.LIMIT, "the request is too large")
    caller = Caller(at.account, at.guest.address, api_keys.WHOLE, at.visitor)
    try:
        asked: Any = method.request.model_validate_json(given)
        result = await method.run(Call(at.web, caller, Uploads(at.store, 0)), asked)
    except ValidationError as error:
        raise _failure(of_validation(error)) from None
    except Refused as refused:
        raise _failure(refused) from None
    if isinstance(result, Streamed):
        raise Failure(Kind.UNSUPPORTED, "there is no such method here")
    found: Json = result.model_dump(mode="json", by_alias=True)
    return found


def _failure(refused: Refused) -> Failure:
    return Failure(Kind.UNAVAILABLE if refused.code == "server" else Kind.INVALID, refused.message)


OPERATIONS: Final[dict[str, Operation]] = {"api": call}
