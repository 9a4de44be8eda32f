"""SELECT and its kin: what is said, what is closed, who deletes what is selected."""

from typing import Any

import pytest

from mox_trio.mailstore import changes, expunging, mailboxes
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def test_select_says_what_a_client_needs(world: World) -> None:
    await world.deliver(flags=["\\Seen"])
    await world.deliver()
    async with world.user() as client:
        answer = await client.ok("SELECT inbox")
        assert answer.code == "READ-WRITE"
        assert b"* 2 EXISTS" in answer.lines
        assert b"* 0 RECENT" in answer.lines
        assert answer.starting("FLAGS (\\Seen ")
        for code in (
            "PERMANENTFLAGS (\\Seen ",
            "UNSEEN 2]",
            "UIDVALIDITY ",
            "UIDNEXT 3]",
            "HIGHESTMODSEQ ",
            "MAILBOXID (F",
        ):
            assert answer.starting(f"OK [{code}"), code


async def test_rev2_says_list_and_neither_recent_nor_unseen(world: World) -> None:
    await world.deliver()
    async with world.user("", "IMAP4rev2") as client:
        answer = await client.ok("SELECT inbox")
        assert answer.starting("LIST () ") == [b'LIST () "/" "Inbox" ("OLDNAME" ("inbox"))']
        assert not answer.holding("RECENT")
        assert not answer.holding("UNSEEN")


async def test_another_mailbox_closes_the_first(world: World) -> None:
    async with world.user("INBOX") as client:
        answer = await client.ok("EXAMINE Archive")
        assert answer.lines[0] == b"* OK [CLOSED] the mailbox before is closed"
        assert answer.code == "READ-ONLY"
        answer = await client.do("SELECT Nowhere")
        assert (answer.kind, answer.code) == ("NO", "NONEXISTENT")
        assert (await client.do("FETCH 1 FLAGS")).kind == "BAD"


async def test_close_expunges_and_unselect_does_not(world: World) -> None:
    await world.deliver(flags=["\\Deleted"])
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await client.ok("UNSELECT")
        await client.ok("EXAMINE INBOX")
        await client.ok("CLOSE")
        assert b"* 1 EXISTS" in (await client.ok("SELECT INBOX")).lines
        assert (await client.ok("CLOSE")).lines == []
        assert (await other.ok("NOOP")).lines == [other.gone(1)]


async def test_a_mailbox_that_another_session_deletes_ends_the_session(world: World) -> None:
    async with world.user("Archive") as client, world.user() as other:
        await other.ok("DELETE Archive")
        tag = await client.begin("NOOP")
        assert (await client.response()).startswith(b"* BYE the selected mailbox was deleted")
        assert await client.rest() == b""
        assert tag


async def test_a_renamed_mailbox_stays_selected(world: World) -> None:
    await world.deliver(mailbox="Archive")
    async with world.user("Archive") as client:
        await mailboxes.rename(world.store, world.account, "Archive", "Old")
        await world.deliver(mailbox="Old")
        assert (await client.ok("NOOP")).lines == [b"* 2 EXISTS"]


async def test_condstore_is_switched_on_by_select(world: World) -> None:
    await world.deliver()
    async with world.user() as client, world.user("INBOX") as other:
        await client.ok("SELECT INBOX (CONDSTORE)")
        await other.ok("STORE 1 +FLAGS (\\Seen)")
        (line,) = (await client.ok("NOOP")).lines
        assert b"MODSEQ (" in line


