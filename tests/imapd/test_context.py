"""Contexts: results that are kept up to date (RFC 5267 4)."""

import pytest

from mox_trio.imapd import contexts
from mox_trio.mailstore.search import run
from storage_backends.errors import Unavailable
from tests.imapd.test_esearch import filled
from tests.kit import stores
from tests.kit.imap_world import Client, World

pytestmark = pytest.mark.uid_only_too


def updates(lines: list[bytes]) -> list[bytes]:
    """What was said of contexts, without "* ESEARCH"."""
    return [line.removeprefix(b"* ESEARCH ") for line in lines if b"ADDTO" in line or b"REMOVEFROM" in line]


async def begun(client: Client, command: str) -> bytes:
    """Begin a context; its tag."""
    tag = await client.begin(command)
    assert (await client.finish(tag)).is_ok
    return tag.encode()


async def test_new_messages_and_flags_change_the_results_of_a_search(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        tag = await begun(client, "UID SEARCH RETURN (UPDATE COUNT) FLAGGED")
        await other.ok("STORE 2,4 -FLAGS (\\Flagged)")
        await other.ok("STORE 1,6 +FLAGS (\\Flagged)")
        await world.deliver("new", flags=["\\Flagged"])
        await world.deliver("not this one")
        answer = await client.ok("NOOP")
        assert updates(answer.lines) == [
            b'(TAG "%b") UID REMOVEFROM (0 2)' % tag,
            b'(TAG "%b") UID ADDTO (0 1,6:7)' % tag,
        ]
        exists = answer.lines.index(b"* 8 EXISTS")
        assert exists < min(at for at, line in enumerate(answer.lines) if b"ADDTO" in line)
        assert updates((await client.ok("NOOP")).lines) == []


async def test_a_sessions_own_changes_count_too(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        tag = await begun(client, "UID SEARCH RETURN (UPDATE ALL) UNDELETED FLAGGED")
        answer = await client.ok("STORE 1 +FLAGS.SILENT (\\Flagged)")
        assert updates(answer.lines) == [b'(TAG "%b") UID ADDTO (0 1)' % tag]
        answer = await client.ok("STORE 2:3 +FLAGS (\\Deleted)")
        assert updates(answer.lines) == [b'(TAG "%b") UID REMOVEFROM (0 2:3)' % tag]
        assert updates((await client.ok("EXPUNGE")).lines) == []


@pytest.mark.by_number
async def test_what_goes_is_said_by_its_numbers_before_it_goes(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        numbered = await begun(client, "SEARCH RETURN (UPDATE) FLAGGED")
        by_uid = await begun(client, "UID SEARCH RETURN (UPDATE) FLAGGED")
        await other.ok("STORE 1:3 +FLAGS.SILENT (\\Deleted)")
        await other.ok("EXPUNGE")
        answer = await client.ok("SEARCH ALL")
        assert updates(answer.lines) == []
        answer = await client.ok("NOOP")
        assert updates(answer.lines) == [
            b'(TAG "%b") REMOVEFROM (0 2:3)' % numbered,
            b'(TAG "%b") UID REMOVEFROM (0 2:3)' % by_uid,
        ]
        places = [at for at, line in enumerate(answer.lines) if b"REMOVEFROM" in line]
        assert max(places) < min(at for at, line in enumerate(answer.lines) if b"EXPUNGE" in line)
        await other.ok("STORE 1 +FLAGS (\\Flagged)")
        assert updates((await client.ok("NOOP")).lines) == [
            b'(TAG "%b") ADDTO (0 1)' % numbered,
            b'(TAG "%b") UID ADDTO (0 4)' % by_uid,
        ]


async def test_results_of_a_sort_have_positions(world: World) -> None:
    for subject in ("delta", "bravo", "echo", "alpha"):
        await world.put(stores.message(subject), flags=["\\Flagged"])
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        tag = await begun(client, "UID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 FLAGGED")  # 4 2 1 3
        await world.put(stores.message("charlie"), flags=["\\Flagged"])
        await world.put(stores.message("aardvark"), flags=["\\Flagged"])
        await world.put(stores.message("apple"), flags=["\\Flagged"])
        assert updates((await client.ok("NOOP")).lines) == [b'(TAG "%b") UID ADDTO (1 6 3 7 5 5)' % tag]
        await other.ok("NOOP")  # 6 4 7 2 5 1 3
        await other.ok("UID STORE 7,2,3 -FLAGS (\\Flagged)")
        assert updates((await client.ok("NOOP")).lines) == [b'(TAG "%b") UID REMOVEFROM (7 3 3 7,2)' % tag]
        # 6 4 5 1
        await other.ok("STORE 4 +FLAGS (\\Deleted)")
        await other.ok("EXPUNGE")
        assert updates((await client.ok("NOOP")).lines) == [b'(TAG "%b") UID REMOVEFROM (2 4)' % tag]
        await other.ok("UID STORE 2 +FLAGS (\\Flagged)")
        assert updates((await client.ok("NOOP")).lines) == [b'(TAG "%b") UID ADDTO (2 2)' % tag]


@pytest.mark.by_number
async def test_a_message_that_went_keeps_its_position_until_that_is_told(world: World) -> None:
    for subject in ("bravo", "delta", "foxtrot"):
        await world.put(stores.message(subject))
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        tag = await begun(client, "SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 ALL")
        await other.ok("STORE 2 +FLAGS (\\Deleted)")
        await other.ok("EXPUNGE")
        await world.put(stores.message("echo"))
        await other.ok("NOOP")
        assert updates((await client.ok("FETCH 1 UID")).lines) == [b'(TAG "%b") ADDTO (3 4)' % tag]
        assert updates((await client.ok("NOOP")).lines) == [b'(TAG "%b") REMOVEFROM (2 2)' % tag]


async def test_updates_come_while_a_client_idles(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        tag = await begun(client, "UID SEARCH RETURN (UPDATE COUNT) SUBJECT urgent")
        idling = await client.idle()
        await world.deliver("urgent")
        said = [await client.response() for _ in range(2)]
        assert said == [b"* 7 EXISTS", b'* ESEARCH (TAG "%b") UID ADDTO (0 7)' % tag]
        await client.done(idling)


async def test_a_context_ends_when_it_is_cancelled_or_its_mailbox_left(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        first = await begun(client, "UID SEARCH RETURN (UPDATE COUNT) FLAGGED")
        second = await begun(client, "UID SEARCH RETURN (UPDATE CONTEXT COUNT) UNFLAGGED")
        await client.ok(f'CANCELUPDATE "{first.decode()}"')
        await other.ok("STORE 1 +FLAGS (\\Flagged)")
        assert updates((await client.ok("NOOP")).lines) == [b'(TAG "%b") UID REMOVEFROM (0 1)' % second]
        assert (await client.do(f'CANCELUPDATE "{first.decode()}" "{second.decode()}"')).kind == "NO"
        assert (await client.do('CANCELUPDATE "unheard-of"')).kind == "NO"
        assert (await client.do("CANCELUPDATE")).kind == "BAD"
        await begun(client, "UID SEARCH RETURN (UPDATE COUNT) FLAGGED")
        await client.ok("SELECT INBOX")
        await other.ok("STORE 1 -FLAGS (\\Flagged)")
        assert updates((await client.ok("NOOP")).lines) == []


async def test_new_messages_that_come_into_results_are_told_with_what_update_wants(world: World) -> None:
    """RFC 5465 7: EXISTS, then FETCH, then ADDTO; nothing is fetched of what came in by its flags."""
    await filled(world)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        tag = await begun(
            client, "UID SEARCH RETURN (COUNT UPDATE (UID BODY[HEADER.FIELDS (SUBJECT)])) SUBJECT urgent FLAGGED"
        )
        await world.deliver("urgent", flags=["\\Flagged"])
        await world.deliver("not this one", flags=["\\Flagged"])
        assert (await client.ok("NOOP")).lines == [
            b"* 8 EXISTS",
            b"* 7 FETCH (UID 7 BODY[HEADER.FIELDS (SUBJECT)] {19}\r\nSubject: urgent\r\n\r\n)",
            b'* ESEARCH (TAG "%b") UID ADDTO (0 7)' % tag,
        ]
        await other.ok("NOOP")
        await other.ok("STORE 7 -FLAGS (\\Flagged)")
        await client.ok("NOOP")
        await other.ok("STORE 7 +FLAGS (\\Flagged)")
        assert (await client.ok("NOOP")).lines == [
            b"* 7 FETCH (UID 7 FLAGS (\\Flagged))",
            b'* ESEARCH (TAG "%b") UID ADDTO (0 7)' % tag,
        ]


async def test_what_several_contexts_and_notify_want_of_a_message_is_one_response(world: World) -> None:
    async with world.user("INBOX") as client:
        await client.ok("NOTIFY SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange))")
        found = await begun(client, "UID SEARCH RETURN (UPDATE (RFC822.SIZE UID) COUNT) FLAGGED")
        ordered = await begun(client, "UID SORT RETURN (COUNT UPDATE (UID INTERNALDATE)) (SUBJECT) UTF-8 ALL")
        await world.put(b"Subject: b\r\n\r\n", flags=["\\Flagged"], received=1_700_000_000_000)
        assert [await client.response() for _ in range(4)] == [
            b"* 1 EXISTS",
            b'* 1 FETCH (UID 1 FLAGS (\\Flagged) RFC822.SIZE 14 INTERNALDATE "14-Nov-2023 22:13:20 +0000")',
            b'* ESEARCH (TAG "%b") UID ADDTO (0 1)' % found,
            b'* ESEARCH (TAG "%b") UID ADDTO (1 1)' % ordered,
        ]
        await world.put(b"Subject: a\r\n\r\n", received=1_700_000_000_000)
        assert [await client.response() for _ in range(3)] == [
            b"* 2 EXISTS",
            b'* 2 FETCH (UID 2 FLAGS () INTERNALDATE "14-Nov-2023 22:13:20 +0000")',
            b'* ESEARCH (TAG "%b") UID ADDTO (1 2)' % ordered,
        ]


@pytest.mark.parametrize(
    "returns",
    ["UPDATE ()", "UPDATE (FLAGS NONSENSE)", "UPDATE (FAST)", "UPDATE (FLAGS", "COUNT (FLAGS)", "UPDATE(FLAGS)"],
)
async def test_what_cannot_be_fetched_is_refused(world: World, returns: str) -> None:
    async with world.user("INBOX") as client:
        assert (await client.do(f"SEARCH RETURN ({returns}) ALL")).kind == "BAD"


async def test_many_changes_are_as_few_are(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is worked out in a thread where there is much is the same as what is worked out at once."""
    monkeypatch.setattr(contexts, "MANY", 0)
    monkeypatch.setattr(contexts, "FEW", 0)
    await filled(world)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        tag = await begun(client, "UID SEARCH RETURN (UPDATE COUNT) FLAGGED")
        ordered = await begun(client, "UID SORT RETURN (UPDATE COUNT) (REVERSE ARRIVAL) UTF-8 FLAGGED")
        await other.ok("STORE 1:* +FLAGS (\\Flagged)")
        assert updates((await client.ok("NOOP")).lines) == [
            b'(TAG "%b") UID ADDTO (0 1,4,6)' % tag,
            b'(TAG "%b") UID ADDTO (1 6 3 4 6 1)' % ordered,
        ]
        await other.ok("STORE 2,3,5 -FLAGS (\\Flagged)")
        assert updates((await client.ok("NOOP")).lines) == [
            b'(TAG "%b") UID REMOVEFROM (0 2:3,5)' % tag,
            b'(TAG "%b") UID REMOVEFROM (4 3,2 2 5)' % ordered,
        ]
        await other.ok("STORE 1,6 +FLAGS (\\Deleted)")
        await other.ok("EXPUNGE")
        assert updates((await client.ok("NOOP")).lines) == [
            b'(TAG "%b") UID REMOVEFROM (0 1,6)' % tag,
            b'(TAG "%b") UID REMOVEFROM (3 1 1 6)' % ordered,
        ]


async def test_a_sort_that_grows_too_long_is_not_kept_up_to_date_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contexts, "SORTED", 6)
    await filled(world)
    async with world.user("INBOX") as client:
        tag = await begun(client, "SORT RETURN (UPDATE COUNT) (SUBJECT) UTF-8 ALL")
        await world.deliver()
        answer = await client.ok("NOOP")
        assert [line.partition(b"]")[0] for line in answer.holding("NOUPDATE")] == [b'NO [NOUPDATE "%b"' % tag]
        await world.deliver()
        assert (await client.ok("NOOP")).lines == [b"* 8 EXISTS"]
        assert (await client.do(f'CANCELUPDATE "{tag.decode()}"')).kind == "NO"


async def test_only_so_many_contexts_are_kept_up_to_date(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(world)
    monkeypatch.setattr(contexts, "MOST", 2)
    monkeypatch.setattr(contexts, "SORTED", 3)
    async with world.user("INBOX") as client:
        answer = await client.ok("UID SORT RETURN (UPDATE COUNT) (SUBJECT) UTF-8 ALL")
        assert [line.partition(b"]")[0] for line in answer.holding("NOUPDATE")] == [b'NO [NOUPDATE "a%d"' % client.tags]
        assert answer.holding("COUNT 6")
        await begun(client, "UID SEARCH RETURN (UPDATE COUNT) FLAGGED")
        await begun(client, "UID SORT RETURN (UPDATE COUNT) (SUBJECT) UTF-8 FLAGGED")
        answer = await client.ok("UID SEARCH RETURN (UPDATE COUNT) ALL")
        assert [line.partition(b"]")[0] for line in answer.holding("NOUPDATE")] == [b'NO [NOUPDATE "a%d"' % client.tags]
        assert answer.holding("COUNT 6")


async def test_a_tag_is_not_used_for_two_contexts(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        await client.send(b"x UID SEARCH RETURN (UPDATE COUNT) FLAGGED\r\n")
        assert (await client.finish("x")).is_ok
        await client.send(b"x UID SEARCH RETURN (UPDATE COUNT) ALL\r\n")
        assert (await client.finish("x")).kind == "BAD"
        await client.send(b"x UID SEARCH RETURN (COUNT) ALL\r\n")
        assert (await client.finish("x")).is_ok


async def test_update_alone_returns_everything(world: World) -> None:
    await filled(world)
    async with world.user("INBOX") as client:
        assert (await client.ok("SEARCH RETURN (UPDATE) FLAGGED")).holding("ALL 2:3,5")
        assert (await client.ok("SEARCH RETURN (CONTEXT) FLAGGED")).holding("ALL 2:3,5")
        assert (await client.ok("SEARCH RETURN (CONTEXT UPDATE PARTIAL 1:1) FLAGGED")).holding("PARTIAL (1:1 2)")


async def test_with_uidonly_and_qresync_results_are_uids(world: World) -> None:
    await filled(world)
    async with world.user("INBOX", "UIDONLY") as client, world.user("INBOX") as other:
        tag = await begun(client, "UID SEARCH RETURN (UPDATE COUNT) FLAGGED")
        await other.ok("STORE 2 +FLAGS (\\Deleted)")
        await other.ok("EXPUNGE")
        answer = await client.ok("NOOP")
        assert answer.lines[0] == b'* ESEARCH (TAG "%b") UID REMOVEFROM (0 2)' % tag
        assert b"* VANISHED 2" in answer.lines


async def test_a_store_that_fails_while_changes_are_told_ends_the_session(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(world)

    async def fails(*given: object) -> list[int]:
        raise Unavailable("the index is away")

    async with world.user("INBOX") as client:
        await begun(client, "UID SEARCH RETURN (UPDATE COUNT) FLAGGED")
        monkeypatch.setattr(run, "uids", fails)
        await world.deliver("new", flags=["\\Flagged"])
        await client.send(b"n NOOP\r\n")
        assert (await client.rest()).splitlines()[-1].startswith(b"* BYE [UNAVAILABLE] ")
