"""Importing from all that holds mail, all of it once, whatever happens meanwhile."""

import gzip
import lzma
import os
import random
import tarfile
import tracemalloc
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from mox_trio.base.failure import Failure, Kind
from mox_trio.base.quota import Quota
from mox_trio.mailstore import expunging, importing, mailboxes
from mox_trio.mailstore.importing import Options, Report
from mox_trio.mailstore.members import Limits
from mox_trio.mailstore.progress import Progress
from mox_trio.mailstore.store import Account, MailStore
from tests.kit import mail_trees as trees
from tests.kit.mail_trees import WHEN, Held, stored


async def test_a_maildir_becomes_inbox_and_its_folders_mailboxes(
    store: MailStore, account: Account, tmp_path: Path
) -> None:
    files = trees.maildir_of([1, 2], "FSac") | {"dovecot-keywords": b"0 one\n2 $Junk\n", "tmp/3.x": b"unfinished"}
    files |= trees.below(".Sub.Folder", trees.maildir_of([3], "a"))
    files |= trees.below("Plain/Nested", trees.maildir_of([4]))
    files |= {".Empty/cur/": b"", "dovecot.index.log": b"x", "subscriptions": b"Sub\n"}
    report = await importing.run(store, account, trees.write_tree(tmp_path / "md", files))
    assert report == Report(4, report.size, 0, 0, (), 0, ())
    flags = frozenset({"\\Flagged", "\\Seen", "one", "$Junk"})
    assert await trees.filled(store, account) == {
        "Inbox": [Held(stored(1), flags, (WHEN + 1) * 1000), Held(stored(2), flags, (WHEN + 2) * 1000)],
        "Sub/Folder": [Held(stored(3), frozenset(), (WHEN + 3) * 1000)],
        "Plain/Nested": [Held(stored(4), frozenset(), (WHEN + 4) * 1000)],
    }
    assert (await mailboxes.get(store, account, "Empty")).messages == 0


@pytest.mark.parametrize("kind", ["directory", "tar", "tgz", "tar.xz", "tar.bz2", "zip"])
async def test_every_container_gives_the_same(store: MailStore, account: Account, tmp_path: Path, kind: str) -> None:
    files = trees.below("md", trees.maildir_of([1, 2, 3], "Sb"))
    files |= {"boxes/Old.mbox": trees.mbox_of([4, 5]), "INBOX": trees.mbox_of([6])}
    files |= {"md/dovecot-keywords": b"1 two\n"}  # behind the messages: archives are in any order
    report = await importing.run(store, account, trees.write_as(kind, tmp_path, files), Options(into="Import"))
    assert (report.imported, report.bad) == (7 - 1, ())
    held = await trees.filled(store, account)
    assert {name: sorted(each.data for each in messages) for name, messages in held.items()} == {
        "Import/md": [stored(number) for number in (1, 2, 3)],
        "Import/boxes/Old": [stored(4), stored(5)],
        "Import/INBOX": [stored(6)],
    }
    assert {each.flags for each in held["Import/md"]} == {frozenset({"\\Seen", "two"})}
    assert sorted(each.received for each in held["Import/md"]) == [(WHEN + number) * 1000 for number in (1, 2, 3)]


async def test_paths_that_lead_out_of_an_archive_are_only_names(
    store: MailStore, account: Account, tmp_path: Path
) -> None:
    files = {"../../../etc/passwd": trees.mbox_of([1]), "/abs/x.mbox": trees.mbox_of([2])}
    await importing.run(store, account, trees.write_tar(tmp_path / "a.tar", files))
    assert set(await trees.filled(store, account)) == {"etc/passwd", "abs/x"}


