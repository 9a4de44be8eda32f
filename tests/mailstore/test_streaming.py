"""Imports from files that are only spooled, and exports that are streamed."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import export_outlet, exporting, importing
from mox_trio.mailstore.exporting import Container, Format, Options
from mox_trio.mailstore.members import Limits
from mox_trio.mailstore.spooled_file import SpooledFile
from mox_trio.mailstore.store import Account, MailStore
from tests.kit import mail_trees as trees


def spooled(store: MailStore, name: str, data: bytes) -> SpooledFile:
    scratch = store.scratch()
    for start in range(0, len(data), 1000):
        scratch.append(data[start : start + 1000])
    return SpooledFile(scratch, name, len(data), trees.WHEN * 1000)


@pytest.mark.parametrize("kind", ["tar", "tgz", "zip", "mbox"])
async def test_a_spooled_file_is_imported_as_one_on_the_disk(
    store: MailStore, account: Account, tmp_path: Path, kind: str
) -> None:
    files = trees.below("Old", trees.maildir_of([1, 2, 3]))
    if kind == "mbox":
        data, expected = trees.mbox_of([1, 2, 3]), "Letters"
    else:
        write = trees.write_zip if kind == "zip" else trees.write_tar
        data, expected = write(tmp_path / f"a.{kind}", files).read_bytes(), "Old"
    source = spooled(store, f"Letters.{kind}", data)
    report = await importing.run(store, account, source, importing.Options())
    source.scratch.close()
    assert report.imported == 3
    held = await trees.filled(store, account)
    assert [each.data for each in held[expected]] == [trees.stored(number) for number in (1, 2, 3)]


@pytest.mark.parametrize("kind", ["tar", "zip"])
async def test_paths_that_lead_out_are_refused_where_that_is_asked_for(
    store: MailStore, account: Account, tmp_path: Path, kind: str
) -> None:
    names = ("../../etc/passwd", "/abs/x.mbox", "a/../../y.mbox", "good.mbox")
    files = {name: trees.mbox_of([number]) for number, name in enumerate(names)}
    write = trees.write_zip if kind == "zip" else trees.write_tar
    data = write(tmp_path / f"a.{kind}", files).read_bytes()
    source = spooled(store, f"a.{kind}", data)
    report = await importing.run(store, account, source, importing.Options(limits=Limits(strict=True)))
    source.scratch.close()
    assert (report.imported, report.bad_total) == (1, 3)
    assert {reason for _, reason in report.bad} == {"its path leads out of the archive"}
    assert set(await trees.filled(store, account)) == {"good"}


@pytest.mark.parametrize("container", [Container.TGZ, Container.ZIP])
@pytest.mark.parametrize("memory", [0, export_outlet.MEMORY])
async def test_what_is_streamed_comes_back_by_an_import(
    store: MailStore,
    account: Account,
    tmp_path: Path,
    container: Container,
    memory: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export_outlet, "MEMORY", memory)
    files = trees.maildir_of([1, 2], "FS") | trees.below(".Sub", trees.maildir_of([3]))
    await importing.run(store, account, trees.write_tree(tmp_path / "md", files))
    before = await trees.filled(store, account)
    options = Options(Format.MAILDIR, container)
    data = b"".join([block async for block in exporting.streamed(store, account, "mail", options)])
    if container is Container.ZIP:
        assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
    else:
        with tarfile.open(fileobj=io.BytesIO(data)) as opened:
            assert opened.getnames()
    source = spooled(store, "again", data)
    await importing.run(store, account, source, importing.Options(into="Again"))
    source.scratch.close()
    after = await trees.filled(store, account)
    assert after["Again/Sub"] == before["Sub"]


async def test_a_streamed_export_is_an_archive_of_a_mailbox_that_exists(store: MailStore, account: Account) -> None:
    for options, kind in (
        (Options(container=Container.ZIP, mailbox="Nowhere"), Kind.NOT_FOUND),
        (Options(container=Container.FILE), Kind.INVALID),
    ):
        with pytest.raises(Failure) as raised:
            await anext(exporting.streamed(store, account, "mail", options))
        assert raised.value.kind is kind
