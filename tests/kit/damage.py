"""Rows and bodies changed behind the back of a mail store."""

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.sql.elements import ClauseElement

from mox_trio.mailstore.store import MailStore
from storage_backends.bodies.api import key
from storage_backends.index.api import NO_ACCOUNT, Row
from storage_backends.index.schema import email
from storage_backends.index.statement import prepared
from tests.kit.stores import Kit


async def change(store: MailStore, clause: ClauseElement) -> None:
    """Run an UPDATE, DELETE or INSERT without parameters."""
    await store.index.write(NO_ACCOUNT, lambda tx: tx.run(prepared(clause), {}))


async def look(store: MailStore, clause: ClauseElement) -> list[Row]:
    """Run a SELECT without parameters."""
    return await store.index.read(lambda tx: tx.all(prepared(clause), {}))


async def bodies(kit: Kit) -> list[Path]:
    """The files of the store `main`, in the order in which their rows came."""
    rows = await look(kit.store, select(email.c.ref).where(email.c.store == "main").order_by(email.c.id))
    return [kit.directory / "bodies" / key(row[0]) for row in rows]


def flip(path: Path, position: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(bytes(data))