@pytest.mark.parametrize(("into", "mailbox"), [("", "Old"), ("Archive/2020", "Archive/2020"), ("INBOX", "Inbox")])
@pytest.mark.parametrize("packed", [False, True])
async def test_one_mbox_file_goes_into_the_mailbox_that_is_named(
    store: MailStore, account: Account, tmp_path: Path, into: str, mailbox: str, packed: bool
) -> None:
    source = tmp_path / ("Old.mbox.gz" if packed else "Old.mbox")
    source.write_bytes(gzip.compress(trees.mbox_of([1, 2])) if packed else trees.mbox_of([1, 2]))
    await importing.run(store, account, source, Options(into=into))
    assert await trees.filled(store, account) == {
        mailbox: [Held(stored(number), frozenset(), WHEN * 1000) for number in (1, 2)]
    }


async def test_a_prefix_is_taken_off_and_bad_names_are_repaired(
    store: MailStore, account: Account, tmp_path: Path
) -> None:
    files = trees.below("user/Maildir", trees.maildir_of([1])) | trees.below("user/Maildir/.a*b", trees.maildir_of([2]))
    source = trees.write_tree(tmp_path / "s", files)
    report = await importing.run(store, account, source, Options(strip="user/Maildir"))
    assert set(await trees.filled(store, account)) == {"Inbox", "a_b"}
    assert report.renamed == (("user/Maildir/a*b", "a_b"),)


async def test_what_is_no_mail_is_refused(store: MailStore, account: Account, tmp_path: Path) -> None:
    with pytest.raises(Failure) as missing:
        await importing.run(store, account, tmp_path / "nothing")
    assert missing.value.kind is Kind.NOT_FOUND
    (tmp_path / "photo").write_bytes(b"\x89PNG" + bytes(2000))
    with pytest.raises(Failure) as no_mail:
        await importing.run(store, account, tmp_path / "photo")
    assert no_mail.value.kind is Kind.INVALID


async def test_an_empty_file_is_an_empty_mbox(store: MailStore, account: Account, tmp_path: Path) -> None:
    (tmp_path / "Old").write_bytes(b"")
    report = await importing.run(store, account, tmp_path / "Old")
    assert (report.imported, report.bad) == (0, ())
    assert (await mailboxes.get(store, account, "Old")).messages == 0


async def test_times_come_from_the_name_then_the_file_then_the_header(
    store: MailStore, account: Account, tmp_path: Path
) -> None:
    dated = b"Date: Thu, 01 Jan 2015 00:00:00 +0000\n\n"
    files = {"cur/1700000000.a": dated, "cur/b": dated}
    await importing.run(store, account, trees.write_tar(tmp_path / "a.tar", files))  # times of members are 0 there
    received = [each.received for each in (await trees.filled(store, account))["Inbox"]]
    assert received == [1_700_000_000_000, 1_420_070_400_000]


async def test_bad_messages_are_reported_and_the_rest_is_imported(
    store: MailStore, account: Account, tmp_path: Path
) -> None:
    files = trees.maildir_of([1, 2, 3]) | {"notes.txt": b"no mail", "broken.mbox": b"stray\n" + trees.mbox_of([4])}
    large = b"From x " + trees.FROM[9:] + b"A: b\n\n" + b"x" * 70 + b"\n"
    files |= {"boxes": trees.mbox_of([5]) + large * 2 + trees.mbox_of([6])}
    source = trees.write_tree(tmp_path / "s", files)
    (source / "cur" / "link").symlink_to("/etc/passwd")
    trees.write_tree(source, {"cur/1700000009.big": b"A: b\n\n" + b"x" * 100})
    small = replace(store, policy=replace(store.policy, message_bytes=60))
    report = await importing.run(small, account, source)
    assert report.imported == 5
    places = [name.partition(" at byte ")[0] for name, _ in report.bad]
    assert sorted(places) == ["boxes", "boxes", "broken.mbox", "cur/1700000009.big", "cur/link", "notes.txt"]
    assert report.bad_total == 6
    assert all(reason for _, reason in report.bad)


