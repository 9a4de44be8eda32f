import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from mox_trio.app.localserve_files import ADDRESS, PASSWORD
from tests.kit import localserve
from tests.kit.localserve import LocalServer
from tests.webui.browser import acting
from tests.webui.browser.acting import Webmail

BUILT = Path(__file__).parents[3] / "webui" / "static" / "index.html"
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium; .ci/system installs it")
    if not BUILT.exists():
        pytest.skip("the pages are not built; run make frontend")
    os.environ.setdefault("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with localserve.running(tmp_path_factory.mktemp("webmail") / "server") as running:
        yield running


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(viewport={"width": 1280, "height": 800})
    made.set_default_timeout(20_000)
    yield made
    made.close()


@pytest.fixture(scope="module")
def visit(chromium: Browser, server: LocalServer) -> StorageState:
    """The cookies of somebody who logged in, so that tests need not."""
    return acting.entered(chromium, server)


@pytest.fixture
def webmail(context: BrowserContext, server: LocalServer, visit: StorageState) -> Webmail:
    for cookie in visit["cookies"]:
        context.add_cookies([{**cookie}])  # type: ignore[typeddict-item]
    found = Webmail.window(context, server)
    found.page.wait_for_selector(".list .bar h1, input[type=password]")
    if found.page.locator("input[type=password]").count():  # a test ended the session
        found.page.close()
        return Webmail.open(context, server, ADDRESS, PASSWORD)
    return found


@pytest.fixture
def page(webmail: Webmail) -> Page:
    return webmail.page
