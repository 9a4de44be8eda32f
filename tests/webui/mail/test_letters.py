"""Drafts, sending, and taking it back; uploads and what is given out."""

import io
import time
import zipfile

import pytest
import trio

from tests.kit.localserve import LocalServer
from tests.webui.mail import talking


async def test_a_draft_is_saved_over_its_older_self_and_never_over_another_ones(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        first = await page.call("draftSave", letter=talking.letter("draft"))
        place = {"mailbox": first["mailbox"], "uid": first["uid"]}
        more = {"draft": place, "message_id": first["messageId"]}
        second = await page.call("draftSave", letter=talking.letter("draft 2", **more))
        assert second["uid"] != first["uid"]
        listed = await page.look(1, mailbox=page.box("drafts"), threads=False)
        assert [row["subject"] for row in listed["rows"]] == ["draft 2"]
        with pytest.raises(talking.Refused, match="conflict"):
            await page.call("draftSave", letter=talking.letter("draft 3", **more))
        opened = await page.call("draftOpen", mailbox=second["mailbox"], uid=second["uid"])
        assert (opened["subject"], opened["recipients"]) == ("draft 2", [["Ann", "you@localhost"]])


async def test_a_draft_keeps_recipients_that_are_no_addresses_yet(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        saved = await page.call(
            "draftSave", letter=talking.letter("typing", to=[["", "ann"]], cc=[["", "b@b.example"]])
        )
        opened = await page.call("draftOpen", mailbox=saved["mailbox"], uid=saved["uid"])
        assert (opened["recipients"], opened["cc"]) == ([["", "ann"]], [["", "b@b.example"]])
        with pytest.raises(talking.Refused, match="invalid"):
            await page.call("send", letter=talking.letter("typing", to=[["", "ann"]]))


async def test_attachments_go_from_the_upload_into_the_draft_and_out(server: LocalServer) -> None:
    content = bytes(range(256)) * 2000
    async with talking.logged_in(server) as browser, browser.page() as page:
        headers = {"x-mox-csrf": browser.csrf, "content-type": "application/pdf"}
        refused = await browser.http.post("upload?name=x", content=b"x", headers={"content-type": "text/plain"})
        assert refused.status_code == 403
        taken = (await browser.http.post("upload?name=r%C3%A9port.pdf", content=content, headers=headers)).json()
        assert (taken["size"], taken["name"]) == (len(content), "réport.pdf")
        saved = await page.call("draftSave", letter=talking.letter("with file", files=[{"upload": taken["upload"]}]))
        part = saved["attachments"][0]
        assert (part["name"], part["size"], part["kind"]) == ("réport.pdf", len(content), "pdf")
        piece = {"mailbox": saved["mailbox"], "uid": saved["uid"], "path": part["path"]}
        place = {"mailbox": saved["mailbox"], "uid": saved["uid"]}
        sent = await page.call("send", letter=talking.letter("with file", files=[piece], draft=place))
        base = f"msg/{sent['mailbox']}/{sent['uid']}"
        answer = await browser.http.get(f"{base}/part/1")
        assert answer.content == content
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert "sandbox" in answer.headers["content-security-policy"]
        archive = zipfile.ZipFile(io.BytesIO((await browser.http.get(f"{base}/files.zip")).content))
        assert archive.read("réport.pdf") == content
        left = await page.look(2, mailbox=page.box("drafts"), threads=False)
        assert "with file" not in [row["subject"] for row in left["rows"]]


async def test_one_draft_that_two_windows_send_at_once_is_sent_once(server: LocalServer) -> None:
    told: list[str] = []

    async def send(page: talking.Page, letter: talking.Said) -> None:
        try:
            await page.call("send", letter=letter, hold=60)
            told.append("sent")
        except talking.Refused as refused:
            told.append(str(refused))

    async with talking.logged_in(server) as browser, browser.page() as page, browser.page() as other:
        saved = await page.call("draftSave", letter=talking.letter("sent once"))
        place = {"mailbox": saved["mailbox"], "uid": saved["uid"]}
        letter = talking.letter("sent once", draft=place, message_id=saved["messageId"])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, page, letter)
            nursery.start_soon(send, other, letter)
        refused = "conflict: the draft was changed or sent in another window"
        assert sorted(told) == [refused, "sent"]
        for view, role, copies in ((1, "drafts", 0), (2, "sent", 1)):
            listed = await page.look(view, mailbox=page.box(role), threads=False)
            assert [row["subject"] for row in listed["rows"]].count("sent once") == copies
        with pytest.raises(talking.Refused, match="another window"):
            await page.call("draftSave", letter=letter)
        (planned,) = await page.call("scheduled")
        assert planned["subject"] == "sent once"
        await page.call("scheduleCancel", queued=planned["queued"])


async def test_sending_can_be_taken_back_for_a_moment_and_then_not(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        held = await page.call("send", letter=talking.letter("held"), hold=30)
        back = await page.call("unsend", queued=held["queued"], mailbox=held["mailbox"], uid=held["uid"])
        assert back["mailbox"] == page.box("drafts")
        with pytest.raises(talking.Refused, match="conflict"):
            await page.call("unsend", queued=held["queued"], mailbox=held["mailbox"], uid=held["uid"])
        await page.look(1, mailbox=page.box("inbox"))
        gone = await page.call("send", letter=talking.letter("gone"))
        if not any(message["t"] == "ops" for message in page.heard):
            await page.hear("ops")
        with pytest.raises(talking.Refused, match="conflict"):
            await page.call("unsend", queued=gone["queued"], mailbox=gone["mailbox"], uid=gone["uid"])
    assert "held" not in server.subjects()


async def test_what_is_planned_waits_and_is_listed(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        later = 4_000_000_000_000
        with pytest.raises(talking.Refused, match="invalid"):
            await page.call("send", letter=talking.letter("later"), until=later)
        at = int(time.time() * 1000) + 3_600_000
        sent = await page.call("send", letter=talking.letter("later"), until=at)
        planned = await page.call("scheduled")
        assert planned == [{"queued": sent["queued"], "at": at, "subject": "later", "recipients": ["you@localhost"]}]
        back = await page.call("scheduleCancel", queued=sent["queued"])
        assert back["mailbox"] == page.box("drafts")
        assert (await page.call("draftOpen", **back))["subject"] == "later"
        assert await page.call("scheduled") == []
        for call in ("scheduleCancel", "scheduleNow"):
            with pytest.raises(talking.Refused, match="conflict"):
                await page.call(call, queued=sent["queued"])


async def test_what_is_planned_can_leave_now(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        at = int(time.time() * 1000) + 3_600_000
        sent = await page.call("send", letter=talking.letter("sooner"), until=at)
        await page.look(1, mailbox=page.box("inbox"), threads=False)
        await page.call("scheduleNow", queued=sent["queued"])
        if not any(message["t"] == "ops" for message in page.heard):
            await page.hear("ops")
        assert await page.call("scheduled") == []


async def test_pictures_within_the_text_go_with_it(server: LocalServer) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    async with talking.logged_in(server) as browser, browser.page() as page:
        headers = {"x-mox-csrf": browser.csrf, "content-type": "image/png"}
        taken = (await browser.http.post("upload?name=p.png", content=png, headers=headers)).json()
        html = '<p>Look:</p><img src="cid:p1@inline"><img src="https://tracker.example/x.png">'
        piece = {"upload": taken["upload"], "cid": "p1@inline"}
        saved = await page.call("draftSave", letter=talking.letter("picture", html=html, files=[piece]))
        assert saved["attachments"] == []
        (picture,) = saved["pictures"]
        assert (picture["cid"], picture["type"], picture["size"]) == ("p1@inline", "image/png", len(png))
        opened = await page.call("draftOpen", mailbox=saved["mailbox"], uid=saved["uid"])
        assert '<img src="cid:p1@inline">' in opened["body"]
        assert "tracker" not in opened["body"]
        place = {"mailbox": saved["mailbox"], "uid": saved["uid"]}
        kept = {**place, "path": picture["path"], "cid": "p1@inline"}
        sent = await page.call("send", letter=talking.letter("picture", html=html, files=[kept], draft=place))
        raw = (await browser.http.get(f"msg/{sent['mailbox']}/{sent['uid']}/raw")).text
        assert "multipart/related" in raw
        assert "Content-ID: <p1@inline>" in raw
        shown = (await browser.http.get(f"msg/{sent['mailbox']}/{sent['uid']}/html")).text
        assert "data:image/png;base64," in shown
        with pytest.raises(talking.Refused, match="invalid"):
            await page.call("draftSave", letter=talking.letter("x", files=[{**kept, "cid": "a>\r\nX: y"}]))


async def test_what_is_known_of_the_way_to_recipients_is_told(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        told = await page.call("security", addresses=["you@localhost", "ann@example.org", "nonsense"])
        assert told == {"you@localhost": "here", "ann@example.org": "unknown"}


async def test_an_answer_marks_what_it_answers_and_joins_its_thread(server: LocalServer) -> None:
    await talking.deliver(server, talking.mail("question", Message_ID="<q@example.org>"))
    async with talking.logged_in(server) as browser, browser.page() as page:
        inbox = page.box("inbox")
        row = (await page.look(1, mailbox=inbox, threads=False))["rows"][0]
        uid = int(row["id"].split(".")[1])
        reply = {"mailbox": inbox, "uid": uid, "forward": False}
        more = {"in_reply_to": "q@example.org", "references": ["q@example.org"], "reply": reply}
        await page.call("send", letter=talking.letter("Re: question", **more))
        shown = await page.call("message", mailbox=inbox, uid=uid)
        assert "\\Answered" in shown["flags"]
        thread = await page.call("thread", id=row["thread"], mailbox=inbox)
        assert "Re: question" in [each["subject"] for each in thread]


async def test_who_was_written_to_is_completed(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        await page.call("send", letter=talking.letter("hi", to=[["Zoë Quill", "zq@localhost"]]))
        assert (await page.call("complete", text="quil"))[0] == ["Zoë Quill", "zq@localhost"]
        assert (await page.call("complete", text="zq@"))[0][1] == "zq@localhost"
        assert await page.call("known", addresses=["zq@localhost", "never@localhost"]) == ["zq@localhost"]


async def test_nobody_sends_as_somebody_else(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        with pytest.raises(talking.Refused, match="policy"):
            await page.call("send", letter=talking.letter("forged", sender=["Boss", "boss@elsewhere.example"]))


async def test_a_rule_of_a_message_puts_the_next_one_where_it_says(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        made = await page.call("mailboxCreate", name="From Ann")
        await page.call("ruleAdd", mailbox=made["id"], **{"from": "ruled@example.org"})
        await page.look(1, mailbox=made["id"])
        await talking.deliver(server, talking.mail("ruled", From="ruled@example.org"))
        assert (await page.hear("ops"))["ops"][0][2]["subject"] == "ruled"
        rule = (await page.call("rules"))[0]
        await page.call("ruleRemove", address=rule["address"], number=rule["number"], comment=rule["comment"])
        assert await page.call("rules") == []


async def test_messages_are_given_out_as_they_came(server: LocalServer) -> None:
    await talking.deliver(server, talking.mail("raw one", "From here\n"))
    async with talking.logged_in(server) as browser, browser.page() as page:
        inbox = page.box("inbox")
        row = (await page.look(1, mailbox=inbox, threads=False))["rows"][0]
        uid = row["id"].split(".")[1]
        raw = await browser.http.get(f"msg/{inbox}/{uid}/raw")
        assert "Subject: raw one" in raw.text
        assert raw.headers["content-type"] == "text/plain; charset=utf-8"
        mbox = (await browser.http.get(f"export?mailbox={inbox}&uids={uid}&format=mbox")).text
        assert mbox.startswith("From ann@example.org ")
        assert "\n>>From here\n" in mbox  # smtplib quoted it once
        for kind, ending in (("eml", "raw one.eml"), ("maildir", ":2,")):
            answer = await browser.http.get(f"export?mailbox={inbox}&uids={uid}&format={kind}")
            (name,) = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
            assert name.endswith(ending)


async def test_a_page_that_goes_away_has_sent_and_has_its_copy(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser:
        async with browser.page() as page:
            saved = await page.call("draftSave", letter=talking.letter("left alone"))
            place = {"mailbox": saved["mailbox"], "uid": saved["uid"]}
            letter = talking.letter("left alone", draft=place, message_id=saved["messageId"])
            await page.say(t="call", id=99, name="send", args={"letter": letter, "hold": 30})
        async with browser.page() as page:
            await page.look(1, mailbox=page.box("drafts"), threads=False)
            sent = await page.look(2, mailbox=page.box("sent"), threads=False)
            for _ in range(100):
                if "left alone" in [row["subject"] for row in sent["rows"]]:
                    break
                sent = await page.look(2, mailbox=page.box("sent"), threads=False)
            drafts = await page.look(1, mailbox=page.box("drafts"), threads=False)
            is_draft = "left alone" in [row["subject"] for row in drafts["rows"]]
            is_sent = "left alone" in [row["subject"] for row in sent["rows"]]
            assert is_draft != is_sent, "either nothing happened, or all of it"
