"""Bodies that are kept for the first attempt."""

from mox_trio.outgoing.recent import Recent


def test_a_body_is_there_until_it_is_forgotten() -> None:
    recent = Recent()
    recent.keep("main", "1/a", [b"one ", b"two"])
    assert recent.maybe("main", "1/a") == b"one two"
    assert recent.maybe("other", "1/a") is None
    recent.forget("main", "1/a")
    recent.forget("main", "1/a")
    assert recent.maybe("main", "1/a") is None


def test_the_oldest_go_for_newer_ones() -> None:
    recent = Recent(most_bytes=10)
    for name in ("a", "b", "c"):
        recent.keep("main", name, [b"1234"])
    assert [recent.maybe("main", name) for name in ("a", "b", "c")] == [None, b"1234", b"1234"]


def test_what_is_kept_twice_counts_once_and_what_is_forgotten_makes_room() -> None:
    recent = Recent(most_bytes=10)
    for _ in range(5):
        recent.keep("main", "a", [b"12345"])
    recent.keep("main", "b", [b"12345"])
    assert recent.maybe("main", "a") == b"12345"
    recent.forget("main", "a")
    recent.keep("main", "c", [b"12345"])
    assert recent.maybe("main", "b") == b"12345"


def test_a_body_larger_than_all_the_room_is_not_kept() -> None:
    recent = Recent(most_bytes=10)
    recent.keep("main", "a", [b"x" * 11])
    assert recent.maybe("main", "a") is None
