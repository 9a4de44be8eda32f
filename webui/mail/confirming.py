"""Showing once more that it is you: what opens an account is changed by who knows its password or a one-time code.

What is wrong counts as any failed login, and who failed too often is not looked at (RATE).
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import logins
from mox_trio.mailstore.logins import Protocols
from webui.mail.desk import Arguments, Desk

T = TypeVar("T")


async def password(at: Desk, arguments: Arguments) -> None:
    """The password in force. CREDENTIALS, RATE."""
    offered = arguments.text("password", most=1000)

    async def check() -> None:
        try:
            await logins.verify_password(at.web.services.logins, at.account.name, offered, Protocols.WEB)
        except Failure as failure:
            if failure.kind is Kind.CREDENTIALS:
                raise Failure(Kind.CREDENTIALS, "the present password is wrong") from failure
            raise

    await counted(at, check)


async def counted(at: Desk, check: Callable[[], Awaitable[T]]) -> T:
    """What a check gives; its CREDENTIALS count. RATE."""
    failed, address = at.web.failed_logins, at.visitor.address
    if not failed.may_try(address):
        raise Failure(Kind.RATE, "too many failed logins from your network; wait a minute")
    try:
        found = await check()
    except Failure as failure:
        if failure.kind is Kind.CREDENTIALS:
            failed.failed(address)
        raise
    failed.succeeded(address)
    return found
