"""Maildirs, mbox files and archives for tests, and what a mail store holds afterwards."""

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from mox_trio.mailstore import keywords, mailboxes, reading
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.tables import keywords as keyword_rows

_MODES: dict[str, Literal["w:", "w:gz", "w:bz2", "w:xz"]] = {
    ".tar": "w:",
    ".tgz": "w:gz",
    ".bz2": "w:bz2",
    ".xz": "w:xz",
}
WHEN = 1_700_000_000
"""Seconds of the messages' times; message n is n seconds later."""
FROM = b"From a@b Tue Nov 14 22:13:20 2023\n"


class Held(NamedTuple):
    """A message as a store holds it."""

    data: bytes
    flags: frozenset[str]
    received: int


async def contents(store: MailStore, account: Account) -> dict[str, list[Held]]:
    """All messages of an account by mailbox, in the order of their UIDs."""
    table = await store.index.read(lambda tx: {row.bit: row.name for row in keyword_rows.listed(tx, account.id)})
    found: dict[str, list[Held]] = {}
    for mailbox in await mailboxes.listed(store, account):
        rows = await reading.rows(store, mailbox.id)
        assert len(rows) == mailbox.messages
        found[mailbox.name] = [
            Held(
                await reading.mail(store, account, row.email_id),
                frozenset(keywords.names(row.flags, row.keywords, table)),
                row.received,
            )
            for row in rows
        ]
    return found


async def filled(store: MailStore, account: Account) -> dict[str, list[Held]]:
    """The same without empty mailboxes."""
    return {name: held for name, held in (await contents(store, account)).items() if held}


def mail(number: int, body: bytes = b"text\n") -> bytes:
    """A small message with LF."""
    return b"Subject: %d\nMessage-ID: <%d@test>\n\n" % (number, number) + body


def stored(number: int, body: bytes = b"text\n") -> bytes:
    """The same as a store holds it."""
    return mail(number, body).replace(b"\n", b"\r\n")


def mbox_of(numbers: Sequence[int]) -> bytes:
    """An mbox file of small messages."""
    return b"".join(FROM + mail(number) + b"\n" for number in numbers)


def maildir_of(numbers: Sequence[int], flags: str = "") -> dict[str, bytes]:
    """The files of a maildir: every other message in `new`."""
    return {
        f"{'cur' if number % 2 else 'new'}/{WHEN + number}.x{number}.host" + (f":2,{flags}" if flags else ""): mail(
            number
        )
        for number in numbers
    }


def below(path: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same files below a directory."""
    return {f"{path}/{name}": data for name, data in files.items()}


def write_tree(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a directory; a name that ends with "/" is a directory."""
    root.mkdir(exist_ok=True)
    for name, data in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return root


def write_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a tar file, compressed as its name says."""
    with tarfile.open(path, _MODES[path.suffix]) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write files into a zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_as(kind: str, directory: Path, files: Mapping[str, bytes]) -> Path:
    """Write files as a "directory", "tar", "tgz", "tar.xz" or "zip" and return its path."""
    if kind == "directory":
        return write_tree(directory / "tree", files)
    path = directory / f"archive.{kind}"
    return write_zip(path, files) if kind == "zip" else write_tar(path, files)
