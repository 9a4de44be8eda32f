"""What a session believes of its mailbox: numbers, what went and is not told, what changed and by whom. Tables, no I/O."""

import pytest

from mox_trio.imapd.snapshot import Snapshot
from mox_trio.imapd.view import MINE, MINE_UIDS, NoSuchMessage, View
from mox_trio.protocol.imap import numsets
from mox_trio.protocol.imap.numsets import SavedResult
from storage_backends.index.api import EmailId, ModSeq, Uid
from storage_backends.index.tables.messages import MessageRow


def row(uid: int, modseq: int, flags: int = 0) -> MessageRow:
    return MessageRow(Uid(uid), EmailId(uid), ModSeq(modseq), ModSeq(modseq), flags, 0, 0, 0, 1)


def snapshot(*uids: int, modseq: int = 10) -> Snapshot:
    return Snapshot.of([(uid, 0, 0, modseq) for uid in uids], modseq, (uids[-1] if uids else 0) + 1, modseq)


def changed(view: View, *rows: MessageRow, gone: tuple[int, ...] = ()) -> None:
    """Something happened at the next modseq."""
    before = view.snapshot
    modseq = max([before.modseq + 1, *(each.modseq for each in rows)])
    uidnext = max([before.uidnext, *(each.uid + 1 for each in rows)])
    view.absorb(before.advanced(rows, gone, modseq, uidnext, modseq), before.held(gone))


@pytest.mark.parametrize(
    ("asked", "uid", "expected"),
    [
        (b"1", False, ((2, 2),)),
        (b"2:3", False, ((4, 7),)),
        (b"*", False, ((9, 9),)),
        (b"4,1", False, ((9, 9), (2, 2))),
        (b"2:*", True, ((2, 9),)),
        (b"*", True, ((9, 9),)),
        (b"100:*", True, ((9, 9),)),
        (b"1:3,7", True, ((1, 3), (7, 7))),
        (b"20:30", True, ()),
    ],
)
def test_a_set_means_messages(asked: bytes, uid: bool, expected: numsets.Ranges) -> None:
    view = View(snapshot(2, 4, 7, 9))
    assert view.resolve(numsets.parse(asked), uid=uid) == tuple(sorted(expected))


@pytest.mark.parametrize("asked", [b"5", b"1:5", b"1,9"])
def test_a_number_that_no_message_has_is_an_error(asked: bytes) -> None:
    with pytest.raises(NoSuchMessage):
        View(snapshot(2, 4, 7, 9)).resolve(numsets.parse(asked), uid=False)


def test_an_empty_mailbox_has_no_numbers_and_no_uids() -> None:
    view = View(snapshot())
    assert view.resolve(numsets.parse(b"1:*"), uid=True) == ()
    with pytest.raises(NoSuchMessage):
        view.resolve(numsets.parse(b"*"), uid=False)


def test_what_was_saved_stands_for_itself() -> None:
    assert View(snapshot(1, 2)).resolve(SavedResult(), uid=False, saved=((2, 2),)) == ((2, 2),)


def test_what_went_keeps_its_number_until_it_is_told() -> None:
    view = View(snapshot(1, 2, 3, 4))
    changed(view, gone=(2, 3))
    assert (len(view), view.number(4), view.is_ghost(2)) == (4, 4, True)
    assert not view.take(expunges=False)
    assert view.number(4) == 4
    told = view.take(expunges=True)
    assert (list(told.expunged), list(told.numbers)) == ([2, 3], [2, 3])
    assert (len(view), view.number(4), view.number(2)) == (2, 2, 0)


def test_what_is_new_has_no_number_until_it_is_told() -> None:
    view = View(snapshot(1, 2))
    changed(view, row(5, 11))
    assert (len(view), view.number(5)) == (2, 0)
    assert view.resolve(numsets.parse(b"1:*"), uid=True) == ((1, 2),)
    told = view.take(expunges=False)
    assert (told.exists, list(told.new), list(told.changed)) == (3, [5], [])
    assert view.number(5) == 3


def test_what_came_and_went_between_is_never_told() -> None:
    view = View(snapshot(1))
    changed(view, row(2, 11))
    changed(view, gone=(2,))
    assert not view.take(expunges=True)
    changed(view, row(3, 13))
    assert view.take(expunges=True).exists == 2


def test_new_messages_are_counted_with_those_that_went_and_are_not_told() -> None:
    view = View(snapshot(1, 2))
    changed(view, row(3, 11), gone=(1,))
    assert view.take(expunges=False).exists == 3
    told = view.take(expunges=True)
    assert (list(told.numbers), told.exists) == ([1], None)
    assert list(view.uids) == [2, 3]


def test_flags_that_changed_are_told_once() -> None:
    view = View(snapshot(1, 2, 3))
    changed(view, row(2, 11, flags=1))
    changed(view, row(2, 12, flags=3), row(3, 12))
    assert list(view.take(expunges=True).changed) == [2, 3]
    assert not view.take(expunges=True)


