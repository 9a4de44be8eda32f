"""Rows and bodies changed behind the back of a mail store."""

from pathlib import Path

from sqlalchemy.sql.elements import ClauseElement

from mox_trio.mailstore.store import MailStore
from storage_backends.index.api import NO_ACCOUNT, Row
from storage_backends.index.statement import prepared


async def change(store: MailStore, clause: ClauseElement) -> None:
    """Run an UPDATE, DELETE or INSERT without parameters."""
    await store.index.write(NO_ACCOUNT, lambda tx: tx.run(prepared(clause), {}))


async def look(store: MailStore, clause: ClauseElement) -> list[Row]:
    """Run a SELECT without parameters."""
    return await store.index.read(lambda tx: tx.all(prepared(clause), {}))


def bodies(directory: Path) -> list[Path]:
    """The files of a store on disk, the oldest first."""
    found = (directory / "bodies").glob("[0-9]*/??/*")
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def flip(path: Path, position: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(bytes(data))
