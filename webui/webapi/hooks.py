"""Methods about calls to the account's URLs.

What calls tell is mail, or about mail: a key that does not open reading sees calls without it, and sets no URL for mail that
arrives.
"""

import os
from typing import Final

from mox_trio.mailstore.api_keys import Scope
from mox_trio.protocol.webapi import methods
from mox_trio.protocol.webapi.shapes import Empty, instant
from mox_trio.transport import http_client
from mox_trio.webhooks import calls, desk
from mox_trio.webhooks.calls import Result
from mox_trio.webhooks.targets import INCOMING, OUTGOING, Direction, Target
from webui.webapi.calling import Call
from webui.webapi.errors import Refused

DIRECTIONS: Final[tuple[Direction, ...]] = (OUTGOING, INCOMING)


async def put(call: Call, request: methods.Webhook) -> methods.WebhookSetResult:
    """Set a URL, or replace it."""
    if request.direction == INCOMING and not _may_read(call):
        raise Refused("forbidden", "what arrives is told to a URL by keys that may read mail")
    secret = request.secret or desk.new_secret(os.urandom(desk.SECRET_BYTES))
    target = Target(
        direction=request.direction,
        url=_checked(call, request.url),
        authorization=request.authorization,
        secret=secret.encode(),
        events=frozenset(request.events),
    )
    await call.web.hooks.targets.put(call.account.id, target)
    return methods.WebhookSetResult(secret=secret)


async def get(call: Call, request: Empty) -> methods.WebhookGetResult:
    """The URLs that are set."""
    found = [call.web.hooks.targets.maybe_of(call.account.id, each) for each in DIRECTIONS]
    return methods.WebhookGetResult(
        webhooks=tuple(
            methods.WebhookShown(
                direction=each.direction,
                url=each.url,
                events=tuple(sorted(each.events)),
                has_authorization=bool(each.authorization),
                changed=instant(each.changed),
            )
            for each in found
            if each is not None
        )
    )


async def remove(call: Call, request: methods.WebhookRequest) -> Empty:
    """Take a URL away."""
    if not await call.web.hooks.targets.remove(call.account.id, request.direction):
        raise Refused("error", "no such URL is set")
    return Empty()


async def test(call: Call, request: methods.WebhookTestRequest) -> methods.HookAttempt:
    """Make a call that tells of nothing that happened."""
    target = call.web.hooks.targets.maybe_of(call.account.id, request.direction)
    if request.url:
        target = Target(request.direction, _checked(call, request.url), request.authorization)
    if target is None:
        raise Refused("error", "no such URL is set")
    return _attempt(await call.web.hooks.test(target))


async def listed(call: Call, request: methods.HookListRequest) -> methods.HookListResult:
    """Calls that wait, and records of those that were made."""
    found = await call.web.hooks.listed(call.account, request.before_id, request.most)
    may_read = _may_read(call)
    return methods.HookListResult(hooks=tuple(_shown(row, payload if may_read else b"") for row, payload in found))


async def replay(call: Call, request: methods.HooksRequest) -> methods.HooksChangedResult:
    """Make calls again."""
    return methods.HooksChangedResult(changed=await call.web.hooks.replay(call.account, request.ids))


async def cancel(call: Call, request: methods.HooksRequest) -> methods.HooksChangedResult:
    """Do not make calls that wait."""
    return methods.HooksChangedResult(changed=await call.web.hooks.cancel(call.account, request.ids))


def _may_read(call: Call) -> bool:
    return bool(call.caller.grant.scopes & Scope.READ)


def _checked(call: Call, url: str) -> str:
    try:
        return call.web.hooks.check(url)
    except http_client.Refused as error:
        raise Refused("user", str(error)) from None


def _shown(row: desk.Row, payload: bytes) -> methods.Hook:
    return methods.Hook.model_construct(
        id=row.id,
        direction=row.direction,
        url=row.url,
        event=row.event,
        queue_msgid=row.queued_id,
        state=row.state,
        created=instant(row.created),
        next_attempt=instant(row.next_attempt) if row.state == desk.WAITING else None,
        attempts=row.attempts,
        superseded_by_id=row.superseded_by,
        results=tuple(_attempt(each) for each in calls.results(row.results)),
        payload=payload.decode(),
    )


def _attempt(result: Result) -> methods.HookAttempt:
    return methods.HookAttempt(
        start=instant(result.start),
        duration_ms=result.duration,
        url=result.url,
        success=result.success,
        code=result.code,
        error=result.error,
        response=result.response,
    )
