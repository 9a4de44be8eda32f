"""What people do in a browser, for tests."""

from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Self

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, StorageState

from mox_trio.app.localserve_files import ADDRESS, PASSWORD
from tests.kit.localserve import LocalServer


def deliver(server: LocalServer, *messages: EmailMessage) -> None:
    """Mails from another server."""
    with server.smtp() as smtp:
        for each in messages:
            smtp.send_message(each, "ann@example.org", [ADDRESS])


def mail(subject: str, text: str = "hello", html: str = "", **fields: str) -> EmailMessage:
    """A mail from outside."""
    message = EmailMessage()
    message["From"] = "Ann Example <ann@example.org>"
    message["To"] = ADDRESS
    message["Subject"] = subject
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html", cte="base64")
    return message


def url(server: LocalServer) -> str:
    """Of the webmail."""
    return f"http://127.0.0.1:{server.base + 80}/webmail/"


@dataclass
class Webmail:
    """A window of somebody who is logged in; what goes wrong in it is in `troubles`."""

    page: Page
    troubles: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, context: BrowserContext, server: LocalServer, address: str, password: str) -> Self:
        """Log in."""
        found = cls.window(context, server)
        page = found.page
        page.get_by_label("Email address").fill(address)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_selector(".list .bar h1")
        return found

    @classmethod
    def window(cls, context: BrowserContext, server: LocalServer) -> Self:
        """Another window of the same browser."""
        page = context.new_page()
        found = cls(page)

        def note(message: ConsoleMessage) -> None:
            if message.type == "error":
                found.troubles.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: found.troubles.append(str(error)))
        page.goto(url(server))
        return found

    def row(self, subject: str) -> Locator:
        """The row with a subject."""
        return self.page.locator(".row", has_text=subject).first

    def open_row(self, subject: str) -> None:
        """Read it."""
        self.row(subject).locator(".open").click()
        self.page.wait_for_selector(".message .body")

    def compose(self, to: str, subject: str, text: str) -> Locator:
        """Write something."""
        page = self.page
        page.keyboard.press("c")
        panel = page.locator(".composer")
        field = panel.get_by_label("To", exact=True)
        field.fill(to)
        field.press("Tab")
        panel.get_by_label("Subject").fill(subject)
        panel.get_by_role("textbox", name="Message").click()
        page.keyboard.type(text)
        return panel


def entered(browser: Browser, server: LocalServer) -> StorageState:
    """Cookies of somebody who is logged in."""
    context = browser.new_context()
    Webmail.open(context, server, ADDRESS, PASSWORD)
    state = context.storage_state()
    context.close()
    return state
