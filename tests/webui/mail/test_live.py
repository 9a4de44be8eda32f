"""The websocket: what is looked at, and what happens meanwhile."""

import pytest
import trio

from tests.kit.localserve import LocalServer
from tests.webui.mail import talking
from webui.mail.session import LARGE


async def test_mail_that_arrives_shows_in_every_page_that_looks(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as one, browser.page() as two:
        inbox = one.box("inbox")
        await one.look(1, mailbox=inbox)
        await two.look(1, mailbox=inbox, threads=False)
        await talking.deliver(server, talking.mail("pushed"))
        for page in (one, two):
            ops = (await page.hear("ops"))["ops"]
            assert [op[:2] for op in ops] == [["+", 0]]
            assert ops[0][2]["subject"] == "pushed"
            counts = (await page.hear("mailboxes"))["changed"][0]
            assert counts["role"] == "inbox"
            assert counts["unread"] >= 1


async def test_flags_and_moves_of_one_page_show_in_another(server: LocalServer) -> None:
    await talking.deliver(server, talking.mail("moved"))
    async with talking.logged_in(server) as browser, browser.page() as one, browser.page() as two:
        inbox = one.box("inbox")
        row = (await one.look(1, mailbox=inbox))["rows"][0]
        await two.look(1, mailbox=inbox)
        uid = int(row["id"].split(".")[1])
        changed = await one.call("flag", mailbox=inbox, uids=[uid], add=["\\Flagged", "work"])
        assert changed["uids"] == [uid]
        op = (await two.hear("ops"))["ops"][0]
        assert op[0] == "="
        assert {"\\Flagged", "work"} <= set(op[2]["flags"])
        assert (await two.hear("keywords"))["names"][-1] == "work"
        moved = await one.call("move", mailbox=inbox, uids=[uid], to=one.box("archive"))
        assert (await two.hear("ops"))["ops"] == [["-", 0]]
        back = await one.call("move", mailbox=moved["mailbox"], uids=moved["uids"], to=inbox)
        assert len(back["uids"]) == 1
        assert (await two.hear("ops"))["ops"][0][2]["subject"] == "moved"


async def test_answers_join_the_row_of_their_thread(server: LocalServer) -> None:
    await talking.deliver(server, talking.mail("thread", Message_ID="<t1@example.org>"))
    async with talking.logged_in(server) as browser, browser.page() as page:
        inbox = page.box("inbox")
        first = (await page.look(1, mailbox=inbox))["rows"][0]
        await talking.deliver(
            server, talking.mail("Re: thread", In_Reply_To="<t1@example.org>", Message_ID="<t2@example.org>")
        )
        ops = (await page.hear("ops"))["ops"]
        assert [op[0] for op in ops] == ["-", "+"]
        assert ops[1][2]["thread"] == first["thread"]
        assert ops[1][2]["count"] == 2
        thread = await page.call("thread", id=first["thread"], mailbox=inbox)
        assert [each["subject"] for each in thread] == ["thread", "Re: thread"]
        uids = [int(ops[1][2]["id"].split(".")[1])]
        archived = await page.call("move", mailbox=inbox, uids=uids, threads=True, to=page.box("archive"))
        assert len(archived["uids"]) == 2


async def test_a_page_that_comes_back_is_told_what_is_there_now(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser:
        async with browser.page() as page:
            await page.look(1, mailbox=page.box("inbox"))
            at = page.welcome["at"]
        await talking.deliver(server, talking.mail("meanwhile"))
        async with browser.page(since=at) as page:
            assert page.welcome["at"] > at
            assert (await page.look(1, mailbox=page.box("inbox")))["rows"][0]["subject"] == "meanwhile"


async def test_windows_far_down_give_their_rows(server: LocalServer) -> None:
    await talking.deliver(server, *(talking.mail(f"many {number}") for number in range(30)))
    async with talking.logged_in(server) as browser, browser.page() as page:
        total = (await page.look(1, mailbox=page.box("inbox"), threads=False))["total"]
        await page.say(t="window", view=1, start=total - 5, stop=total + 50)
        listed = await page.hear("list")
        assert (listed["start"], len(listed["rows"])) == (total - 5, 5)


async def test_a_search_finds_by_tokens_and_follows_what_comes(server: LocalServer) -> None:
    await talking.deliver(server, talking.mail("searched", "needle in the text"), talking.mail("not this", "other"))
    async with talking.logged_in(server) as browser, browser.page() as page:
        await page.say(t="look", view=7, query='from:ann needle subject:"searched"', start=0, stop=50)
        done = await page.hear("found", lambda message: message["complete"])
        assert (done["total"], done["words"]) == (1, ["ann", "needle", "searched"])
        assert page.heard[-2]["rows"][0]["subject"] == "searched"
        await talking.deliver(server, talking.mail("searched too", "another needle"))
        again = await page.hear("list", lambda message: message["view"] == 7)
        assert [row["subject"] for row in again["rows"]] == ["searched too", "searched"]


async def test_mailboxes_and_settings_are_told_as_they_change(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as one, browser.page() as two:
        made = await one.call("mailboxCreate", name="Projects/New")
        names = {each["name"] for each in (await two.hear("mailboxes"))["changed"]}
        assert names == {"Projects", "Projects/New"}
        await one.call("mailboxRename", mailbox=made["id"], name="Projects/Old")
        assert (await two.hear("mailboxes"))["changed"][0]["name"] == "Projects/Old"
        await one.call("mailboxDelete", mailbox=made["id"], name="Projects/Old")
        assert (await two.hear("mailboxes"))["gone"] == [made["id"]]
        await one.call("settingsPut", name="webmail", value={"theme": "dark"})
        assert (await two.hear("settings"))["values"] == {"webmail": {"theme": "dark"}}


async def test_what_is_somebody_elses_or_nothing_is_not_found(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        for name, args in (
            ("message", {"mailbox": 999, "uid": 1}),
            ("flag", {"mailbox": 999, "uids": [1], "add": ["x"]}),
            ("move", {"mailbox": 999, "uids": [1], "to": 1}),
            ("erase", {"mailbox": 999, "uids": [1]}),
        ):
            with pytest.raises(talking.Refused, match="not-found"):
                await page.call(name, **args)
        await page.say(t="look", view=3, mailbox=999, start=0, stop=10)
        assert (await page.hear("lost"))["view"] == 3


async def test_a_new_message_shows_soon(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        await page.look(1, mailbox=page.box("inbox"))
        began = trio.current_time()
        await talking.deliver(server, talking.mail("soon"))
        await page.hear("ops")
        assert trio.current_time() - began < 5


async def test_a_page_that_opens_gets_its_first_rows_with_the_welcome(server: LocalServer) -> None:
    await talking.deliver(server, talking.mail("there when the page opens"))
    async with talking.logged_in(server) as browser:
        look = {"view": 1, "name": "Inbox", "threads": False, "start": 0, "stop": 20}
        async with browser.page(look=look) as page:
            assert page.welcome["looking"] == {"view": 1, "mailbox": page.box("inbox"), "threads": False}
            listed = await page.hear("list")
            assert (listed["view"], listed["rows"][0]["subject"]) == (1, "there when the page opens")
        async with browser.page(look={**look, "name": "No such mailbox"}) as page:
            assert page.welcome["looking"]["mailbox"] == page.box("inbox")


async def test_a_large_mailbox_shows_its_newest_rows_before_it_is_read_whole(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        saved = await page.call("draftSave", letter=talking.letter("many times"))
        box = (await page.call("mailboxCreate", name="Large"))["id"]
        await page.call("copy", mailbox=saved["mailbox"], uids=[saved["uid"]], to=box)
        count = 1
        while count <= LARGE:
            await page.call("copy", mailbox=box, uids=list(range(1, count + 1)), to=box)
            count *= 2
        first = await page.look(1, mailbox=box, threads=False)
        assert (first["total"], len(first["rows"])) == (50, 50)
        whole = await page.hear("list")
        assert whole["total"] == count
        assert whole["rows"] == first["rows"]
        assert whole["rows"][0]["id"] == f"{box}.{count}"
        again = await page.look(2, mailbox=box, threads=False)
        assert again["total"] == count


async def test_a_text_with_nul_is_none(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        for call, given in (("thread", {"id": "T\0", "mailbox": 1}), ("known", {"addresses": ["a@b", "\0"]})):
            with pytest.raises(talking.Refused, match="invalid"):
                await page.call(call, **given)