async def test_a_cut_archive_gives_what_is_left_of_it(store: MailStore, account: Account, tmp_path: Path) -> None:
    noise = random.Random(1)
    files = {f"cur/{WHEN + number}.x": b"A: b\n\n" + noise.randbytes(3000) for number in range(50)}
    source = trees.write_tar(tmp_path / "a.tgz", files)
    source.write_bytes(source.read_bytes()[:100_000])
    report = await importing.run(store, account, source)
    assert 25 < report.imported < 50
    assert report.bad_total >= 1
    zipped = trees.write_zip(tmp_path / "a.zip", files)
    data = bytearray(zipped.read_bytes())
    data[5000] ^= 0xFF
    zipped.write_bytes(data)
    report = await importing.run(store, account, zipped, Options(into="Zip"))
    assert (report.imported, report.bad_total) == (49, 1)


async def test_a_bomb_is_stopped(store: MailStore, account: Account, tmp_path: Path) -> None:
    bomb = trees.FROM + b"A: b\n\n" + b"x" * 8_000_000
    limits = Limits(ratio=2, allowed=1_000_000, members=3, listed=3)
    for name in ("a.tgz", "a.zip"):
        write = trees.write_zip if name == "a.zip" else trees.write_tar
        source = write(tmp_path / name, {"a": trees.mbox_of([1]), "b": bomb})
        report = await importing.run(store, account, source, Options(into=name, limits=limits))
        assert (report.imported, report.bad[0][0]) == (1, "b")
        assert "far more" in report.bad[0][1]
        many = write(tmp_path / f"many-{name}", {str(number): trees.mbox_of([number]) for number in range(9)})
        report = await importing.run(store, account, many, Options(into=f"m{name}", limits=limits))
        assert (report.imported, report.bad_total) == (3, 1)
        assert "more than 3 members" in report.bad[0][1]


def wanting_memory(data: bytes) -> bytes:
    """An xz file that says that a dictionary of 1.5 GiB is needed to read it (The .xz File Format 3.1, 5.3.1)."""
    packed = lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_NONE)
    size = (packed[12] + 1) * 4
    block = bytearray(packed[12 : 12 + size])
    block[block.index(b"\x21\x01") + 2] = 37
    block[-4:] = zlib.crc32(block[:-4]).to_bytes(4, "little")
    return packed[:12] + block + packed[12 + size :]


async def test_a_file_that_wants_much_memory_is_refused(store: MailStore, account: Account, tmp_path: Path) -> None:
    source = tmp_path / "a.xz"
    source.write_bytes(lzma.compress(trees.mbox_of([1]), preset=9) + b"\0" * 8 + lzma.compress(trees.mbox_of([2])))
    assert (await importing.run(store, account, source, Options(into="Joined"))).imported == 2
    source.write_bytes(wanting_memory(trees.mbox_of([3])))
    with pytest.raises(Failure) as raised:
        await importing.run(store, account, source, Options(into="Large"))
    assert raised.value.kind is Kind.INVALID
    zipped = tmp_path / "a.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a", trees.mbox_of([4]), zipfile.ZIP_LZMA)
        archive.writestr("b", trees.mbox_of([5]), zipfile.ZIP_BZIP2)
    report = await importing.run(store, account, zipped, Options(into="Zip"))
    assert (report.imported, [name for name, _ in report.bad]) == (1, ["a"])


async def test_duplicates_are_left_out_on_demand(store: MailStore, account: Account, tmp_path: Path) -> None:
    source = tmp_path / "box"
    source.write_bytes(trees.mbox_of([1, 2, 1, 3] + [4] * 120))
    report = await importing.run(store, account, source, Options(skip_duplicates=True))
    assert (report.imported, report.duplicates) == (4, 120)
    report = await importing.run(store, account, source, Options(into="Again", skip_duplicates=True))
    assert (report.imported, report.duplicates) == (0, 124)
    assert (await importing.run(store, account, source, Options(into="All"))).imported == 124


