"""Searching: every filter finds what a straightforward look at each message finds."""

import datetime
import gc
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.base.failure import Failure, Kind
from mox_trio.mailstore import accounts, reading
from mox_trio.mailstore.search import columns, filters, run
from mox_trio.mailstore.search.filters import (
    All,
    And,
    Body,
    Dated,
    EmailId,
    Filter,
    Flag,
    Header,
    Instant,
    Larger,
    MessageId,
    ModSeq,
    Not,
    Older,
    Or,
    Relation,
    Smaller,
    Subject,
    Text,
    ThreadId,
    UidIn,
    Younger,
)
from mox_trio.mailstore.store import Account, MailStore
from mox_trio.protocol.mime import structure_codec
from storage_backends.bodies.api import Bytes, read
from storage_backends.bodies.api import key as body_key
from storage_backends.errors import Corrupt, Unavailable
from storage_backends.index.api import EmailId as EmailRowId
from storage_backends.index.api import MailboxId, Transaction
from storage_backends.index.open import open_postgres
from storage_backends.index.tables import emails, mailboxes
from tests.kit import searched, stores
from tests.kit.searched import DAY, T0, Known


@dataclass
class Inbox:
    """A mailbox with the messages of `searched`, each received half a day after the one before."""

    store: MailStore
    account: Account
    mailbox_id: MailboxId
    known: list[Known]

    async def find(self, wanted: Filter) -> list[int]:
        return list(await run.uids(self.store, self.account, self.mailbox_id, wanted))

    def expected(self, wanted: Filter) -> list[int]:
        now = self.store.now()
        return [each.uid for each in self.known if searched.matches(wanted, each, now)]


@pytest.fixture
async def inbox(store: MailStore, account: Account) -> Inbox:
    return await filled(store, account)


async def filled(store: MailStore, account: Account) -> Inbox:
    known = []
    for number, (data, flags) in enumerate(zip(searched.MESSAGES, searched.FLAGS, strict=True)):
        received = T0 + number * DAY // 2
        placed = await stores.put(store, account, data, flags=flags, received=received)
        known.append(Known(placed.uid, data, flags, received, 0, placed.modseq, placed.object_id, placed.thread_id))
    mailbox = await store.index.read(lambda tx: mailboxes.by_name(tx, account.id, "Inbox"))
    assert mailbox is not None
    return Inbox(store, account, mailbox.id, known)


# -- every leaf, in the small

LEAVES: list[Filter] = [
    All(),
    *(Flag(name) for name in ("\\seen", "\\Flagged", "Work", "later", "$forwarded", "\\Deleted", "unheard-of")),
    UidIn(((2, 4),)),
    UidIn(((1, 1), (3, 3), (5, 2**32 - 1))),
    UidIn(tuple((uid, uid) for uid in range(1, 80, 2))),
    UidIn(()),
    Larger(0),
    Larger(len(searched.PLAIN)),
    Larger(2**63 - 1),
    Smaller(len(searched.PLAIN)),
    Smaller(0),
    *(Younger(seconds) for seconds in (0, 10**6, 2**40)),
    *(Older(seconds) for seconds in (0, 10**6, 2**40)),
    *(
        Dated(instant, relation, datetime.date(2023, 11, 1) + datetime.timedelta(days))
        for instant in (Instant.RECEIVED, Instant.SENT)
        for relation in Relation
        for days in (-2, 11, 12, 13, 14, 15, 16, 30)
    ),
    MessageId("<lunch.1@EXAMPLE.org>"),
    MessageId("lunch.2@example.org"),
    *(Subject(word) for word in searched.WORDS),
    *(Body(word) for word in searched.WORDS),
    *(Text(word) for word in searched.WORDS),
    *(Header(name, word) for name in searched.NAMES for word in searched.WORDS),
]


async def test_every_condition_finds_what_a_look_at_each_message_finds(inbox: Inbox) -> None:
    wrong = [(each, found) for each in LEAVES if (found := await inbox.find(each)) != inbox.expected(each)]
    assert wrong == []


async def test_the_same_is_found_on_postgres(postgres_database: str, tmp_path: Path) -> None:
    index = await open_postgres(postgres_database)
    try:
        async with stores.opened(tmp_path, index=index) as kit:
            inbox = await filled(kit.store, await accounts.create(kit.store, "ann"))
            several = [*LEAVES, Or((*LEAVES[:9], Not(LEAVES[3]))), And((Not(And(())), *LEAVES[9:12])), Or(())]
            several += [EmailId(inbox.known[0].object_id), Not(ThreadId(inbox.known[1].thread_id)), ModSeq(3)]
            wrong = [(each, found) for each in several if (found := await inbox.find(each)) != inbox.expected(each)]
            assert wrong == []
    finally:
        await index.aclose()