def test_a_session_is_not_told_of_its_own_change() -> None:
    view = View(snapshot(1, 2, 3))
    view.stored(11)
    changed(view, row(1, 11), row(2, 11))
    assert not view.take(expunges=True)
    changed(view, row(1, 12))
    assert list(view.take(expunges=True).changed) == [1]


def test_changes_by_others_beside_its_own_are_told() -> None:
    view = View(snapshot(1, 2, 3))
    changed(view, row(1, 11))
    view.stored(12)
    changed(view, row(2, 12), row(3, 13))
    assert list(view.take(expunges=True).changed) == [1, 3]


def test_a_change_by_others_after_its_own_is_told() -> None:
    view = View(snapshot(1, 2))
    view.stored(11)
    changed(view, row(1, 12), row(2, 11))  # both arrive together: 1 was changed by somebody else since
    assert list(view.take(expunges=True).changed) == [1]


def test_flags_that_the_session_cannot_know_are_told_after_its_own_change() -> None:
    view = View(snapshot(1, 2))
    changed(view, row(1, 11))
    assert view.is_untold(1, 11)
    assert not view.is_untold(2, 10)
    view.stored(12, untold=frozenset({1}))
    changed(view, row(1, 12), row(2, 12))
    assert list(view.take(expunges=True).changed) == [1]


def test_a_change_that_comes_twice_is_one() -> None:
    view = View(snapshot(1, 2))
    changed(view, row(2, 11, flags=1))
    again = view.snapshot.advanced([row(2, 11, flags=1)], (9,), 12, 3, 12)
    assert snapshot(1, 2).held((2, 9)) == (2,)
    view.absorb(again, ())
    assert list(view.take(expunges=True).changed) == [2]
    assert list(again.flags) == [0, 1]


def test_a_snapshot_that_was_handed_out_stays_as_it_is() -> None:
    first = snapshot(1, 2, 3)
    second = first.advanced([row(2, 11, flags=4), row(4, 11)], (1,), 11, 5, 11)
    assert (list(first.uids), list(first.flags)) == ([1, 2, 3], [0, 0, 0])
    assert (list(second.uids), list(second.flags)) == ([2, 3, 4], [4, 0, 0])


def test_rows_that_were_put_right_find_their_place() -> None:
    first = snapshot(1, 5)
    second = first.advanced([row(2, 11), row(3, 11), row(5, 11, flags=1), row(7, 11)], (), 11, 8, 11)
    assert list(second.uids) == [1, 2, 3, 5, 7]
    assert list(second.flags) == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("since", [10, 11, 12, 13])
def test_what_changed_is_found_by_the_last_changes_and_by_looking(since: int) -> None:
    snapped = snapshot(1, 2, 3, 4)
    for modseq, uid in ((11, 1), (12, 4), (13, 2)):
        snapped = snapped.advanced([row(uid, modseq)], (), modseq, 5, modseq)
    looked = [uid for uid, modseq in zip(snapped.uids, snapped.modseqs, strict=True) if modseq > since]
    assert snapped.changed_since(since) == looked
    assert snapped.changed_since(9) == [1, 2, 3, 4]


def test_views_of_one_snapshot_that_know_the_same_have_the_same_to_hear() -> None:
    first, second = View(snapshot(1, 2)), View(snapshot(1, 2))
    later = first.snapshot.advanced([row(3, 11)], (1,), 11, 4, 11)
    for view in (first, second):
        view.absorb(later, (1,))
    assert first.situation(expunges=True) == second.situation(expunges=True)
    first.skip(expunges=True)
    assert list(first.uids) == [2, 3]
    assert not first.has_news(expunges=True)
    second.stored(12)
    assert second.situation(expunges=True) is None


def test_what_went_by_the_sessions_own_doing_can_be_told_alone() -> None:
    view = View(snapshot(1, 2, 3, 4))
    changed(view, row(4, 11, flags=1), gone=(1, 3))
    told = view.take_gone([3, 9])
    assert (list(told.expunged), list(told.numbers), told.exists, list(told.changed)) == ([3], [3], None, [])
    assert (view.number(4), view.is_ghost(1)) == (3, True)
    assert not view.take_gone([3])
    told = view.take(expunges=True)
    assert (list(told.expunged), list(told.numbers), list(told.changed)) == ([1], [1], [4])


def test_own_changes_are_remembered_up_to_a_number() -> None:
    view = View(snapshot(1, 2))
    for modseq in range(11, 11 + 2 * MINE):
        view.stored(modseq)
    assert view.is_untold(1, 11)
    assert not view.is_untold(1, 10 + 2 * MINE)
    view.stored(1000, untold=range(1, MINE_UIDS + 2))
    assert view.is_untold(1, 1000)
