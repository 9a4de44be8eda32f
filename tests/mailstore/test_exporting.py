"""What is exported comes back the same by an import, in every format and container."""

import os
import random
import resource
import signal
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import accounts, exporting, importing, line_ends, mailboxes
from mox_trio.mailstore.exporting import Container, Format, Options
from mox_trio.mailstore.progress import Progress
from mox_trio.mailstore.store import Account, MailStore
from storage_backends.index.tables import emails
from tests.kit import mail_trees as trees
from tests.kit import stores
from tests.kit.mail_trees import Held

WHEN = 1_700_000_000_123
CONTAINERS = [Container.DIRECTORY, Container.TAR, Container.TGZ, Container.ZIP]


def path_of(container: Container, directory: Path) -> Path:
    return directory / ("out" if container is Container.DIRECTORY else f"out.{container.value}")


async def give(store: MailStore, account: Account) -> None:
    """Mail of many kinds in mailboxes of many names."""
    for number, mailbox in enumerate(["Inbox", "Archive/2020", "Entwürfe/.a:b", "x.mbox", "cur/new", "Inbox/x"]):
        flags = ["\\Seen", "$Junk", "one", "\\Draft", "$Forwarded"][: number + 1]
        await stores.put(store, account, stores.message(f"m{number}"), mailbox, flags=flags, received=WHEN + number)
    from_lines = "From here\r\n>From there\r\nFrom a@b Mon Jan  2 15:04:05 2006\r\n.\r\n\r\r\n"
    odd = stores.message("odd", from_lines, Status="mine", X_Keywords="mine")
    await stores.put(store, account, odd, "Inbox", flags=["\\Answered", "\\Flagged", "\\Deleted"], received=-1500)
    large = stores.message("large", "a line of a large mail\r\n" * 30_000)
    await stores.put(store, account, large, "Inbox", prefix=b"Received: here\r\n", received=WHEN)


def by_content(held: dict[str, list[Held]], *, seconds: bool = False) -> dict[str, list[Held]]:
    """Without order, and times without their fractions where a format has none."""
    unit = 1000 if seconds else 1
    return {
        name: sorted(each._replace(received=each.received // unit * unit) for each in messages)
        for name, messages in held.items()
    }


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("form", list(Format))
async def test_an_account_comes_back_the_same(
    store: MailStore, account: Account, tmp_path: Path, form: Format, container: Container
) -> None:
    await give(store, account)
    target = path_of(container, tmp_path)
    report = await exporting.run(store, account, target, Options(form))
    before = await trees.contents(store, account)
    assert (report.messages, report.errors, report.mailboxes) == (8, (), len(before))
    other = await accounts.create(store, "other")
    assert (await importing.run(store, other, target)).bad == ()
    after = await trees.contents(store, other)
    seconds = form is Format.MBOX
    assert by_content(after, seconds=seconds) == by_content(before, seconds=seconds)
    if container is not Container.DIRECTORY or form is Format.MBOX:
        assert [each.data for each in after["Inbox"]] == [each.data for each in before["Inbox"]]


LINES = st.sampled_from(
    [
        b"From ",
        b"From a@b Mon Jan  2 15:04:05 2006",
        b">",
        b"\r",
        b"\n",
        b"Status: R",
        b"X-Keywords: a\n",
        b"x",
        b"\0\xff",
    ]
)
MAILS = st.lists(LINES, max_size=12).map(lambda parts: line_ends.to_crlf(b"".join(parts)) + b"\r\n")
FLAGS = st.sets(st.sampled_from(["\\Seen", "\\Draft", "$MDNSent", "$Forwarded", "k1", "k2", "K-3"]))
NAMES = st.sampled_from(["Inbox", "a/b", "tmp", "#x".replace("#", "+"), "ü", "a.sbd"])


@pytest.mark.parametrize("form", list(Format))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mails=st.lists(st.tuples(NAMES, MAILS, FLAGS, st.integers(0, 4_000_000_000_000)), max_size=6),
    container=st.sampled_from(CONTAINERS),
)
async def test_any_mail_comes_back_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    form: Format,
    mails: list[tuple[str, bytes, set[str], int]],
    container: Container,
) -> None:
    directory = tmp_path_factory.mktemp("any")
    async with stores.opened(directory) as kit:
        account = await accounts.create(kit.store, "ann")
        for name, data, flags, received in mails:
            await stores.put(kit.store, account, data, name, flags=sorted(flags), received=received)
        target = path_of(container, directory)
        await exporting.run(kit.store, account, target, Options(form))
        other = await accounts.create(kit.store, "other")
        await importing.run(kit.store, other, target)
        seconds = form is Format.MBOX
        assert by_content(await trees.contents(kit.store, other), seconds=seconds) == by_content(
            await trees.contents(kit.store, account), seconds=seconds
        )