async def test_the_conditions_of_these_tests_divide_the_messages(inbox: Inbox) -> None:
    """Else a search that finds nothing, or everything, would pass."""
    kinds: dict[type, set[int]] = {}
    for each in LEAVES:
        kinds.setdefault(type(each), set()).add(len(inbox.expected(each)))
    for kind, counts in kinds.items():
        assert kind is All or len(counts) > 1, kind


DECODED: list[tuple[Filter, list[int]]] = [
    (Subject("grüsse AUS münchen and more"), [2]),  # words side by side, a folded line, ß and ss
    (Header("From", "JÜRGEN"), [2]),
    (Body("harbour"), [1, 2]),  # a soft line break within; not in a preamble, not in an attachment
    (Body("strassenrand"), [2]),
    (Body("naoī émile CAFÉ"), [3]),  # base64
    (Body("café twelve"), [4]),  # the subject of a message within
    (Body("innermost"), [4]),
    (Body("plain part"), []),
    (Text("plain part"), [3]),  # the header of a part
    (Text("application/octet"), [4]),
    (Subject("café"), [6]),  # decomposed in the message
    (Header("X-Last", "harbour"), [7]),  # behind the part of the header that is kept
    (Text("harbour at the end"), [7]),
    (Header("To", "second@"), [3]),  # the second field of this name
    (Header("X-Empty", ""), [5]),
    (Body("cafe"), []),
    (Body("weekly <b>fri"), [3]),  # HTML as it is written
    (Body("alt\r\n"), []),
]


async def test_text_is_found_decoded(inbox: Inbox) -> None:
    assert [(wanted, await inbox.find(wanted)) for wanted, _ in DECODED] == DECODED


async def test_the_day_of_sending_is_the_one_written_in_the_message(inbox: Inbox) -> None:
    # The first was sent on the 14th at 18:30 UTC, the second on the 14th at 15:30 UTC, but where it was the 15th.
    day = datetime.date(2023, 11, 14)
    assert await inbox.find(Dated(Instant.SENT, Relation.BEFORE, day)) == [3, 6]
    assert await inbox.find(Dated(Instant.SENT, Relation.ON, day)) == [1]
    assert await inbox.find(Dated(Instant.SENT, Relation.SINCE, day)) == [1, 2, 4, 7]


async def test_ids_of_mails_and_threads_are_looked_up(inbox: Inbox) -> None:
    for each in inbox.known:
        assert await inbox.find(EmailId(each.object_id)) == [each.uid]
        assert await inbox.find(Not(ThreadId(each.thread_id))) == inbox.expected(Not(ThreadId(each.thread_id)))
        assert await inbox.find(ModSeq(each.modseq)) == inbox.expected(ModSeq(each.modseq))
    assert await inbox.find(Or((EmailId("nothing"), EmailId(inbox.known[2].object_id)))) == [3]


async def test_the_day_of_saving_is_today(inbox: Inbox) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    near = Dated(Instant.SAVED, Relation.SINCE, today - datetime.timedelta(1))
    assert await inbox.find(near) == [1, 2, 3, 4, 5, 6, 7]
    assert await inbox.find(Not(near)) == []


# -- trees


