"""NOTIFY (RFC 5465): what is told of which mailboxes, and when."""

from typing import Any

import pytest

from mox_trio.imapd import notifying
from mox_trio.mailstore import annotating, mailboxes, moving
from tests.kit.imap_world import World

pytestmark = pytest.mark.uid_only_too


async def test_other_mailboxes_are_told_of_by_status(world: World) -> None:
    async with world.user("INBOX") as client:
        await client.ok("NOTIFY SET (PERSONAL (MessageNew MessageExpunge FlagChange))")
        await world.deliver(mailbox="Archive")
        line = await client.response()
        assert line.startswith(b'* STATUS "Archive" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY ')
        assert line.endswith(b" UNSEEN 1)")
        async with world.user("Archive") as other:
            await other.ok("STORE 1 +FLAGS.SILENT (\\Seen \\Deleted)")
            assert (await client.response()).endswith(b" UNSEEN 0)")
            await other.ok("EXPUNGE")
            assert b"MESSAGES 0 UIDNEXT 2" in await client.response()


async def test_status_is_given_at_once_where_it_is_asked_for(world: World) -> None:
    await world.deliver()
    await world.deliver(mailbox="Sent")
    async with world.user("INBOX") as client:
        answer = await client.ok("NOTIFY SET STATUS (MAILBOXES (Sent Inbox) (MessageNew MessageExpunge))")
        assert [line.split(b" ")[1] for line in answer.starting("STATUS")] == [b'"Sent"']


async def test_the_selected_mailbox_is_told_of_without_a_command(world: World) -> None:
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await client.ok(
            "NOTIFY SET (SELECTED (MessageNew (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge FlagChange))"
        )
        await world.deliver("news")
        assert await client.response() == b"* 1 EXISTS"
        assert (
            await client.response() == b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (SUBJECT)] {17}\r\nSubject: news\r\n\r\n)"
        )
        await other.ok("NOOP")
        await other.ok("STORE 1 +FLAGS (\\Deleted)")
        assert await client.response() == b"* 1 FETCH (UID 1 FLAGS (\\Deleted))"
        await other.ok("EXPUNGE")
        assert await client.response() == client.gone(1)


@pytest.mark.by_number
async def test_delayed_expunges_wait_for_a_command(world: World) -> None:
    await world.deliver(flags=["\\Deleted"])
    await world.deliver()
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await client.ok("NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge))")
        await other.ok("EXPUNGE")
        await world.deliver()
        assert await client.response() == b"* 3 EXISTS"
        assert (await client.ok("FETCH 3 UID")).lines == [b"* 3 FETCH (UID 3)"]
        assert (await client.ok("NOOP")).lines == [b"* 1 EXPUNGE"]


async def test_names_and_subscriptions(world: World) -> None:
    async with world.user() as client:
        await client.ok("NOTIFY SET (SUBTREE (Work) (MailboxName SubscriptionChange))")
        await mailboxes.create(world.store, world.account, "Other")
        await mailboxes.create(world.store, world.account, "Work/Plans")
        said = [await client.response() for _ in range(2)]
        assert [line.rpartition(b'"/" ')[2] for line in said] == [b'"Work"', b'"Work/Plans"']
        await mailboxes.rename(world.store, world.account, "Work/Plans", "Work/Ideas")
        line = await client.response()
        assert line.endswith(b'"Work/Ideas" ("OLDNAME" ("Work/Plans"))')
        await client.ok("NOOP")
        await mailboxes.subscribe(world.store, world.account, "Work", subscribed=False)
        line = await client.response()
        assert line.endswith(b'"Work"')
        assert b"\\Subscribed" not in line
        await mailboxes.delete(world.store, world.account, "Work/Ideas")
        assert await client.response() == b'* LIST (\\NonExistent) "/" "Work/Ideas"'


async def test_annotations(world: World) -> None:
    inbox = await mailboxes.get(world.store, world.account, "Inbox")
    async with world.user() as client:
        await client.ok("NOTIFY SET (PERSONAL (MailboxMetadataChange ServerMetadataChange))")
        await annotating.put(world.store, world.account, inbox.id, "/private/comment", b"x")
        assert await client.response() == b'* METADATA "Inbox" /private/comment'
        await annotating.put(world.store, world.account, 0, "/shared/motto", b"x")
        assert await client.response() == b'* METADATA "" /shared/motto'