class TestQresync:
    """RFC 7162 3.2.5."""

    async def before(self, world: World) -> tuple[int, int]:
        """Ten messages; UIDVALIDITY and HIGHESTMODSEQ. Then 3, 4 and 9 go, and 2 is seen."""
        for _ in range(10):
            await world.deliver()
        async with world.user() as client:
            answer = await client.ok("SELECT INBOX")
            validity, highest = (
                int(answer.starting(f"OK [{word} ")[0].split(b" ")[2].rstrip(b"]"))
                for word in ("UIDVALIDITY", "HIGHESTMODSEQ")
            )
            await client.ok("STORE 3,4,9 +FLAGS.SILENT (\\Deleted)")
            await client.ok("EXPUNGE")
            await client.ok("UID STORE 2 +FLAGS.SILENT (\\Seen)")
        await world.deliver()
        return validity, highest

    @pytest.mark.parametrize(
        ("known", "gone", "changed"),
        [
            ("", b"3:4,9", [2, 11]),
            (" 1:3,9", b"3,9", [2]),
            (" 5:8", b"", []),
            (" 1,3,11:4000000000", b"3", [11]),
            (" (1:2 1:2)", b"3:4,9", [2, 11]),
        ],
    )
    async def test_what_happened_meanwhile_is_told(
        self, world: World, known: str, gone: bytes, changed: list[int]
    ) -> None:
        validity, highest = await self.before(world)
        async with world.user("", "QRESYNC") as client:
            answer = await client.do(f"SELECT INBOX (QRESYNC ({validity} {highest}{known}))")
            if world.uid_only and "(" in known:  # RFC 9586 3.7: it pairs sequence numbers with UIDs
                assert (answer.kind, answer.code) == ("BAD", "UIDREQUIRED")
                return
            assert answer.is_ok
            vanished = answer.starting("VANISHED")
            assert vanished == ([b"VANISHED (EARLIER) " + gone] if gone else [])
            fetched = answer.holding("FETCH (UID")
            assert [int(line.split(b"UID ")[1].split(b" ")[0]) for line in fetched] == changed
            assert all(b"MODSEQ (" in line for line in fetched)

    async def test_another_uidvalidity_is_passed_over(self, world: World) -> None:
        validity, highest = await self.before(world)
        async with world.user("", "QRESYNC") as client:
            answer = await client.ok(f"SELECT INBOX (QRESYNC ({validity + 1} {highest}))")
            assert not answer.starting("VANISHED")
            assert not answer.holding("FETCH")

    @pytest.mark.by_number
    @pytest.mark.parametrize(("match", "gone"), [("", b"3:4,9"), (" (1:4 1:2,5:6)", b"9")])
    async def test_where_history_is_pruned_all_that_are_missing_are_told(
        self, world: World, match: str, gone: bytes
    ) -> None:
        validity, highest = await self.before(world)
        from mox_trio.mailstore import upkeep

        world.kit.clock.ahead = 366 * 24 * 3_600_000
        await upkeep.run(world.store)
        async with world.user("", "QRESYNC") as client:
            answer = await client.ok(f"SELECT INBOX (QRESYNC ({validity} {highest} 1:10{match}))")
            assert answer.starting("VANISHED") == [b"VANISHED (EARLIER) " + gone]

    async def test_it_must_be_enabled(self, world: World) -> None:
        async with world.user() as client:
            assert (await client.do("SELECT INBOX (QRESYNC (1 1))")).kind == "BAD"

    async def test_fetch_tells_what_vanished(self, world: World) -> None:
        _, highest = await self.before(world)
        async with world.user("INBOX", "QRESYNC") as client:
            answer = await client.ok(f"UID FETCH 1:8 (FLAGS) (CHANGEDSINCE {highest} VANISHED)")
            assert answer.lines[0] == b"* VANISHED (EARLIER) 3:4"
            assert [line.split(b" ")[1] for line in answer.lines[1:]] == [b"2"]
            if not world.uid_only:
                assert (await client.do(f"FETCH 1:2 (FLAGS) (CHANGEDSINCE {highest} VANISHED)")).kind == "BAD"


async def test_what_goes_while_a_client_resynchronises_is_told_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.deliver()
    inbox = await mailboxes.get(world.store, world.account, "Inbox")
    await world.deliver(flags=["\\Deleted"])
    await world.deliver()
    asked = changes.vanished

    async def meanwhile(*arguments: Any) -> Any:
        found = await asked(*arguments)
        expunged = await expunging.expunge(world.store, world.account, inbox.id)
        await (await world.parts.feeds.open(world.account)).reach(expunged.modseq)
        return found

    monkeypatch.setattr(changes, "vanished", meanwhile)
    async with world.user("", "QRESYNC") as client:
        answer = await client.ok(f"SELECT INBOX (QRESYNC ({inbox.uidvalidity} {inbox.highest_modseq}))")
        assert answer.starting("3 EXISTS")
        assert [line.split(b" FLAGS")[0] for line in answer.holding("FETCH")] == [b"2 FETCH (UID 2", b"3 FETCH (UID 3"]
        assert (await client.ok("NOOP")).lines == [b"* VANISHED 2"]
