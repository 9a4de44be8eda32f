"""What users set for themselves (signatures, identities, looks): JSON values by name, sealed like mail.

Names are chosen by the program, not by users, and stay readable. A failure changes nothing.
"""

import json
import re
from collections.abc import Callable
from typing import Final, TypeAlias

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore.codec import Codec
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.api import Transaction
from storage_backends.index.tables import annotations

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

MOST: Final = 1000
"""Settings of an account."""
ALL_BYTES: Final = 1024 * 1024
"""Bytes of all values of an account, as stored."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._/-]{0,127}")


def place(name: str) -> str:
    """What a sealed value is bound to."""
    return f"setting {name}"


def opened(codec: Codec, row: annotations.SettingRow) -> JSON:
    """The value of a row, None for a tombstone. Corrupt when it is not this row's."""
    value: JSON = None if row.gone else json.loads(codec.open(place(row.name), row.value))
    return value


async def put(store: MailStore, account: Account, name: str, value: JSON) -> None:
    """Set a setting, or take it away with None.

    Failures: INVALID (name, or a value that is no JSON), LIMIT (number of settings or bytes of the account).
    """
    _check_name(name)
    sealed = None if value is None else account.codec.seal(place(name), _dumped(value))
    await store.index.write([account.id], lambda tx: _put(tx, account, name, sealed))
    store.settings_set[account.id] += 1


async def change(store: MailStore, account: Account, name: str, changed: Callable[[JSON], JSON]) -> None:
    """Set a setting to what `changed` makes of its value (None: there is none), which may be called more than once and runs
    in a database thread. Others see either value. Fails as `put`.
    """
    _check_name(name)

    def unit(tx: Transaction) -> None:
        row = annotations.maybe_setting(tx, account.id, name)
        value = changed(None if row is None else opened(account.codec, row))
        _put(tx, account, name, None if value is None else account.codec.seal(place(name), _dumped(value)))

    await store.index.write([account.id], unit)
    store.settings_set[account.id] += 1


async def get(store: MailStore, account: Account, name: str) -> JSON:
    """The value of a setting; None where there is none."""
    row = await store.index.read(lambda tx: annotations.maybe_setting(tx, account.id, name))
    return None if row is None else opened(account.codec, row)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise Failure(Kind.INVALID, "a setting's name is up to 128 of a-z, 0-9, '.', '_', '/' and '-'")


def _put(tx: Transaction, account: Account, name: str, sealed: bytes | None) -> None:
    annotations.put_setting(tx, account.id, name, sealed)
    number, size = annotations.setting_totals(tx, account.id)
    if sealed is not None and (number > MOST or size > ALL_BYTES):
        raise Failure(Kind.LIMIT, f"an account has at most {MOST} settings and {ALL_BYTES} bytes of values")


def _dumped(value: JSON) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:  # also lone surrogates, which are no UTF-8
        raise Failure(Kind.INVALID, "the value of a setting is JSON of finite numbers and Unicode text") from error


async def listed(store: MailStore, account: Account) -> dict[str, JSON]:
    """All settings of an account by name."""
    rows = await store.index.read(lambda tx: annotations.settings(tx, account.id))
    return {row.name: opened(account.codec, row) for row in rows if not row.gone}


async def seal_again(store: MailStore, account: Account) -> int:
    """Write values from before sealing was set as they are written now; return how many."""
    rows = await store.index.read(lambda tx: annotations.settings(tx, account.id))
    codec = account.codec
    old = [row for row in rows if not row.gone and not codec.is_current(row.value)]
    if not old or not codec.sealing:
        return 0

    def unit(tx: Transaction) -> int:
        fresh = [codec.seal(place(row.name), codec.open(place(row.name), row.value)) for row in old]
        return sum(annotations.seal_setting(tx, account.id, row, value) for row, value in zip(old, fresh, strict=True))

    return await store.index.write([account.id], unit)