async def test_annotations_that_nobody_asked_for_are_not_told(world: World) -> None:
    inbox = await mailboxes.get(world.store, world.account, "Inbox")
    async with world.user("", "METADATA") as client:
        await client.ok("NOTIFY SET (MAILBOXES Archive (MailboxMetadataChange)) (SUBSCRIBED (ServerMetadataChange))")
        await annotating.put(world.store, world.account, inbox.id, "/private/comment", b"x")
        await annotating.put(world.store, world.account, 0, "/shared/motto", b"x")
        assert await client.response() == b'* METADATA "" /shared/motto'
        assert (await client.ok("NOOP")).lines == []


async def test_none_takes_a_mailbox_out_of_the_groups_behind_it(world: World) -> None:
    async with world.user() as client:
        await client.ok("NOTIFY SET (MAILBOXES Archive NONE) (PERSONAL (MessageNew MessageExpunge))")
        await world.deliver(mailbox="Archive")
        await world.deliver(mailbox="Sent")
        assert (await client.response()).startswith(b'* STATUS "Sent"')


async def test_none_ends_it(world: World) -> None:
    async with world.user() as client:
        await client.ok("NOTIFY SET (PERSONAL (MessageNew MessageExpunge))")
        await client.ok("NOTIFY NONE")
        await world.deliver(mailbox="Archive")
        assert (await client.ok("NOOP")).lines == []


SILENT = ["NOTIFY NONE", "NOTIFY SET (PERSONAL (MailboxName))", "NOTIFY SET (SELECTED NONE)"]


@pytest.mark.parametrize("silence", SILENT)
async def test_the_selected_mailbox_is_not_told_of_where_nobody_asked(world: World, silence: str) -> None:
    await world.deliver()
    await world.deliver(flags=["\\Deleted"])
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await client.ok(silence)
        await other.ok("EXPUNGE")
        await other.ok("STORE 1 +FLAGS (\\Flagged fresh)")
        await world.deliver()
        assert (await client.ok("NOOP")).lines == []
        tag = await client.idle()
        assert (await client.done(tag)).lines == []
        answer = await client.ok("UID FETCH 1:2 UID")
        assert answer.lines == [b"* 1 FETCH (UID 1)", b"* 2 FETCH (UID 2)"]
        assert (await client.ok("SELECT INBOX")).starting("2 EXISTS") == [b"2 EXISTS"]


@pytest.mark.parametrize("silence", SILENT)
async def test_a_client_hears_what_its_own_commands_do_all_the_same(world: World, silence: str) -> None:
    for _ in range(4):
        await world.deliver()
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await client.ok(silence)
        await other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await other.ok("EXPUNGE")
        assert (await client.ok("STORE 3 +FLAGS (\\Deleted)")).lines == [b"* 3 FETCH (UID 3 FLAGS (\\Deleted))"]
        assert (await client.ok("EXPUNGE")).lines == [client.gone(3)]
        assert (await client.ok("UID MOVE 2 Archive")).lines[1:] == [client.gone(2)]
        replacing = await client.ok("UID REPLACE 4 INBOX {20+}\r\nSubject: new\r\n\r\nxx\r\n")
        assert replacing.lines[1] == (b"* VANISHED 4" if world.uid_only else b"* 2 EXPUNGE")
        assert (await client.ok("UID FETCH 1:* UID")).lines == [b"* 1 FETCH (UID 1)"]


async def test_setting_tells_first_what_has_gathered(world: World) -> None:
    await world.deliver()
    await world.deliver()
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await client.ok("NOTIFY NONE")
        await other.ok("STORE 2 +FLAGS.SILENT (\\Seen)")
        await other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
        await other.ok("EXPUNGE")
        await world.deliver()
        answer = await client.ok("NOTIFY SET (PERSONAL (MailboxName))")
        number = 2 if world.uid_only else 1
        assert answer.lines == [client.gone(1), b"* 2 EXISTS", b"* %d FETCH (UID 2 FLAGS (\\Seen))" % number]
        await other.ok("STORE 1 -FLAGS.SILENT (\\Seen)")
        assert (await client.ok("NOOP")).lines == []


