"""The pages of the account in a real browser."""

import base64
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from mox_trio.app.localserve_files import ADDRESS, PASSWORD
from mox_trio.protocol import one_time
from tests.kit import mail_trees as trees
from tests.kit import wires
from tests.kit.localserve import LocalServer
from tests.webui.browser.acting import Webmail

AXE = Path(__file__).parents[3] / "webui" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
SECTIONS = (
    "General", "Names and rules", "Password and codes", "Programs", "Logins", "Addresses and space", "Import and export",
    "Webhooks", "API keys", "Suppression list",
)  # fmt: skip


def settings(page: Page, section: str) -> Locator:
    """A section of the settings, opened."""
    dialog = page.get_by_role("dialog", name="Settings")
    if not dialog.count():
        page.keyboard.press(",")
    dialog.get_by_role("navigation").get_by_role("button", name=section).click()
    found = dialog.get_by_role("region", name=section)
    found.wait_for()
    return found


def faults(page: Page) -> list[str]:
    """Serious faults of accessibility."""
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations"
        ".filter(({impact}) => ['serious', 'critical'].includes(impact)).map(({id, nodes}) => id + ': ' + nodes[0].html))"
    )
    return found


def code(secret: str, ahead: int = 0) -> str:
    """Of an authenticator."""
    octets = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return one_time.code(octets, int(time.time()) // one_time.STEP + ahead)


@pytest.fixture
def without_codes(server: LocalServer) -> Iterator[None]:
    """Other tests of the server log in by the password alone, whatever becomes of this one."""
    yield
    with suppress(AssertionError):  # they are off already
        server.run("account", "totp-off", "mox")


@pytest.mark.usefixtures("without_codes")
def test_codes_are_set_up_asked_for_and_switched_off(webmail: Webmail) -> None:
    page = webmail.page
    section = settings(page, "Password and codes")
    section.get_by_role("form", name="One-time codes").get_by_label("Your password").fill(PASSWORD)
    section.get_by_role("button", name="Set up one-time codes").click()
    expect(section.get_by_role("img", name="The secret")).to_be_visible()
    secret = section.locator(".enrol .secret").inner_text().replace(" ", "")
    section.get_by_role("textbox", name="Code").fill(code(secret, -1))
    section.get_by_role("button", name="Switch one-time codes on").click()
    expect(section.locator(".recovery li")).to_have_count(10)
    recovery = section.locator(".recovery li").all_inner_texts()
    section.get_by_role("button", name="I have them").click()
    expect(section).to_contain_text("10 recovery codes left")

    settings(page, "Logins").get_by_role("button", name="Log out everywhere", exact=False).last.click()
    page.get_by_role("button", name="End all, this one too").click()
    page.get_by_label("Email address").fill(ADDRESS)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    asked = page.get_by_label("One-time code")
    asked.fill("000")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    asked.fill(recovery[0])
    page.keyboard.press("Enter")
    page.wait_for_selector(".list .bar h1")

    section = settings(page, "Password and codes")
    section.get_by_role("button", name="Switch off").click()
    section.get_by_role("textbox", name="Code of the").fill(code(secret))
    section.get_by_role("button", name="Switch one-time codes off").click()
    expect(section).to_contain_text("Set up one-time codes")
    assert [each for each in webmail.troubles if "401" not in each] == []


def test_programs_get_passwords_certificates_keys_and_webhooks(webmail: Webmail, server: LocalServer) -> None:
    page = webmail.page
    section = settings(page, "Programs")
    form = section.get_by_role("form", name="New password of a program")
    form.get_by_label("Name").fill("Phone")
    form.get_by_label("Your password").fill("wrong wrong")
    form.get_by_role("button").click()
    expect(form.get_by_role("alert")).to_contain_text("wrong")
    form.get_by_label("Your password").fill(PASSWORD)
    form.get_by_role("button").click()
    secret = section.locator(".once .secret").inner_text()
    with server.submission() as smtp:
        smtp.login(ADDRESS, secret)
    section.get_by_text("Add a certificate").click()
    form = section.get_by_role("form", name="New certificate")
    form.get_by_label("Certificate").fill(wires.certificate("laptop.example.org").certificate.decode())
    form.get_by_label("Name").fill("Laptop")
    form.get_by_label("Your password").fill(PASSWORD)
    form.get_by_role("button").click()
    section.get_by_role("button", name="Remove Laptop").click()
    section.get_by_role("button", name="Shut it out Laptop").click()
    expect(section).not_to_contain_text("Laptop")

    section = settings(page, "API keys")
    section.get_by_label("Name").fill("shop")
    section.get_by_label("Your password").fill(PASSWORD)
    section.get_by_role("button", name="Make a key").click()
    expect(section.locator(".once .secret")).to_be_visible()
    section = settings(page, "Webhooks")
    form = section.get_by_role("form", name="Of sent mail")
    form.get_by_label("URL").fill("http://127.0.0.1:9/hook")
    form.get_by_role("button").click()
    section.get_by_role("button", name="I have it").click()
    section.get_by_role("button", name="Make a call to try it").click()
    expect(section.locator("p[role=status]")).to_contain_text("after")
    section = settings(page, "Suppression list")
    section.get_by_role("textbox", name="Address").fill("no@example.org")
    section.get_by_role("button", name="Send nothing more to it").click()
    section.get_by_role("button", name="Remove no@example.org").click()
    section.get_by_role("button", name="Send to it again").click()
    expect(section).to_contain_text("It is empty")
    assert webmail.troubles == []


def test_mail_comes_in_as_a_file_and_goes_out_as_one(webmail: Webmail, tmp_path: Path) -> None:
    page = webmail.page
    files = trees.below("Letters", trees.maildir_of([1, 2, 3])) | {"notes.doc": b"no mail"}
    section = settings(page, "Import and export")
    section.locator("input[type=file]").set_input_files(trees.write_zip(tmp_path / "old.zip", files))
    section.get_by_label("Into the mailbox").fill("Brought")
    section.get_by_role("button", name="Import", exact=True).click()
    expect(section).to_contain_text("3 messages")
    section.get_by_text("What was not imported").click()
    expect(section).to_contain_text("notes.doc")
    assert faults(page) == []
    form = section.get_by_role("form", name="Export")
    form.get_by_label("What").select_option("Brought")
    with page.expect_download() as downloading:
        form.get_by_role("button", name="Export").click()
    assert downloading.value.suggested_filename.startswith("Brought-maildir-")
    assert Path(downloading.value.path()).stat().st_size > 100
    assert webmail.troubles == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 390), ("dark", 1280)])
def test_every_section_is_without_serious_faults(
    chromium: Browser, server: LocalServer, scheme: str, width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    context.set_default_timeout(20_000)
    webmail = Webmail.window(context, server)
    page = webmail.page
    page.get_by_label("Email address").fill(ADDRESS)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".list .bar h1", state="attached")
    for section in SECTIONS:
        shown = settings(page, section)
        expect(shown).not_to_contain_text("Loading")
        assert (section, faults(page)) == (section, [])
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert shown.evaluate("node => node.getBoundingClientRect().bottom <= innerHeight")  # it scrolls to its end
    assert webmail.troubles == []
    context.close()


def test_a_session_that_is_ended_elsewhere_closes_at_once(
    webmail: Webmail, chromium: Browser, server: LocalServer
) -> None:
    other = chromium.new_context()
    window = Webmail.open(other, server, ADDRESS, PASSWORD)
    section = settings(webmail.page, "Logins")
    section.get_by_role("button", name="Log out everywhere else").click()
    section.get_by_role("button", name="End all others").click()
    expect(window.page.get_by_label("Email address")).to_be_visible(timeout=10_000)
    other.close()
