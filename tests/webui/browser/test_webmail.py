"""The webmail in a real browser, as people use it."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from mox_trio.app.localserve_files import ADDRESS, PASSWORD
from tests.kit import localserve
from tests.kit.localserve import LocalServer
from tests.webui.browser import acting
from tests.webui.browser.acting import Webmail

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 90 90]>>endobj\ntrailer<</Root 1 0 R>>"
)
AXE = Path(__file__).parents[3] / "webui" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


def test_a_wrong_password_is_said_and_a_right_one_opens_the_inbox(context: BrowserContext, server: LocalServer) -> None:
    webmail = Webmail.window(context, server)
    page = webmail.page
    page.get_by_label("Email address").fill(ADDRESS)
    page.get_by_label("Password").fill("wrong wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


def test_mail_that_arrives_shows_in_two_windows_and_reading_it_in_one_shows_in_the_other(
    webmail: Webmail, context: BrowserContext, server: LocalServer
) -> None:
    other = Webmail.window(context, server)
    other.page.wait_for_selector(".list .bar h1")
    acting.deliver(server, acting.mail("shown twice", "first words of it"))
    for window in (webmail, other):
        expect(window.row("shown twice")).to_contain_text("first words of it")
        expect(window.row("shown twice")).to_have_class(re.compile("unread"))
    webmail.open_row("shown twice")
    expect(webmail.page.locator(".message .body")).to_contain_text("first words of it")
    expect(other.row("shown twice")).not_to_have_class(re.compile("unread"))
    assert webmail.troubles == []
    assert other.troubles == []


def test_a_conversation_is_one_row_and_its_messages_fold(webmail: Webmail, server: LocalServer) -> None:
    acting.deliver(
        server,
        acting.mail("the plan", "one", Message_ID="<plan1@example.org>"),
        acting.mail("Re: the plan", "two", Message_ID="<plan2@example.org>", In_Reply_To="<plan1@example.org>"),
    )
    page = webmail.page
    expect(page.locator(".row", has_text="the plan")).to_have_count(1)
    expect(webmail.row("the plan").locator(".thread-count")).to_contain_text("2")
    webmail.open_row("the plan")
    expect(page.locator("article .message")).to_have_count(2)
    page.locator("article").first.get_by_label("More for this message").click()
    page.get_by_role("menuitem", name="Fold").click()
    expect(page.locator("article .folded")).to_have_count(1)
    page.locator("article .folded").click()
    expect(page.locator("article .message")).to_have_count(2)


def test_the_messages_of_a_conversation_show_in_the_list(webmail: Webmail, server: LocalServer) -> None:
    first = acting.mail("unfolded", "one", Message_ID="<unfolded@example.org>")
    acting.deliver(server, first, acting.mail("Re: unfolded", "two", In_Reply_To="<unfolded@example.org>"))
    page = webmail.page
    webmail.row("unfolded").get_by_role("button", name="Show the 2 messages").click()
    inside = page.locator(".inside li")
    expect(inside).to_have_count(2)
    inside.last.locator("button").click()
    expect(page.locator(".message .body")).to_contain_text("one")
    acting.deliver(server, acting.mail("Re: unfolded", "three", In_Reply_To="<unfolded@example.org>"))
    expect(inside).to_have_count(3)
    page.keyboard.press("ArrowLeft")
    expect(inside).to_have_count(0)


def test_a_search_marks_what_it_found_and_says_when_it_is_complete(webmail: Webmail, server: LocalServer) -> None:
    acting.deliver(
        server, acting.mail("Haystack report", "a needle is in here"), acting.mail("Nothing", "no such thing")
    )
    webmail.row("Nothing").wait_for()
    page = webmail.page
    page.keyboard.press("/")
    page.keyboard.type("subject:haystack needle")
    expect(page.locator(".status")).to_have_text("1 message found.")
    expect(webmail.row("Haystack").locator("mark").first).to_have_text("Haystack")
    page.keyboard.press("Enter")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(".message mark")).to_have_text("needle")
    page.get_by_label("Search by fields").first.click()
    page.get_by_label("From", exact=True).fill("nobody")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("Nothing found for")).to_be_visible()


def test_a_message_is_written_with_a_file_sent_and_taken_back(
    webmail: Webmail, server: LocalServer, tmp_path: Path
) -> None:
    file = tmp_path / "numbers.csv"
    file.write_text("a,b\n1,2\n")
    page = webmail.page
    panel = webmail.compose("Zoe Quill <zoe@localhost>", "with a file", "The numbers are attached.")
    page.locator(".composer input[type=file]").set_input_files(file)
    expect(panel.locator(".files")).to_contain_text("numbers.csv")
    expect(panel.locator(".saving")).to_have_text("Saved")
    panel.get_by_role("button", name="Send", exact=True).click()
    toast = page.locator(".toast", has_text="Sent")
    expect(toast).to_be_visible()
    toast.get_by_role("button", name="Undo").click()
    expect(page.locator(".composer")).to_contain_text("numbers.csv")
    assert "with a file" not in server.subjects()
    page.locator(".composer").get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".composer")).to_have_count(0)
    page.wait_for_selector(".row:has-text('with a file')", timeout=30_000)
    webmail.open_row("with a file")
    expect(page.locator(".attachments").first).to_contain_text("numbers.csv")
    assert webmail.troubles == []


def test_a_forgotten_attachment_is_asked_about(webmail: Webmail) -> None:
    page = webmail.page
    webmail.compose("zoe@localhost", "forgotten", "Please see the attached file.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Send without an attachment?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".composer")).to_be_visible()
    page.get_by_label("Discard this draft").click()
    expect(page.locator(".composer")).to_have_count(0)


def test_actions_are_undone(webmail: Webmail, server: LocalServer) -> None:
    acting.deliver(server, acting.mail("to be archived"))
    page = webmail.page
    webmail.row("to be archived").locator("input[type=checkbox]").check(force=True)
    for key, said in (("e", "Archived"), ("!", "Marked as junk"), ("#", "Moved to trash")):
        page.keyboard.press(key)
        expect(webmail.row("to be archived")).to_have_count(0)
        expect(page.locator(".toast").last).to_contain_text(said)
        page.keyboard.press("z")
        expect(webmail.row("to be archived")).to_be_visible()
        webmail.row("to be archived").locator("input[type=checkbox]").check(force=True)
    page.keyboard.press("s")
    expect(webmail.row("to be archived").locator(".flagged")).to_be_visible()
    expect(page.locator(".toast").last).to_contain_text("Flagged")
    page.keyboard.press("z")
    expect(webmail.row("to be archived").locator(".flagged")).to_have_count(0)
    assert webmail.troubles == []


def test_what_is_taken_back_at_once_is_what_was_done_last(webmail: Webmail, server: LocalServer) -> None:
    acting.deliver(server, acting.mail("kept away"), acting.mail("flagged for a moment"))
    page = webmail.page
    webmail.row("kept away").locator("input[type=checkbox]").check(force=True)
    page.keyboard.press("e")
    expect(page.locator(".toast").last).to_contain_text("Archived")
    webmail.row("flagged for a moment").locator("input[type=checkbox]").check(force=True)
    page.keyboard.press("s")
    page.keyboard.press("z")  # before the server has answered
    expect(webmail.row("flagged for a moment").locator(".flagged")).to_have_count(0)
    expect(webmail.row("kept away")).to_have_count(0)


def test_what_is_typed_while_the_panel_comes_is_in_it(webmail: Webmail) -> None:
    page = webmail.page
    page.keyboard.type("cearly@localhost")  # e archives, a answers, where they are commands
    field = page.locator(".composer").get_by_label("To", exact=True)
    expect(field).to_have_value("early@localhost")
    expect(page.locator(".toast")).to_have_count(0)


def test_a_picture_that_is_pasted_is_shown_in_the_text_and_after_a_reload(webmail: Webmail) -> None:
    page = webmail.page
    panel = webmail.compose("pictures@localhost", "with a picture", "Look: ")
    page.evaluate(
        """async () => {
          const canvas = document.createElement("canvas");
          canvas.width = canvas.height = 40;
          canvas.getContext("2d").fillRect(0, 0, 40, 40);
          const data = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
          const carried = new DataTransfer();
          carried.items.add(new File([data], "square.png", { type: "image/png" }));
          const event = new ClipboardEvent("paste", { clipboardData: carried, bubbles: true, cancelable: true });
          document.querySelector(".written").dispatchEvent(event);
        }"""
    )
    picture = panel.get_by_role("img", name="square.png")
    expect(picture).to_have_js_property("naturalWidth", 40)
    expect(panel.locator(".files li")).to_have_count(0)
    page.keyboard.press("Control+s")
    expect(panel.locator(".saving")).to_have_text("Saved")
    page.reload()
    page.locator(".mailbox .name", has_text="Drafts").click()
    webmail.row("with a picture").locator(".open").click()
    expect(page.get_by_role("img", name="square.png")).to_have_js_property("naturalWidth", 40)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".toast").last).to_contain_text("Sent")
    page.locator(".mailbox .name", has_text="Sent").click()
    webmail.open_row("with a picture")
    expect(page.frame_locator(".message iframe").locator("img")).to_have_js_property("naturalWidth", 40)
    assert webmail.troubles == []


def test_what_is_planned_is_listed_and_taken_back(webmail: Webmail) -> None:
    page = webmail.page
    panel = webmail.compose("later@localhost", "not before tomorrow", "Later.")
    panel.get_by_role("button", name="Send later").click()
    page.keyboard.press("Enter")
    page.locator(".tree .waits").click()
    planned = page.locator(".scheduled li", has_text="not before tomorrow")
    planned.get_by_role("button", name="Cancel and edit").click()
    expect(page.locator(".toast").last).to_contain_text("Drafts")
    expect(planned).to_have_count(0)


def test_a_row_is_dragged_to_a_mailbox(webmail: Webmail, server: LocalServer) -> None:
    acting.deliver(server, acting.mail("dragged away"))
    page = webmail.page
    webmail.row("dragged away").drag_to(page.locator(".mailbox", has_text="Archive"))
    expect(webmail.row("dragged away")).to_have_count(0)
    page.locator(".mailbox .name", has_text="Archive").click()
    expect(webmail.row("dragged away")).to_be_visible()


def test_a_draft_survives_a_reload(webmail: Webmail) -> None:
    page = webmail.page
    panel = webmail.compose("reload@localhost", "half written", "As far as I got")
    expect(panel.locator(".saving")).to_have_text("Saved")
    page.reload()
    page.wait_for_selector(".list .bar h1")
    page.keyboard.press("g")
    page.keyboard.press("d")
    webmail.row("half written").locator(".open").click()
    expect(page.locator(".composer").get_by_role("textbox", name="Message")).to_contain_text("As far as I got")
    expect(page.locator(".composer .chip")).to_contain_text("reload@localhost")
    page.get_by_label("Discard this draft").click()


def test_two_windows_on_one_draft_see_each_other(
    webmail: Webmail, context: BrowserContext, server: LocalServer
) -> None:
    panel = webmail.compose("zoe@localhost", "in two windows", "first")
    expect(panel.locator(".saving")).to_have_text("Saved")
    other = Webmail.window(context, server)
    other.page.locator(".mailbox .name", has_text="Drafts").click()
    other.row("in two windows").locator(".open").click()
    theirs = other.page.locator(".composer")
    theirs.get_by_label("Subject").fill("in two windows, changed")
    expect(theirs.locator(".saving")).to_have_text("Saved")
    panel.get_by_label("Subject").fill("in two windows, mine")
    expect(panel.get_by_role("alert")).to_contain_text("changed or sent in another window")
    panel.get_by_role("button", name="Close mine").click()


def test_the_way_of_a_message_is_shown_step_by_step(webmail: Webmail, server: LocalServer) -> None:
    acting.deliver(server, acting.mail("followed", Message_ID="<way@example.org>"))
    page = webmail.page
    webmail.open_row("followed")
    page.get_by_label("More for this message").click()
    page.get_by_role("menuitem", name="The way of this message").click()
    way = page.get_by_role("dialog", name="The way of this message")
    expect(way.locator(".trace > li")).to_have_count(2)
    expect(way).to_contain_text("taken because")
    way.locator("summary").first.click()
    expect(way.locator("dl").first).to_contain_text("client.example.org")
    page.keyboard.press("Escape")
    page.locator(".security").click()
    page.get_by_role("button", name="Every step").click()
    expect(way.locator(".trace > li")).to_have_count(2)
    assert webmail.troubles == []


def test_a_pdf_is_shown_by_a_worker_of_the_page(webmail: Webmail, server: LocalServer) -> None:
    message = acting.mail("on paper")
    message.add_attachment(PDF, maintype="application", subtype="pdf", filename="paper.pdf")
    acting.deliver(server, message)
    webmail.open_row("on paper")
    with webmail.page.expect_event("worker"):
        webmail.page.locator(".attachments button", has_text="paper.pdf").first.click()
    expect(webmail.page.get_by_label("Page 1 of 1")).to_be_visible()
    assert webmail.troubles == []


def test_everything_is_done_by_keys(webmail: Webmail, server: LocalServer) -> None:
    acting.deliver(server, acting.mail("keys one"), acting.mail("keys two"))
    page = webmail.page
    webmail.row("keys two").wait_for()
    page.keyboard.press("j")
    expect(webmail.row("keys two").locator(".open")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".reader .subject")).to_contain_text("keys two")
    page.keyboard.press("j")
    expect(page.locator(".reader .subject")).to_contain_text("keys one")
    page.keyboard.press("u")
    expect(page.locator(".reader.nothing")).to_be_visible()
    expect(webmail.row("keys one").locator(".open")).to_be_focused()
    page.keyboard.press("x")
    page.keyboard.press("m")
    page.keyboard.type("Keyed")
    page.keyboard.press("Enter")
    expect(page.locator(".toast").last).to_contain_text("Moved to Keyed")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Archive")
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(page.locator(".composer").get_by_label("To", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".composer")).to_have_count(0)
    assert webmail.troubles == []


def test_a_server_that_starts_again_is_found_again(context: BrowserContext, tmp_path: Path) -> None:
    base = localserve.free_base()
    with localserve.running(tmp_path / "server", base=base) as server:
        webmail = Webmail.open(context, server, ADDRESS, PASSWORD)
        acting.deliver(server, acting.mail("before"))
        webmail.row("before").wait_for()
        server.stop()
        expect(webmail.page.locator(".connection")).to_contain_text("Offline")
    with localserve.running(tmp_path / "server", base=base) as server:
        expect(webmail.page.locator(".connection")).to_have_count(0, timeout=40_000)
        acting.deliver(server, acting.mail("after"))
        webmail.row("after").wait_for()
        expect(webmail.row("before")).to_be_visible()


def test_a_phone_shows_one_region_at_a_time(chromium: Browser, server: LocalServer) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    webmail = Webmail.open(context, server, ADDRESS, PASSWORD)
    page = webmail.page
    acting.deliver(server, acting.mail("on a phone"))
    webmail.row("on a phone").wait_for()
    expect(page.locator(".reader")).not_to_be_visible()
    expect(page.locator(".tree")).not_to_be_in_viewport()
    webmail.open_row("on a phone")
    expect(page.locator(".rows")).not_to_be_visible()
    page.go_back()
    expect(page.locator(".rows")).to_be_visible()
    page.locator(".top").get_by_label("Mailboxes").click()
    page.locator(".mailbox .name", has_text="Sent").click()
    expect(page.get_by_role("heading", name="Sent")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def _faults(page: Page) -> list[str]:
    page.evaluate(f"void 0;{AXE.read_text()}")
    found = page.evaluate("async () => (await axe.run(document, { iframes: false })).violations")
    return [
        f"{each['id']} ({each['impact']}): {node['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_kept_out_by_how_it_looks(chromium: Browser, server: LocalServer, scheme: str) -> None:
    context = chromium.new_context(
        viewport={"width": 1280, "height": 800}, color_scheme="dark" if scheme == "dark" else "light", bypass_csp=True
    )
    webmail = Webmail.open(context, server, ADDRESS, PASSWORD)
    page = webmail.page
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
    fields = {"List_Id": "<l.example>", "Message_ID": f"<{scheme}@example.org>"}
    message = acting.mail(f"looked at {scheme}", "text with https://a.example\n> quoted\n", **fields)
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="a.pdf")
    acting.deliver(server, message)
    webmail.row(f"looked at {scheme}").wait_for()
    assert _faults(page) == []
    webmail.open_row(f"looked at {scheme}")
    page.locator(".attachments").wait_for()
    assert _faults(page) == []
    page.get_by_label("More for this message").click()
    page.get_by_role("menuitem", name="The way of this message").click()
    page.locator(".trace details").first.evaluate("each => each.open = true")
    assert _faults(page) == []
    page.keyboard.press("Escape")
    webmail.compose("zoe@localhost", "axe", "text")
    assert _faults(page) == []
    page.get_by_label("Discard this draft").click()
    page.locator(".list .bar h1").click()
    for key, name in ((",", "Settings"), ("?", "Keys")):
        page.keyboard.press(key)
        page.get_by_role("dialog", name=name).wait_for()
        assert _faults(page) == []
        page.keyboard.press("Escape")
    context.close()