async def test_own_changes_that_were_long_untold_are_told_at_most_again(world: World) -> None:
    await world.deliver()
    async with world.user("INBOX") as client:
        await client.ok("NOTIFY NONE")
        for _ in range(60):
            await client.ok("STORE 1 +FLAGS.SILENT (\\Seen)")
            await client.ok("STORE 1 -FLAGS.SILENT (\\Seen)")
        assert (await client.ok("NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))")).lines == []


async def test_too_much_is_as_if_nothing_were_asked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying, "MOST", 2)
    async with world.user("INBOX") as client:
        await client.ok("NOTIFY SET (SELECTED (MessageNew MessageExpunge)) (PERSONAL (MailboxName))")
        async with world.user() as other:
            await other.ok("CREATE a/b/c/d")
        assert (await client.response()).startswith(b"* OK [NOTIFICATIONOVERFLOW]")
        await world.deliver()
        assert (await client.ok("NOOP")).lines == []
        await client.ok("NOTIFY SET (SELECTED (MessageNew MessageExpunge))")
        await world.deliver()
        assert await client.response() == b"* 2 EXISTS"


async def test_what_a_client_appends_itself_is_not_fetched_for_it(world: World) -> None:
    async with world.user("INBOX") as client:
        await client.ok("NOTIFY SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge))")
        answer = await client.ok("APPEND INBOX {20+}\r\nSubject: new\r\n\r\nxx\r\n")
        assert answer.lines == [b"* 1 EXISTS"]
        assert (await client.ok("UID COPY 1 INBOX")).lines == [b"* 2 EXISTS"]
        await world.deliver()
        assert [await client.response(), await client.response()] == [b"* 3 EXISTS", b"* 3 FETCH (UID 3 FLAGS ())"]


STRANGE = (
    b"Subject: strange\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
    b"Content-Transfer-Encoding: x-strange\r\n\r\nabc\r\n"
)


async def test_what_cannot_be_decoded_does_not_keep_the_rest_from_being_told(world: World) -> None:
    """RFC 3516 4.3."""
    async with world.user("INBOX") as client:
        await client.ok("NOTIFY SET (SELECTED (MessageNew (UID BINARY.PEEK[1]) MessageExpunge))")
        await world.put(STRANGE)
        assert await client.response() == b"* 1 EXISTS"
        assert (await client.response()).startswith(b"* NO [UNKNOWN-CTE] ")
        await world.put(b"Subject: plain\r\n\r\nabc")
        assert await client.response() == b"* 2 EXISTS"
        assert await client.response() == b"* 2 FETCH (UID 2 BINARY[1] {3}\r\nabc)"


@pytest.mark.by_number
async def test_new_messages_are_told_with_their_uids_where_those_are_all_or_always_there(world: World) -> None:
    """RFC 9586 3.3, RFC 7162 3.2.4."""
    async with world.user("INBOX", "UIDONLY") as client, world.user("INBOX", "QRESYNC") as other:
        await client.ok("NOTIFY SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge))")
        await other.ok("NOTIFY SET (SELECTED (MessageNew (FLAGS) MessageExpunge))")
        await world.deliver()
        assert [await client.response(), await client.response()] == [b"* 1 EXISTS", b"* 1 UIDFETCH (FLAGS ())"]
        assert [await other.response(), await other.response()] == [b"* 1 EXISTS", b"* 1 FETCH (UID 1 FLAGS ())"]


EVERYTHING = "NOTIFY SET (PERSONAL (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"


async def test_what_the_client_itself_does_is_not_told(world: World) -> None:
    """RFC 5465 5."""
    await world.deliver()
    await world.deliver()
    async with world.user("INBOX") as client:
        await client.ok(EVERYTHING)
        for command in (
            "CREATE Work/Plans",
            "RENAME Work Jobs",
            "UNSUBSCRIBE Jobs",
            "SUBSCRIBE Elsewhere",
            "COPY 1 Archive",
            "APPEND Archive {20+}\r\nSubject: new\r\n\r\nxx\r\n",
            'SETMETADATA Jobs (/private/specialuse "\\\\Trash")',
            "DELETE Jobs/Plans",
            "NOOP",
        ):
            answer = await client.ok(command)
            assert answer.starting("LIST") == answer.starting("STATUS") == []
        moving = await client.ok("UID MOVE 2 Archive")
        assert moving.starting("STATUS") == []
        await world.deliver(mailbox="Archive")
        assert (await client.response()).startswith(b'* STATUS "Archive" (MESSAGES 4 UIDNEXT 5 ')
        await mailboxes.rename(world.store, world.account, "Jobs", "Tasks")
        assert (await client.response()).endswith(b'"Tasks" ("OLDNAME" ("Jobs"))')