async def test_an_import_of_duplicates_alone_goes_on_where_it_stopped(
    store: MailStore, account: Account, tmp_path: Path
) -> None:
    source = tmp_path / "box"
    source.write_bytes(trees.mbox_of(range(120)))
    await importing.run(store, account, source)
    with trio.CancelScope() as scope:

        async def stop(progress: Progress) -> None:
            scope.cancel()
            await trio.lowlevel.checkpoint()

        await importing.run(store, account, source, Options(skip_duplicates=True), progress=stop)
    assert scope.cancelled_caught
    report = await importing.run(store, account, source, Options(skip_duplicates=True))
    assert report.imported == 0
    assert report.duplicates < 120


async def test_what_was_expunged_is_no_duplicate(store: MailStore, account: Account, tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(trees.mbox_of([1]))
    await importing.run(store, account, tmp_path / "box", Options(into="Inbox"))
    inbox = await mailboxes.get(store, account, "Inbox")
    await expunging.erase(store, account, inbox.id, [(1, 1)])
    report = await importing.run(store, account, tmp_path / "box", Options(into="Inbox", skip_duplicates=True))
    assert report.imported == 1


async def test_more_keywords_than_there_are_bits_are_reported(
    store: MailStore, account: Account, tmp_path: Path
) -> None:
    boxes = b"".join(trees.FROM + b"X-Keywords: k%d\n" % number + trees.mail(number) + b"\n" for number in range(70))
    (tmp_path / "box").write_bytes(boxes)
    report = await importing.run(store, account, tmp_path / "box")
    assert report.imported == 70
    held = (await trees.filled(store, account))["box"]
    assert [each.data for each in held] == [stored(number) for number in range(70)]
    assert sum(bool(each.flags) for each in held) + report.bad_total == 70


async def test_the_quota_ends_an_import_which_then_goes_on(store: MailStore, account: Account, tmp_path: Path) -> None:
    numbers = list(range(200))
    (tmp_path / "box").write_bytes(trees.mbox_of(numbers))
    with pytest.raises(Failure) as full:
        await importing.run(store, account, tmp_path / "box", Options(quota=Quota(5000)))
    assert full.value.kind is Kind.QUOTA
    assert 0 < (await mailboxes.get(store, account, "box")).size <= 5000
    report = await importing.run(store, account, tmp_path / "box", Options(quota=Quota(50_000)))
    assert report.before > 0
    assert report.before + report.imported == 200
    assert [each.data for each in (await trees.filled(store, account))["box"]] == [stored(each) for each in numbers]


@pytest.mark.parametrize("kind", ["directory", "tgz", "zip"])
async def test_a_cancelled_import_goes_on_where_it_stopped(
    store: MailStore, account: Account, tmp_path: Path, kind: str
) -> None:
    numbers = list(range(300))
    files = trees.maildir_of(numbers[:150]) | {"box": trees.mbox_of(numbers[150:])}
    source = trees.write_as(kind, tmp_path, files)
    runs = 0
    while True:
        runs += 1
        with trio.CancelScope() as scope:
            seen = 0

            async def stop(progress: Progress, scope: trio.CancelScope = scope) -> None:
                nonlocal seen
                seen += 1
                if seen == 2:
                    scope.cancel()
                await trio.lowlevel.checkpoint()

            report = await importing.run(store, account, source, progress=stop)
        if not scope.cancelled_caught:
            break
        assert runs < 20
    assert runs >= 3
    assert report.before + report.imported == 300
    held = await trees.filled(store, account)
    inbox = [each.data for each in held["Inbox"]]
    assert (inbox if kind == "directory" else sorted(inbox, key=_number)) == [stored(each) for each in numbers[:150]]
    assert [each.data for each in held["box"]] == [stored(each) for each in numbers[150:]]


def _number(data: bytes) -> int:
    return int(data[len(b"Subject: ") : data.index(b"\r")])


async def test_progress_tells_how_far_it_is(store: MailStore, account: Account, tmp_path: Path) -> None:
    source = trees.write_tree(tmp_path / "s", trees.maildir_of(range(120)))
    seen: list[Progress] = []

    async def listen(progress: Progress) -> None:
        seen.append(progress)
        await trio.lowlevel.checkpoint()

    report = await importing.run(store, account, source, progress=listen)
    assert [each.messages for each in seen] == [50, 100, 120]
    assert seen[-1].done == seen[-1].total == sum(len(trees.mail(number)) for number in range(120))
    assert seen[-1].size == report.size


async def test_a_large_message_passes_through(store: MailStore, account: Account, tmp_path: Path) -> None:
    body = b"\0line of a large mail\n" * 200_000
    (tmp_path / "box").write_bytes(trees.FROM + trees.mail(1, body) + b"\n" + trees.mbox_of([2]))
    await importing.run(store, account, tmp_path / "box")
    held = (await trees.filled(store, account))["box"]
    assert [each.data for each in held] == [stored(1, body), stored(2)]


async def test_an_import_after_its_end_begins_again(store: MailStore, account: Account, tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(trees.mbox_of([1]))
    for count in (1, 2):
        report = await importing.run(store, account, tmp_path / "box")
        assert (report.imported, report.before) == (1, 0)
        assert (await mailboxes.get(store, account, "box")).messages == count


async def test_nobody_can_make_mailboxes_without_end(
    store: MailStore, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "MOST", 8)
    files = {f"box{number}": trees.mbox_of([number, number]) for number in range(4)}
    report = await importing.run(store, account, trees.write_tree(tmp_path / "s", files))
    assert (report.imported, report.bad_total) == (4, 4)
    assert len(await mailboxes.listed(store, account)) == 8


async def test_an_archive_cannot_fill_the_memory_with_one_header(
    store: MailStore, account: Account, tmp_path: Path
) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 50_000_000
    data = header.tobuf(tarfile.USTAR_FORMAT) + b"1" * header.size
    (tmp_path / "a.tgz").write_bytes(gzip.compress(data, 1))
    tracemalloc.start()
    try:
        report = await importing.run(store, account, tmp_path / "a.tgz")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (report.imported, report.bad_total) == (0, 1)
    assert peak < 10_000_000


async def test_the_list_of_a_zip_file_is_bounded_before_it_is_read(
    store: MailStore, account: Account, tmp_path: Path
) -> None:
    source = trees.write_zip(tmp_path / "a.zip", {f"{number}": b"" for number in range(100)})
    report = await importing.run(store, account, source, Options(limits=Limits(listed=2)))
    assert report.bad == (("a.zip", "the archive has more than 2 members"),)


async def test_mailboxes_may_be_called_like_files_of_mail_programs(
    store: MailStore, account: Account, tmp_path: Path
) -> None:
    files = {"dovecot-list": trees.mbox_of([1]), "dovecot.index": b"index", "subscriptions": b""}
    report = await importing.run(store, account, trees.write_tree(tmp_path / "s", files))
    assert (set(await trees.filled(store, account)), report.bad) == ({"dovecot-list"}, ())


async def test_a_name_that_is_no_text_can_be_reported(store: MailStore, account: Account, tmp_path: Path) -> None:
    source = trees.write_tree(tmp_path / "s", {})
    (source / os.fsdecode(b"caf\xe9\n")).write_bytes(b"no mail")
    (source / os.fsdecode(b"b\xe9te.mbox")).write_bytes(trees.mbox_of([1]))
    report = await importing.run(store, account, source)
    assert [name for name, _ in report.bad] == ["caf  "]
    assert report.renamed == (("b te", "b_te"),)


async def test_a_target_that_cannot_be_is_refused(store: MailStore, account: Account, tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(trees.mbox_of([1]))
    with pytest.raises(Failure) as bad:
        await importing.run(store, account, tmp_path / "box", Options(into="a//b"))
    assert bad.value.kind is Kind.INVALID
