"""Any sequence of operations leaves a store as a simple model says, and whoever pulls changes sees the same."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mox_trio.base.failure import Failure
from mox_trio.mailstore import accounts, changes, expunging, flagging, mailboxes, moving, reading, upkeep, verifying
from mox_trio.mailstore.flagging import Change
from mox_trio.mailstore.store import HOUR, Account, MailStore
from storage_backends.index.api import ModSeq
from storage_backends.index.open import open_postgres
from storage_backends.index.tables import flags as bits
from storage_backends.index.tables.mailboxes import MailboxRow
from storage_backends.index.tables.messages import Ranges
from tests.kit import stores

FLAGS = {"\\Seen": bits.SEEN, "\\Deleted": bits.DELETED, "\\Flagged": bits.FLAGGED}
BEGINNING = ModSeq(0)
names = itertools.count()


@dataclass
class Box:
    """A mailbox of the model: flags by UID."""

    uidnext: int = 1
    flags: dict[int, int] = field(default_factory=dict)

    def chosen(self, ranges: Ranges) -> list[int]:
        return [uid for uid in sorted(self.flags) if any(first <= uid <= last for first, last in ranges)]

    def add(self, flags: int) -> int:
        self.flags[self.uidnext] = flags
        self.uidnext += 1
        return self.uidnext - 1


class Refused(Exception):
    """The model says that the operation fails and changes nothing."""


class Model:
    """Mailboxes by name."""

    def __init__(self) -> None:
        self.boxes = {name: Box() for name in ("Inbox", "Sent", "Drafts", "Archive", "Trash", "Junk")}

    def box(self, name: str) -> Box:
        if name not in self.boxes:
            raise Refused(name)
        return self.boxes[name]

    def create(self, name: str) -> None:
        if name in self.boxes:
            raise Refused(name)
        self._with_parents(name)

    def _with_parents(self, name: str) -> None:
        levels = name.split("/")
        for depth in range(1, len(levels) + 1):
            self.boxes.setdefault("/".join(levels[:depth]), Box())

    def delete(self, name: str) -> None:
        self.box(name)
        if name == "Inbox" or any(each.startswith(name + "/") for each in self.boxes):
            raise Refused(name)
        del self.boxes[name]

    def rename(self, old: str, new: str) -> None:
        if new == old or new.startswith(old + "/"):
            raise Refused(new)
        self.box(old)
        moving_names = [each for each in self.boxes if each == old or each.startswith(old + "/")]
        if old == "Inbox":
            self.create(new)
            self.take("Inbox", ((1, 2**32),), new, keep=False)
            return
        if any(new + each[len(old) :] in self.boxes for each in moving_names):
            raise Refused(new)
        if "/" in new:
            self._with_parents(new.rpartition("/")[0])
        for each in moving_names:
            self.boxes[new + each[len(old) :]] = self.boxes.pop(each)

    def deliver(self, name: str, flags: int) -> int:
        self._with_parents(name)
        return self.boxes[name].add(flags)

    def take(self, source: str, ranges: Ranges, target: str, *, keep: bool) -> tuple[list[int], int]:
        """Copy or move; gives the sources and the first UID in the target."""
        origin, goal = self.box(source), self.box(target)
        chosen, first = origin.chosen(ranges), goal.uidnext
        for uid in chosen:
            goal.add(origin.flags[uid])
        if not keep:
            for uid in chosen:
                del origin.flags[uid]
        return chosen, first


@dataclass
class View:
    """What a session knows that only pulls changes."""

    modseq: ModSeq = BEGINNING
    names: dict[int, str] = field(default_factory=dict)
    messages: dict[int, dict[int, tuple[int, int]]] = field(default_factory=dict)

    async def pull(self, store: MailStore, account: Account) -> None:
        news = await changes.since(store, account, self.modseq)
        for row in news.mailboxes:
            self.names[row.id] = row.name
            self.messages.setdefault(row.id, {})
            if row.gone:
                del self.names[row.id], self.messages[row.id]
        for mailbox, inside in news.messages.items():
            for uid in inside.vanished:
                self.messages[mailbox].pop(uid, None)
            for message in inside.changed:
                self.messages[mailbox][message.uid] = (message.flags, message.modseq)
        self.modseq = news.modseq


class World:
    """A store and its model."""

    def __init__(self, kit: stores.Kit, account: Account) -> None:
        self.kit = kit
        self.store = kit.store
        self.account = account
        self.model = Model()
        self.eager = View()
        self.lazy = View()
        self.uids: dict[int, int] = {}

    async def rows(self) -> dict[str, MailboxRow]:
        return {row.name: row for row in await mailboxes.listed(self.store, self.account)}

    async def agree(self) -> None:
        """The rows are as the model says, the counts as the rows say, and the eager session sees the same."""
        before = self.eager.modseq
        await self.eager.pull(self.store, self.account)
        assert self.eager.modseq > before
        rows = await self.rows()
        assert set(rows) == set(self.model.boxes)
        assert {name: row.id for name, row in rows.items()} == {name: each for each, name in self.eager.names.items()}
        for name, row in rows.items():
            box = self.model.boxes[name]
            inside = await reading.rows(self.store, row.id)
            assert {each.uid: each.flags for each in inside} == box.flags
            assert row.uidnext == box.uidnext
            assert row.uidnext >= self.uids.get(row.id, 1)
            self.uids[row.id] = row.uidnext
            counted = (
                len(inside),
                sum(not each.flags & bits.SEEN for each in inside),
                sum(bool(each.flags & bits.DELETED) for each in inside),
                sum(each.size for each in inside),
                sum(each.size for each in inside if each.flags & bits.DELETED),
            )
            assert (row.messages, row.unseen, row.deleted, row.size, row.deleted_size) == counted
            assert self.eager.messages[row.id] == {each.uid: (each.flags, each.modseq) for each in inside}
            assert all(each.modseq <= row.highest_modseq <= self.eager.modseq for each in inside)


async def deliver(world: World, name: str, flags: list[str]) -> None:
    expected = world.model.deliver(name, sum(FLAGS[each] for each in flags))
    delivered = await stores.put(world.store, world.account, stores.message(name), name, flags=flags)
    assert delivered.uid == expected


async def transfer(world: World, source: str, ranges: Ranges, target: str, keep: bool) -> None:
    rows = await world.rows()
    work = moving.copy if keep else moving.move
    try:
        expected = world.model.take(source, ranges, target, keep=keep)
    except Refused:
        if source in rows:
            with pytest.raises(Failure):
                await work(world.store, world.account, rows[source].id, ranges, target)
        return
    done = await work(world.store, world.account, rows[source].id, ranges, target)
    assert (done.sources, done.first) == expected


async def flag(world: World, name: str, ranges: Ranges, change: Change, flags: list[str]) -> None:
    rows = await world.rows()
    if name not in rows:
        return
    named = sum(FLAGS[each] for each in flags)
    box, changed = world.model.boxes[name], 0
    for uid in box.chosen(ranges):
        old = box.flags[uid]
        box.flags[uid] = {Change.ADD: old | named, Change.REMOVE: old & ~named, Change.REPLACE: named}[change]
        changed += box.flags[uid] != old
    stored = await flagging.store_flags(world.store, world.account, rows[name].id, ranges, change, flags)
    assert stored.changed == changed


async def expunge(world: World, name: str, ranges: Ranges, deleted_only: bool) -> None:
    rows = await world.rows()
    if name not in rows:
        return
    box = world.model.boxes[name]
    going = [uid for uid in box.chosen(ranges) if not deleted_only or box.flags[uid] & bits.DELETED]
    for uid in going:
        del box.flags[uid]
    work = expunging.expunge if deleted_only else expunging.erase
    assert (await work(world.store, world.account, rows[name].id, ranges)).uids == going


async def on_names(world: World, what: str, *given_names: str) -> None:
    """Create, delete or rename."""
    works: dict[str, Callable[..., Awaitable[object]]] = {
        "create": mailboxes.create,
        "delete": mailboxes.delete,
        "rename": mailboxes.rename,
    }
    work = works[what]
    try:
        getattr(world.model, what)(*given_names)
    except Refused:
        with pytest.raises(Failure):
            await work(world.store, world.account, *given_names)
        return
    await work(world.store, world.account, *given_names)


async def pull_late(world: World) -> None:
    await world.lazy.pull(world.store, world.account)
    rows = await world.rows()
    for name, row in rows.items():
        assert {uid: flags for uid, (flags, _) in world.lazy.messages[row.id].items()} == world.model.boxes[name].flags


BOXES = st.sampled_from(["Inbox", "Inbox", "A", "A", "A/B", "C", "Archive"])
RANGES = st.just([(1, 2**32 - 1)]) | st.lists(
    st.tuples(st.integers(1, 8), st.sampled_from([0, 0, 1, 3, 2**31])).map(lambda each: (each[0], sum(each))),
    min_size=1,
    max_size=3,
)
SOME_FLAGS = st.lists(st.sampled_from(sorted(FLAGS)), unique=True, max_size=2)
OPERATIONS = st.one_of(
    st.tuples(st.just(deliver), BOXES, SOME_FLAGS),
    st.tuples(st.just(deliver), BOXES, SOME_FLAGS),
    st.tuples(st.just(transfer), BOXES, RANGES, BOXES, st.booleans()),
    st.tuples(st.just(flag), BOXES, RANGES, st.sampled_from(Change), SOME_FLAGS),
    st.tuples(st.just(expunge), BOXES, RANGES, st.booleans()),
    st.tuples(st.just(on_names), st.just("create"), BOXES),
    st.tuples(st.just(on_names), st.just("delete"), BOXES),
    st.tuples(st.just(on_names), st.just("rename"), BOXES, BOXES),
    st.tuples(st.just(pull_late)),
)


async def scenario(directory: Path, conninfo: str | None, operations: list[tuple[object, ...]]) -> None:
    index = None if conninfo is None else await open_postgres(conninfo, 6)
    async with stores.opened(directory, index=index) as kit:
        world = World(kit, await accounts.create(kit.store, f"ann{next(names)}"))
        await world.agree()
        for number in range(6):
            await deliver(world, ("Inbox", "A")[number % 2], sorted(FLAGS)[: number % 3])
        for work, *arguments in operations:
            await cast(Callable[..., Awaitable[None]], work)(world, *arguments)
            await kit.store.index.write([world.account.id], lambda tx: None)  # a modseq also where nothing was done
            await world.agree()
        await pull_late(world)
        assert [finding async for finding in verifying.run(kit.store, bodies=True)] == []
        kit.clock.ahead = 2 * HOUR
        await upkeep.run(kit.store)
        assert [finding async for finding in verifying.run(kit.store)] == []
        await accounts.remove(kit.store, world.account.name)
        assert [info async for info in kit.store.bodies["main"].refs()] == []
    if index is not None:
        await index.aclose()


OPERATION_LISTS = st.lists(OPERATIONS, min_size=8, max_size=25)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(operations=OPERATION_LISTS)
def test_a_store_on_sqlite_is_as_a_simple_model_says(tmp_path: Path, operations: list[tuple[object, ...]]) -> None:
    trio.run(scenario, tmp_path, None, operations)


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(operations=OPERATION_LISTS)
def test_a_store_on_postgres_is_as_a_simple_model_says(
    tmp_path: Path, postgres_database: str, operations: list[tuple[object, ...]]
) -> None:
    trio.run(scenario, tmp_path, postgres_database, operations)