async def test_one_mailbox_with_or_without_those_below(store: MailStore, account: Account, tmp_path: Path) -> None:
    await give(store, account)
    await exporting.run(store, account, tmp_path / "one", Options(mailbox="Inbox"))
    assert sorted(os.listdir(tmp_path / "one")) == ["Inbox"]
    assert not (tmp_path / "one" / "Inbox" / "x").exists()
    await exporting.run(store, account, tmp_path / "all", Options(mailbox="Inbox", recursive=True))
    assert len(os.listdir(tmp_path / "all" / "Inbox" / "x" / "cur")) == 1
    with pytest.raises(Failure) as missing:
        await exporting.run(store, account, tmp_path / "none", Options(mailbox="None"))
    assert missing.value.kind is Kind.NOT_FOUND


async def test_one_mailbox_as_one_file_of_chosen_messages(store: MailStore, account: Account, tmp_path: Path) -> None:
    for number in range(5):
        await stores.put(store, account, stores.message(str(number)), received=WHEN)
    target = tmp_path / "Inbox.mbox"
    report = await exporting.run(store, account, target, Options(Format.MBOX, mailbox="Inbox", ranges=[(2, 3), (5, 5)]))
    assert report.messages == 3
    assert target.stat().st_mode & 0o777 == 0o600
    await importing.run(store, account, target, importing.Options(into="Back"))
    back = (await trees.filled(store, account))["Back"]
    assert [each.data for each in back] == [stores.message(str(number)) for number in (1, 2, 4)]
    with pytest.raises(Failure) as several:
        await exporting.run(store, account, tmp_path / "all.mbox", Options(Format.MBOX))
    assert several.value.kind is Kind.INVALID


async def test_nothing_that_exists_is_overwritten(store: MailStore, account: Account, tmp_path: Path) -> None:
    await give(store, account)
    for name in ("out.tar", "out.tgz", "out.zip", "out.mbox", "out"):
        (tmp_path / name).write_bytes(b"precious")
        with pytest.raises(Failure) as refused:
            await exporting.run(store, account, tmp_path / name, Options(Format.MBOX, mailbox="Inbox"))
        assert refused.value.kind is Kind.EXISTS
        assert (tmp_path / name).read_bytes() == b"precious"
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "x").write_bytes(b"precious")
    with pytest.raises(Failure) as full:
        await exporting.run(store, account, tmp_path / "dir")
    assert full.value.kind is Kind.EXISTS
    assert os.listdir(tmp_path / "dir") == ["x"]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("form", list(Format))
