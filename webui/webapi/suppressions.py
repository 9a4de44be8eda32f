"""Methods about addresses that get nothing more from the account."""

from mox_trio.base import limits
from mox_trio.base.address import Path
from mox_trio.base.domain import InvalidAddress
from mox_trio.ledger import suppressions
from mox_trio.protocol.webapi import methods
from mox_trio.protocol.webapi.shapes import Empty, instant
from webui.webapi.calling import Call
from webui.webapi.errors import Refused


async def listed(call: Call, request: Empty) -> methods.SuppressionListResult:
    """The whole list."""
    rows = await suppressions.listed(call.store.index, call.account.id)
    return methods.SuppressionListResult(
        suppressions=tuple(
            methods.Suppression(
                id=row.id,
                created=instant(row.created),
                account=call.account.name,
                base_address=row.base_address,
                original_address=row.address,
                manual=bool(row.manual),
                reason=row.reason,
            )
            for row in rows
        )
    )


async def add(call: Call, request: methods.SuppressionAddRequest) -> Empty:
    """Put an address on it."""
    path = _path(request.email_address)
    if not await suppressions.add(call.store.index, call.account.id, path, request.reason, call.store.now()):
        raise Refused("error", "the address is on the list already")
    return Empty()


async def remove(call: Call, request: methods.SuppressionRequest) -> Empty:
    """Take an address off it."""
    if not await suppressions.remove(call.store.index, call.account.id, _path(request.email_address)):
        raise Refused("error", "the address is not on the list")
    return Empty()


async def present(call: Call, request: methods.SuppressionRequest) -> methods.SuppressionPresentResult:
    """Whether an address is on it."""
    asked = (call.account.id, _path(request.email_address))
    found = await suppressions.suppressed(call.store.index, [asked])
    return methods.SuppressionPresentResult(present=asked in found)


def _path(address: str) -> Path:
    try:
        found = Path.parse(f"<{address}>", localpart_octets=limits.LOCALPART_OCTETS_OF_OTHERS)
    except InvalidAddress as error:
        raise Refused("badAddress", str(error)) from None
    if found.address is None:
        raise Refused("badAddress", "the address needs a domain")
    return found
