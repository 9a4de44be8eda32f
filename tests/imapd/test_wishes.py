"""What NOTIFY wants to hear of a mailbox: the same as when all groups are gone through."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.imapd import sources
from mox_trio.imapd.sources import Places
from mox_trio.imapd.wishes import Wishes
from mox_trio.protocol.imap.commands.notify import EventGroup
from mox_trio.protocol.imap.commands.search import Source

NAMES = ("Inbox", "a", "a/b", "a/b/c", "d", "nowhere")
INBOXES, SUBSCRIBED = frozenset({"Inbox"}), {"a/b", "d"}
PLACES = Places(dict.fromkeys(NAMES), SUBSCRIBED, INBOXES)  # type: ignore[arg-type]

events = st.frozensets(st.sampled_from(["messagenew", "flagchange", "mailboxname"]), max_size=2)
plain = st.builds(Source, st.sampled_from(["inboxes", "personal", "subscribed"]))
named = st.builds(
    Source,
    st.sampled_from(["subtree", "subtree-one", "mailboxes"]),
    st.lists(st.sampled_from([*NAMES, "inbox", "", "a//b"]), min_size=1, max_size=3).map(tuple),
)
groups = st.lists(st.builds(EventGroup, plain | named, events), max_size=5)


def gone_through(asked: list[EventGroup], name: str) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for each in asked:
        if name in sources.names(PLACES, each.source):
            if not each.events:
                break
            found |= each.events
    return found


@settings(max_examples=300, deadline=None)
@given(groups)
def test_what_is_looked_up_is_what_is_found_by_going_through_all(asked: list[EventGroup]) -> None:
    wishes = Wishes(asked, INBOXES, SUBSCRIBED)
    for name in NAMES:
        assert wishes.of(name) == gone_through(asked, name), name


def test_subscriptions_are_those_of_now() -> None:
    """RFC 5465 6.4."""
    subscribed = {"a"}
    wishes = Wishes([EventGroup(Source("subscribed"), frozenset({"mailboxname"}))], INBOXES, subscribed)
    assert wishes.of("a")
    assert not wishes.of("b")
    subscribed ^= {"a", "b"}
    assert wishes.of("b")
    assert not wishes.of("a")