async def test_what_others_do_at_the_same_time_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.deliver()
    copy = moving.copy

    async def after_a_delivery(*given: Any) -> moving.Copied:
        await world.deliver(mailbox="Archive")
        return await copy(*given)

    async with world.user("INBOX") as client:
        await client.ok(EVERYTHING)
        monkeypatch.setattr(moving, "copy", after_a_delivery)
        told = (await client.ok("COPY 1 Archive")).starting("STATUS")
        assert [line.partition(b" UIDVALIDITY")[0] for line in told] == [b'STATUS "Archive" (MESSAGES 2 UIDNEXT 3']


async def test_own_changes_among_very_many_are_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows then whose they all were."""
    monkeypatch.setattr(notifying, "FEW", 0)
    await world.deliver()
    async with world.user("INBOX") as client:
        await client.ok(EVERYTHING)
        assert len((await client.ok("COPY 1 Archive")).starting("STATUS")) == 1


async def test_all_groups_that_a_mailbox_is_in_are_for_it(world: World) -> None:
    async with world.user() as client:
        await client.ok("NOTIFY SET (MAILBOXES Archive (MessageNew MessageExpunge)) (PERSONAL (SubscriptionChange))")
        await mailboxes.subscribe(world.store, world.account, "Archive", subscribed=False)
        assert (await client.response()).endswith(b'"Archive"')
        await world.deliver(mailbox="Archive")
        assert (await client.response()).startswith(b'* STATUS "Archive"')


async def test_the_mailbox_above_is_told_of_too(world: World) -> None:
    async with world.user() as client:
        await client.ok("NOTIFY SET (PERSONAL (MailboxName))")
        await mailboxes.create(world.store, world.account, "Archive/Old")
        said = [await client.response() for _ in range(2)]
        assert [line.rpartition(b'"/" ')[2] for line in said] == [b'"Archive/Old"', b'"Archive"']
        assert b"\\HasChildren" in said[1]
        await mailboxes.delete(world.store, world.account, "Archive/Old")
        said = [await client.response() for _ in range(2)]
        assert said[0] == b'* LIST (\\NonExistent) "/" "Archive/Old"'
        assert b"\\HasNoChildren" in said[1]


@pytest.mark.parametrize(
    ("groups", "kind", "code"),
    [
        ("(PERSONAL (MessageNew MessageExpunge AnnotationChange))", "NO", "BADEVENT"),
        ("(SELECTED (MessageNew MessageExpunge)) (SELECTED-DELAYED (MessageNew MessageExpunge))", "BAD", ""),
        ("(SELECTED (MessageNew MessageExpunge MailboxName))", "BAD", ""),
        ("(PERSONAL (MessageNew))", "BAD", ""),
        ("(PERSONAL (FlagChange))", "BAD", ""),
        ("(PERSONAL (MessageNew (UID) MessageExpunge))", "BAD", ""),
    ],
)
async def test_what_cannot_be_told_is_refused(world: World, groups: str, kind: str, code: str) -> None:
    async with world.user() as client:
        answer = await client.do(f"NOTIFY SET {groups}")
        assert (answer.kind, answer.code.split(" ")[0]) == (kind, code)


async def test_more_than_can_be_held_against_each_change_is_refused(world: World) -> None:
    async with world.user() as client:
        names = " ".join(f"m{number}" for number in range(1000))
        answer = await client.do(f"NOTIFY SET (MAILBOXES ({names}) (MessageNew MessageExpunge))")
        assert (answer.kind, answer.code) == ("NO", "LIMIT")
        await client.ok(f"NOTIFY SET (MAILBOXES ({names.removesuffix(' m999')}) (MessageNew MessageExpunge))")
