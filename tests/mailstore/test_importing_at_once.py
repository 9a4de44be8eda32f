"""Two imports of one source at once: every message comes in once, and what is left of an import given up is sealed."""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
import trio
from sqlalchemy import select

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import accounts, importing, mailboxes
from mox_trio.mailstore.importing import Options, Report
from mox_trio.mailstore.progress import Progress
from mox_trio.mailstore.store import DAY, Account, MailStore
from storage_backends.index import schema
from storage_backends.index.api import NO_ACCOUNT, AccountId, Index, ModSeq, Transaction
from storage_backends.index.tables import stores
from tests.kit import damage
from tests.kit import mail_trees as trees
from tests.kit.stores import Kit, opened

T = TypeVar("T")
POSITIONS = select(schema.import_progress.c.position)


class Together:
    """An index whose callers go on after their first write when so many have come so far."""

    def __init__(self, inner: Index, parties: int) -> None:
        self._inner = inner
        self._missing = parties
        self._all = trio.Event()

    async def read(self, unit: Callable[[Transaction], T]) -> T:
        return await self._inner.read(unit)

    async def write(self, accounts: Collection[AccountId], unit: Callable[[Transaction], T]) -> T:
        done = await self._inner.write(accounts, unit)
        self._missing -= 1
        if self._missing <= 0:
            self._all.set()
        await self._all.wait()
        return done

    async def past(self, account: AccountId, modseq: ModSeq) -> ModSeq:
        return await self._inner.past(account, modseq)

    async def now(self) -> int:
        return await self._inner.now()

    async def integrity(self) -> Collection[str]:
        return list(await self._inner.integrity())

    async def aclose(self) -> None:
        await self._inner.aclose()


def mbox(directory: Path, count: int) -> Path:
    source = directory / "box"
    source.write_bytes(trees.mbox_of(range(count)))
    return source


async def inbox(store: MailStore, account: Account) -> list[bytes]:
    return [each.data for each in (await trees.filled(store, account)).get("Inbox", [])]


def all_of(count: int) -> list[bytes]:
    return [trees.stored(number) for number in range(count)]


@pytest.mark.parametrize("count", [1, 200])
async def test_of_imports_at_once_one_wins_and_every_message_is_there_once(
    store: MailStore, account: Account, tmp_path: Path, count: int
) -> None:
    source = mbox(tmp_path, count)
    side_by_side = replace(store, index=Together(store.index, 3))
    outcomes: list[Report | tuple[Kind, str]] = []

    async def one() -> None:
        try:
            outcomes.append(await importing.run(side_by_side, account, source, Options(into="Inbox")))
        except Failure as failure:
            outcomes.append((failure.kind, failure.public))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(one)
    reports = [each for each in outcomes if isinstance(each, Report)]
    assert [each.imported for each in reports] == [count]
    told = "another import of this source is running; it takes what is left"
    assert outcomes.count((Kind.CONFLICT, told)) == 2
    assert await inbox(store, account) == all_of(count)
    assert await damage.look(store, POSITIONS) == []


async def test_an_import_that_is_overtaken_ends_and_the_other_goes_on_behind_it(
    store: MailStore, account: Account, tmp_path: Path
) -> None:
    source, options = mbox(tmp_path, 200), Options(into="Inbox")
    others: list[Report] = []

    async def overtake(progress: Progress) -> None:
        others.append(await importing.run(store, account, source, options))

    with pytest.raises(Failure) as overtaken:
        await importing.run(store, account, source, options, progress=overtake)
    assert overtaken.value.kind is Kind.CONFLICT
    assert [(each.before, each.imported) for each in others] == [(50, 150)]
    assert await inbox(store, account) == all_of(200)


async def test_an_import_that_lost_and_was_cut_off_is_completed_by_the_next(
    store: MailStore, account: Account, tmp_path: Path
) -> None:
    source, options = mbox(tmp_path, 200), Options(into="Inbox")

    async def cut_off(progress: Progress) -> None:
        raise Failure(Kind.UNAVAILABLE, "cut off")

    async def overtake(progress: Progress) -> None:
        with pytest.raises(Failure, match="cut off"):
            await importing.run(store, account, source, options, progress=cut_off)

    with pytest.raises(Failure, match="another import"):
        await importing.run(store, account, source, options, progress=overtake)
    report = await importing.run(store, account, source, options)
    assert (report.before, report.imported) == (100, 100)
    assert await inbox(store, account) == all_of(200)


async def test_one_source_goes_into_two_mailboxes_at_once(store: MailStore, account: Account, tmp_path: Path) -> None:
    source = mbox(tmp_path, 120)
    async with trio.open_nursery() as nursery:
        for into in ("One", "Two"):
            nursery.start_soon(importing.run, store, account, source, Options(into=into))
    for into in ("One", "Two"):
        assert (await mailboxes.get(store, account, into)).messages == 120


async def left_unfinished(store: MailStore, account: Account, source: Path) -> None:
    async def cut_off(progress: Progress) -> None:
        raise Failure(Kind.UNAVAILABLE, "cut off")

    with pytest.raises(Failure, match="cut off"):
        await importing.run(store, account, source, Options(into="Inbox"), progress=cut_off)


async def test_a_restart_begins_at_the_beginning(store: MailStore, account: Account, tmp_path: Path) -> None:
    source = mbox(tmp_path, 120)
    await left_unfinished(store, account, source)
    report = await importing.run(store, account, source, Options(into="Inbox", restart=True))
    assert (report.before, report.imported) == (0, 120)
    assert await damage.look(store, POSITIONS) == []


async def test_a_sealed_position_names_no_file(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    source = trees.write_tree(tmp_path / "s", {"secret": trees.mbox_of(range(60))})
    for sealing in (False, True):
        (tmp_path / str(sealing)).mkdir()
        async with opened(tmp_path / str(sealing), sealing=sealing) as kit:
            account = await accounts.create(kit.store, "ann")
            await left_unfinished(kit.store, account, source)
            ((position,),) = await damage.look(kit.store, POSITIONS)
            assert (b"secret" in position) is not sealing


async def test_imports_that_were_given_up_are_forgotten(kit: Kit, account: Account, tmp_path: Path) -> None:
    store = kit.store
    await left_unfinished(store, account, mbox(tmp_path, 120))
    prune = partial(stores.prune_progress, before=store.now() - DAY)
    assert await store.index.write(NO_ACCOUNT, prune) == 0
    assert len(await damage.look(store, POSITIONS)) == 1
    kit.clock.ahead = 2 * DAY
    prune = partial(stores.prune_progress, before=store.now() - DAY)
    assert await store.index.write(NO_ACCOUNT, prune) == 1
    assert await damage.look(store, POSITIONS) == []
