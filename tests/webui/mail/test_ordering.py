"""Positions in a list, against a list that is sorted anew each time."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from mox_trio.mailstore import listing
from mox_trio.mailstore.listing import Order, Placed
from webui.mail.ordering import LOG, Ordering

STEPS = st.lists(
    st.tuples(st.sampled_from("+-="), st.integers(1, 12), st.integers(0, 5), st.integers(0, 3)), max_size=40
)


def key(uid: int, second: int) -> int:
    return listing.key(second * 1000, uid)


def empty(*, threaded: bool) -> Ordering:
    return Ordering(Order(listing.modseq(1), array("Q"), array("q")), threaded=threaded)


def expected(messages: dict[int, tuple[int, int]], *, threaded: bool) -> list[int]:
    if not threaded:
        return sorted((each for each, _ in messages.values()), reverse=True)
    newest: dict[int, int] = {}
    for each, thread in messages.values():
        newest[thread] = max(newest.get(thread, 0), each)
    return sorted(newest.values(), reverse=True)


@given(STEPS, st.booleans())
def test_changes_lead_a_follower_to_the_same_rows(steps: list[tuple[str, int, int, int]], threaded: bool) -> None:
    ordering = empty(threaded=threaded)
    messages: dict[int, tuple[int, int]] = {}
    follower: list[int] = []
    version = 0
    for kind, uid, second, thread in steps:
        if kind == "+" and uid not in messages:
            messages[uid] = key(uid, second), thread
            ordering.add(Placed(*messages[uid]))
        elif kind == "-":
            messages.pop(uid, None)
            ordering.remove(uid)
        else:
            ordering.touch(uid)
        for op in ordering.since(version) or ():
            if op.kind == "+":
                follower.insert(op.position, op.key)
            elif op.kind == "-":
                assert follower.pop(op.position) == op.key
            else:
                assert follower[op.position] == op.key
        version = ordering.version
        assert follower == ordering.window(0, 100) == expected(messages, threaded=threaded)


def test_who_comes_too_late_begins_anew() -> None:
    ordering = empty(threaded=False)
    for uid in range(1, 3 * LOG):
        ordering.add(Placed(key(uid, uid), uid))
    assert ordering.since(0) is None
    assert len(ordering.since(ordering.version - 5) or ()) == 5


def test_a_row_knows_the_messages_of_its_thread() -> None:
    keys = [key(1, 10), key(2, 20), key(3, 30)]
    ordering = Ordering(Order(listing.modseq(1), array("Q", keys), array("q", [7, 8, 7])), threaded=True)
    assert ordering.window(0, 10) == [keys[2], keys[1]]
    assert ordering.members(keys[2]) == [keys[2], keys[0]]
    assert ordering.position_of_uid(1) == 0
    assert ordering.members_of([keys[2], keys[1]]) == {keys[2]: [keys[2], keys[0]], keys[1]: [keys[1]]}


def test_windows_beyond_the_end_are_cut() -> None:
    ordering = Ordering(Order(listing.modseq(1), array("Q", [key(1, 1)]), array("q", [1])), threaded=False)
    assert ordering.window(-5, 50) == [key(1, 1)]
    assert ordering.window(3, 9) == []
