"""What is in the store of a configuration: read, and filled with passwords, beside a server that may be running on it."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import trio

from mox_trio.admin import accounts
from mox_trio.admin.accounts import Desk
from mox_trio.app import build
from mox_trio.config import load
from mox_trio.mailstore import credentials, mailboxes, reading
from mox_trio.services import Services

PATIENCE: Final = 30.0
"""Seconds until something has to be there; the machine may be busy with other tests."""


def set_passwords(config: Path, names: Sequence[str], password: str) -> None:
    """Give accounts a password."""

    async def work() -> None:
        async with build.services(load.static(config)) as services:
            for name in names:
                account = await accounts.opened(_desk(services), name)
                await credentials.set_password(services.logins, account, password)

    trio.run(work)


def add_app_password(config: Path, name: str) -> str:
    """Make a password for a program of an account; what it is."""

    async def work() -> str:
        async with build.services(load.static(config)) as services:
            account = await accounts.opened(_desk(services), name)
            terms = credentials.Terms("old program", credentials.APP_PROTOCOLS)
            return (await credentials.add_app_password(services.logins, account, terms)).secret

    return trio.run(work)


def _desk(services: Services) -> Desk:
    return Desk(services.static, services.source, services.config, services.mail)


def mails(config: Path, account: str, at_least: int = 1, mailbox: str = "Inbox") -> list[bytes]:
    """The messages of a mailbox, oldest first, once there are so many; read from the store, beside the server."""
    return trio.run(partial(_mails, config, account, mailbox, lambda found: len(found) >= at_least))


def mail_with(config: Path, account: str, subject: str, mailbox: str = "Inbox") -> bytes:
    """The message of a mailbox that has a subject, once it is there."""
    line = f"\r\nSubject: {subject}\r\n".encode()

    def is_there(found: Sequence[bytes]) -> bool:
        return any(line in mail for mail in found)

    found = trio.run(partial(_mails, config, account, mailbox, is_there))
    return next(mail for mail in found if line in mail)


async def _mails(config: Path, account: str, mailbox: str, enough: Callable[[list[bytes]], bool]) -> list[bytes]:
    deadline = time.monotonic() + PATIENCE
    async with build.services(load.static(config)) as services:
        while True:
            found = await _read(services, account, mailbox)
            if enough(found):
                return found
            assert time.monotonic() < deadline, f"{account} has {len(found)} messages: {[m[:2000] for m in found]}"
            await trio.sleep(0.05)  # another process: there is no event to wait for


async def _read(services: Services, account: str, mailbox: str) -> list[bytes]:
    handle = await accounts.opened(_desk(services), account)
    box = await mailboxes.get(services.mail, handle, mailbox)
    found = []
    for row in await reading.rows(services.mail, box.id):
        async with reading.open_mail(services.mail, handle, row.email_id) as blocks:
            found.append(b"".join([block async for block in blocks]))
    return found