async def test_a_cancelled_export_leaves_nothing_that_looks_whole(
    store: MailStore, account: Account, tmp_path: Path, form: Format, container: Container
) -> None:
    await give(store, account)
    target = path_of(container, tmp_path)
    with trio.CancelScope() as scope:

        async def stop(progress: Progress) -> None:
            if progress.messages >= 4:
                scope.cancel()
            await trio.lowlevel.checkpoint()

        await exporting.run(store, account, target, Options(form), progress=stop)
    assert scope.cancelled_caught
    if container is not Container.DIRECTORY:
        assert not target.exists()
        assert not [name for name in os.listdir(tmp_path) if name.startswith("out")]
        return
    report = await exporting.run(store, account, target, Options(form, resume=True))
    assert report.before > 0
    assert report.before + report.messages == 8
    other = await accounts.create(store, "other")
    assert (await importing.run(store, other, target)).imported == 8
    seconds = form is Format.MBOX
    assert by_content(await trees.contents(store, other), seconds=seconds) == by_content(
        await trees.contents(store, account), seconds=seconds
    )


async def test_what_cannot_be_read_is_noted(store: MailStore, account: Account, tmp_path: Path) -> None:
    for number in range(3):
        await stores.put(store, account, stores.message(str(number)))
    place = (await store.index.read(lambda tx: emails.places(tx, account.id, 0)))[1]
    await store.bodies[place.store].delete([place.ref])
    report = await exporting.run(store, account, tmp_path / "out.tar")
    assert (report.messages, report.errors_total) == (2, 1)
    with tarfile.open(tmp_path / "out.tar") as tar:
        errors = tar.extractfile("errors.txt")
        assert errors is not None
        assert errors.read().startswith(b"Inbox UID 2: ")
    report = await exporting.run(store, account, tmp_path / "o.mbox", Options(Format.MBOX, mailbox="Inbox"))
    assert (tmp_path / "o.mbox.errors.txt").read_bytes().startswith(b"Inbox UID 2: ")
    (tmp_path / "o.mbox").unlink()
    await exporting.run(store, account, tmp_path / "o.mbox", Options(Format.MBOX, mailbox="Inbox"))
    assert (tmp_path / "o.mbox.errors.1.txt").exists()


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file can grow beyond 100,000 bytes: writing on fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("name", ["out.tar", "out.zip", "out.mbox"])
async def test_a_full_disk_ends_an_export_and_leaves_nothing(
    store: MailStore, account: Account, tmp_path: Path, request: pytest.FixtureRequest, name: str
) -> None:
    for number in range(40):
        noise = random.Random(number).randbytes(3000).hex()
        await stores.put(store, account, stores.message(str(number), noise))
    request.getfixturevalue("small_files")
    with pytest.raises(Failure) as full:
        await exporting.run(store, account, tmp_path / name, Options(Format.MBOX, mailbox="Inbox"))
    assert full.value.kind is Kind.UNAVAILABLE
    assert not [each for each in os.listdir(tmp_path) if each.startswith("out")]


async def test_more_keywords_than_letters_are_noted(store: MailStore, account: Account, tmp_path: Path) -> None:
    for number in range(30):
        await stores.put(store, account, stores.message(str(number)), flags=[f"k{number}"])
    report = await exporting.run(store, account, tmp_path / "out", Options(mailbox="Inbox"))
    assert (report.messages, report.errors_total) == (30, 4)


async def test_an_empty_account_is_its_mailboxes(store: MailStore, account: Account, tmp_path: Path) -> None:
    await mailboxes.create(store, account, "Deep/er")
    await exporting.run(store, account, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert "Deep/er/cur/" in archive.namelist()
    other = await accounts.create(store, "other")
    await importing.run(store, other, tmp_path / "out.zip")
    assert {row.name for row in await mailboxes.listed(store, other)} >= {"Deep", "Deep/er", "Inbox"}


async def test_progress_reaches_the_whole(store: MailStore, account: Account, tmp_path: Path) -> None:
    await give(store, account)
    seen: list[Progress] = []

    async def listen(progress: Progress) -> None:
        seen.append(progress)
        await trio.lowlevel.checkpoint()

    report = await exporting.run(store, account, tmp_path / "out", progress=listen)
    assert seen[-1] == Progress(report.messages, report.size, report.size, report.size)
