"""Mails that want to run scripts or to be seen reading, in a real browser: nothing runs, nothing is fetched unasked."""

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page

from tests.kit.localserve import LocalServer
from tests.webui.browser import acting, hostile
from tests.webui.browser.acting import Webmail

LEAST = 150
AT_ONCE = 12

FRAMES = """
async ([urls]) => {
  for (const url of urls) {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-same-origin allow-popups allow-popups-to-escape-sandbox";
    frame.referrerPolicy = "no-referrer";
    frame.src = url;
    const done = new Promise((resolve) => { frame.onload = resolve; });
    document.body.append(frame);
    await done;
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  const frames = [...document.querySelectorAll("iframe")];
  const elements = frames.flatMap((frame) => [...frame.contentDocument.querySelectorAll("*")]);
  const names = ["href", "action", "src", "srcset", "formaction", "data", "ping", "background", "poster", "xlink:href"];
  const links = elements.flatMap((element) => names.map((name) => element.getAttribute(name)).filter(Boolean));
  const events = elements.flatMap((element) => element.getAttributeNames().filter((name) => name.startsWith("on")));
  const wrong = ["SCRIPT", "IFRAME", "OBJECT", "EMBED", "SVG", "MATH", "LINK", "FORM", "INPUT", "VIDEO", "AUDIO"];
  const scripts = elements.filter((element) => wrong.includes(element.tagName.toUpperCase())).length;
  // Everything that can be touched is touched.
  for (const element of elements) {
    if (element.tagName === "A" || element.tagName === "AREA") continue;
    element.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
    element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    element.dispatchEvent(new Event("focus"));
  }
  const hit = window.hit ?? "";
  frames.forEach((frame) => frame.remove());
  return { hit, links, events, scripts };
}
"""


@contextmanager
def attacker() -> Iterator[tuple[str, list[str]]]:
    """A server that notes who asks it for anything."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            return

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_address[1]}", asked
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def test_the_corpus_is_large() -> None:
    assert len(set(hostile.vectors("http://out.example"))) >= LEAST


def test_no_script_runs_and_nothing_is_fetched_before_consent(
    context: BrowserContext, server: LocalServer, webmail: Webmail
) -> None:
    page = webmail.page
    with attacker() as (out, asked):
        vectors = hostile.vectors(out)
        acting.deliver(server, *(acting.mail(f"hostile {number}", html=each) for number, each in enumerate(vectors)))
        page.wait_for_selector(f".row:has-text('hostile {len(vectors) - 1}')")
        dialogs: list[str] = []

        def dismiss(dialog: Dialog) -> None:
            dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", dismiss)
        hits, links, events, scripts = "", list[str](), list[str](), 0
        for start in range(1, len(vectors) + 1, AT_ONCE):
            urls = [f"msg/1/{uid}/html" for uid in range(start, min(start + AT_ONCE, len(vectors) + 1))]
            result = page.evaluate(FRAMES, [urls])
            hits += result["hit"]
            links += result["links"]
            events += result["events"]
            scripts += result["scripts"]
        assert (hits, dialogs, events, scripts) == ("", [], [], 0)
        assert [url for url in links if not re.match(r"(?:https?:|mailto:|tel:|data:image/)", url)] == []
        assert asked == []
        assert context.pages == [page]


@pytest.mark.parametrize("way", ["in the page", "by itself"])
def test_pictures_from_elsewhere_come_when_they_are_asked_for(
    server: LocalServer, webmail: Webmail, context: BrowserContext, way: str
) -> None:
    with attacker() as (out, asked):
        subject = f"pictures {way}"
        acting.deliver(server, acting.mail(subject, html=f"<p>look</p><img src='{out}/pixel.png'>"))
        page = webmail.page
        webmail.row(subject).wait_for()
        webmail.open_row(subject)
        page.get_by_text("Pictures from elsewhere are not loaded").wait_for()
        if way == "by itself":
            source = page.locator("iframe.html").get_attribute("src")
            alone = context.new_page()
            alone.goto(f"{acting.url(server)}{source}")
            alone.get_by_text("look").wait_for()
            assert alone.evaluate("() => document.querySelectorAll('script').length") == 0
            assert asked == []
            return
        assert asked == []
        with page.expect_request(f"{out}/pixel.png"):
            page.get_by_role("button", name="Load them").click()
        page.wait_for_timeout(200)
        assert asked == ["/pixel.png"]


def test_an_attachment_that_is_a_page_is_saved_and_never_shown(server: LocalServer, webmail: Webmail) -> None:
    message = acting.mail("page attached")
    for name, kind in (("evil.html", "html"), ("evil.svg", "svg+xml"), ("evil.xml", "xml")):
        main = "image" if kind == "svg+xml" else "text"
        message.add_attachment(
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", maintype=main, subtype=kind, filename=name
        )
    acting.deliver(server, message)
    webmail.row("page attached").wait_for()
    webmail.open_row("page attached")
    page = webmail.page
    page.get_by_text("3 attachments").wait_for()
    for number in (1, 2, 3):
        answer = page.evaluate(
            "async (path) => { const answer = await fetch(path); return Object.fromEntries(answer.headers); }",
            f"msg/1/{_uid(page)}/part/{number}",
        )
        assert answer["content-type"] == "application/octet-stream"
        assert answer["content-disposition"].startswith("attachment")
        assert "sandbox" in answer["content-security-policy"]


def _uid(page: Page) -> str:
    found = re.search(r"/1\.(\d+)", page.url)
    assert found is not None
    return found[1]