def trees() -> st.SearchStrategy[Filter]:
    leaves = st.sampled_from(LEAVES)

    def above(parts: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
        several = st.lists(parts, max_size=4).map(tuple)
        return st.builds(Not, parts) | st.builds(And, several) | st.builds(Or, several)

    return st.recursive(leaves, above, max_leaves=12)


@settings(max_examples=15, deadline=None)
@given(wanted=st.lists(trees(), min_size=10, max_size=30), sealing=st.booleans())
async def test_any_tree_finds_what_a_look_at_each_message_finds(wanted: list[Filter], sealing: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with stores.opened(Path(directory), sealing=sealing) as kit:
            inbox = await filled(kit.store, await accounts.create(kit.store, "ann"))
            for tree in wanted:
                assert await inbox.find(tree) == inbox.expected(tree)


async def test_pages_are_the_whole_answer_in_order(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for most in (1, 2, 3, 7):
        monkeypatch.setattr(run, "ROWS", most)
        monkeypatch.setattr(columns, "COLUMNS", most)
        monkeypatch.setattr(columns, "HEADERS", most)
        monkeypatch.setattr(columns, "SUBJECTS", most)
        for tree in (Not(Flag("\\Seen")), Or((Subject("e"), Body("harbour"))), Text("example"), All()):
            pages = [page async for page in run.pages(inbox.store, inbox.account, [inbox.mailbox_id], tree)]
            assert [uid for page in pages for uid in page.uids] == inbox.expected(tree)
            assert pages[-1].last == 7
            assert all(page.uids == sorted(page.uids) for page in pages)


async def test_several_mailboxes_are_searched_one_after_the_other(inbox: Inbox) -> None:
    placed = await stores.put(inbox.store, inbox.account, searched.PLAIN, "Sent")
    mailbox_ids = [placed.mailbox_id, inbox.mailbox_id]
    pages = run.pages(inbox.store, inbox.account, mailbox_ids, Subject("lunch"))
    assert [(page.mailbox_id, page.uids) async for page in pages] == [
        (placed.mailbox_id, [placed.uid]),
        (inbox.mailbox_id, [1]),
    ]


async def test_a_mailbox_of_another_account_is_not_searched(inbox: Inbox) -> None:
    other = await accounts.create(inbox.store, "eve")
    with pytest.raises(Failure) as caught:
        await run.uids(inbox.store, other, inbox.mailbox_id, All())
    assert caught.value.kind is Kind.NOT_FOUND


# -- what is read, and what fails


class Watched:
    """Bodies that say which octets were asked for, and that can be away."""

    def __init__(self, inbox: Inbox) -> None:
        self.asked: list[tuple[int, int | None]] = []
        self.fails: Exception | None = None
        self._open = reading.open_mail
        self._whole = reading.whole
        self.store = inbox.store

    def __call__(
        self,
        store: MailStore,
        account: Account,
        email_id: EmailRowId,
        start: int = 0,
        stop: int | None = None,
        located: reading.Located | None = None,
    ) -> object:
        self.asked.append((start, stop))
        if self.fails is not None:
            raise self.fails
        return self._open(store, account, email_id, start, stop, located)

    async def whole(
        self, store: MailStore, account: Account, mails: Sequence[reading.Located]
    ) -> list[bytes | Failure | Corrupt]:
        self.asked += [(0, None)] * len(mails)
        if self.fails is not None:
            raise self.fails
        return await self._whole(store, account, mails)


@pytest.fixture
def watched(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched(inbox)
    monkeypatch.setattr(reading, "open_mail", watched)
    monkeypatch.setattr(reading, "whole", watched.whole)
    return watched


async def test_no_body_is_opened_for_what_rows_and_columns_decide(inbox: Inbox, watched: Watched) -> None:
    cheap = And((Flag("\\Flagged"), Body("friday")))
    for tree in (Flag("\\Seen"), Subject("news"), And((Subject("nowhere"), Body("e"))), Or((All(), Body("e")))):
        await inbox.find(tree)
        assert watched.asked == []
    await inbox.find(cheap)
    assert len(watched.asked) == 1
    watched.asked.clear()
    await inbox.find(And((UidIn(((1, 6),)), Header("X-Last", "harbour"))))
    assert watched.asked == []


async def test_attachments_are_not_read(inbox: Inbox, watched: Watched) -> None:
    attachment = b"QUFB" * 100_000
    data = searched.FORWARDED.replace(b"aGFyYm91ciBsdW5jaCBuZWVkbGU=", attachment)
    placed = await stores.put(inbox.store, inbox.account, data)
    only = And((UidIn(((placed.uid, placed.uid),)), Body("nowhere at all")))
    assert await inbox.find(only) == []
    assert len(watched.asked) == 1
    start, stop = watched.asked[0]
    assert stop is not None
    assert stop - start < 1000


async def test_a_text_is_found_across_blocks_whatever_its_length(inbox: Inbox) -> None:
    text = b"0123456789abcde\r\n" * 60_000
    for place in (262_143, 262_140, 524_280, 1_000_000):
        data = b"Subject: long\r\n\r\n" + text[:place] + "Ünder the brïdge".encode() + text[place:]
        placed = await stores.put(inbox.store, inbox.account, data)
        chosen = UidIn(((placed.uid, placed.uid),))
        assert await inbox.find(And((chosen, Body("ünder THE brïdge")))) == [placed.uid]
        assert await inbox.find(And((chosen, Body("under the bridge")))) == []


async def test_unavailable_bodies_fail_the_search(inbox: Inbox, watched: Watched) -> None:
    watched.fails = Unavailable("away")
    with pytest.raises(Unavailable):
        await inbox.find(Body("harbour"))


async def test_a_search_leaves_no_cycles_of_objects(inbox: Inbox) -> None:
    for _ in range(10):
        await stores.put(inbox.store, inbox.account, stores.message("more", "harbour\r\n" * 10))
    for wanted in (Text("harbour"), Body("nowhere"), Subject("lunch"), Header("from", "ann")):
        await inbox.find(wanted)
        gc.collect()
        await inbox.find(wanted)
        assert gc.collect() < 10


async def test_a_message_without_its_body_is_named_and_spoils_nothing(inbox: Inbox) -> None:
    bodies = inbox.store.bodies["main"]
    keys = [info.key async for info in bodies.refs(inbox.account.id)]
    located = await reading.rows(inbox.store, inbox.mailbox_id)
    first = await reading.locate(inbox.store, inbox.account, located[0].email_id)
    assert body_key(first.place.ref) in keys
    await bodies.delete([first.place.ref])
    pages = [page async for page in run.pages(inbox.store, inbox.account, [inbox.mailbox_id], Body("harbour"))]
    assert [(page.uids, page.unreadable) for page in pages] == [([2], [1])]
    assert await inbox.find(Subject("lunch")) == [1]


async def test_a_row_that_does_not_open_is_named_and_spoils_nothing(tmp_path: Path) -> None:
    async with stores.opened(tmp_path, sealing=True) as kit:
        inbox = await filled(kit.store, await accounts.create(kit.store, "ann"))
        engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'index.db'}")
        with engine.begin() as connection:
            swapped = "UPDATE email SET {0} = (SELECT {0} FROM email WHERE id = 2) WHERE id = 1"
            for column in ("summary", "header", "parts"):
                connection.execute(sqlalchemy.text(swapped.format(column)))
        engine.dispose()
        for wanted, uids in ((Subject("grüße"), [2]), (Header("to", "last@"), [7]), (Body("harbour"), [2])):
            pages = run.pages(kit.store, inbox.account, [inbox.mailbox_id], wanted)
            assert [(page.uids, page.unreadable) async for page in pages] == [(uids, [1])]
        assert await inbox.find(Flag("\\Seen")) == [2, 3]


async def test_a_part_tree_of_another_version_is_made_again(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure_codec, "VERSION", structure_codec.VERSION + 1)
    for wanted in (Body("harbour"), Body("innermost"), Text("plain part")):
        assert await inbox.find(wanted) == inbox.expected(wanted) != []


async def test_a_body_that_moves_while_it_is_searched_is_found_where_it_went(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = inbox.store.bodies["main"], inbox.store.bodies["other"]
    sifted = columns.sift
    rows = await reading.rows(inbox.store, inbox.mailbox_id)
    located = [await reading.locate(inbox.store, inbox.account, row.email_id) for row in rows]
    moved = [await new.put(inbox.account.id, Bytes(await read(old, each.place.ref))) for each in located]

    async def move() -> None:
        for each, ref in zip(located, moved, strict=True):
            was, now = ("main", each.place.ref), ("other", ref)
            await inbox.store.index.write(
                [inbox.account.id], partial(emails.move, email_id=each.place.email_id, old=was, new=now)
            )
        await old.delete([each.place.ref for each in located])

    def sift_and_move(tx: Transaction, **arguments: Any) -> Any:
        found = sifted(tx, **arguments)
        trio.from_thread.run(move, trio_token=token)
        return found

    token = trio.lowlevel.current_trio_token()
    monkeypatch.setattr(columns, "sift", sift_and_move)
    assert await inbox.find(Body("harbour")) == [1, 2]


async def test_a_search_can_be_cancelled(inbox: Inbox, watched: Watched) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await inbox.find(Body("harbour"))
    assert scope.cancelled_caught
    assert await inbox.find(Body("harbour")) == [1, 2]


# -- limits


def nested(depth: int) -> Filter:
    wanted: Filter = All()
    for _ in range(depth - 1):
        wanted = Not(wanted)
    return wanted


async def test_a_filter_at_its_limits_is_answered(inbox: Inbox) -> None:
    assert await inbox.find(nested(filters.DEPTH)) == ([] if filters.DEPTH % 2 == 0 else [1, 2, 3, 4, 5, 6, 7])
    assert await inbox.find(Or(tuple(Flag("\\Seen") for _ in range(filters.NODES - 1)))) == [2, 3]
    assert await inbox.find(Body("x" * filters.NEEDLE)) == []


BEYOND: list[Filter] = [
    nested(filters.DEPTH + 1),
    And(tuple(All() for _ in range(filters.NODES))),
    *(kind("x" * (filters.NEEDLE + 1)) for kind in (Subject, Body, Text, partial(Header, "To"))),
]


async def test_a_filter_beyond_its_limits_is_refused(inbox: Inbox) -> None:
    for wanted in BEYOND:
        with pytest.raises(Failure) as caught:
            await inbox.find(wanted)
        assert caught.value.kind is Kind.LIMIT
