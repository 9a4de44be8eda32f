"""The webmail: `python -m bench.webmail [--messages N] [--rounds N] [--windows N] [--keep DIRECTORY] [--timeline]`.

A real server on loopback (disk and SQLite, durable) and Chromium, which share the machine. Four figures:
- what the first load weighs, compressed, as the browser received it;
- how long a mailbox of 100,000 messages takes from navigation until its first rows are painted: for the first time after the
  server started, which reads the mailbox, and again; the browser has the files of an earlier visit, or has not;
- how long a message takes from the 250 to its sender until its row is painted in an open window;
- how much resident memory each of 500 connected windows costs that look at the mailbox.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Page, StorageState, sync_playwright

from mox_trio.app.localserve_files import ADDRESS
from tests.kit import localserve, mail_trees
from tests.kit.localserve import PROGRAM, LocalServer
from tests.webui.browser import acting
from tests.webui.browser.conftest import ARGUMENTS

FIRST_KIB: Final = 60
OPEN_MS: Final = 400
PUSH_MS: Final = 150
WINDOW_KIB: Final = 100
PUSHED: Final = 50
WORDS: Final = b"The quick brown fox jumps over the lazy dog, again and again.\n" * 20

PAINTED: Final = """
(() => {
  const seen = new Map();
  window.benchPainted = seen;
  const frames = new MessageChannel();
  const waiting = [];
  frames.port1.onmessage = () => {
    const now = performance.timeOrigin + performance.now();
    for (const name of waiting.splice(0)) if (!seen.has(name)) seen.set(name, now);
  };
  new MutationObserver(() => {
    const names = [...document.querySelectorAll(".row .subject")].map((each) => each.textContent);
    const fresh = names.filter((name) => !seen.has(name) && !waiting.includes(name));
    if (!fresh.length) return;
    waiting.push(...fresh);
    requestAnimationFrame(() => frames.port2.postMessage(0));
  }).observe(document, { childList: true, subtree: true, characterData: true });
})();
"""
"""In the page: when each row was painted first, by its subject, in milliseconds of the wall clock."""

TIMELINE: Final = """
() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .map((each) => ({ name: each.name.replace(/.*\\/webmail/, ""), start: each.startTime, end: each.responseEnd }))
  .concat(performance.getEntriesByType("paint").map((each) => ({ name: each.name, start: each.startTime, end: each.startTime })))
"""


def mails(count: int) -> Iterator[bytes]:
    """Different messages, each minute one; three make a conversation."""
    for number in range(count):
        first, reply = number - number % 3, number % 3
        about = f"{'Re: ' if reply else ''}About matter {first}"
        parent = f"In-Reply-To: <{first}@bench.example>\n" if reply else ""
        when = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(mail_trees.WHEN + 60 * number))
        head = (
            f"Received: from a.example by b.example; {when}\nFrom: Ann{number % 50} Example <ann{number % 50}@example.org>\n"
            f"To: {ADDRESS}\nSubject: {about}\nDate: {when}\nMessage-ID: <{number}@bench.example>\n{parent}"
            f"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n"
        )
        yield head.encode() + WORDS


def fill(server: LocalServer, directory: Path, count: int) -> None:
    """Import so many messages into the inbox."""
    path = directory / "bench.mbox"
    with path.open("wb") as file:
        for number, data in enumerate(mails(count)):
            when = time.strftime("%a %b %d %H:%M:%S %Y", time.gmtime(mail_trees.WHEN + 60 * number))
            file.write(b"From a@b " + when.encode() + b"\n" + data + b"\n")
    config = server.directory / "mox-trio.toml"
    command = [str(PROGRAM), "--config", str(config), "import", "mox", str(path), "--mailbox", "Inbox"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    path.unlink()


@dataclass(frozen=True, slots=True)
class Site:
    """Where the server's data is; it is started as often as is measured."""

    directory: Path
    base: int

    @contextmanager
    def running(self) -> Iterator[LocalServer]:
        """The server, for a while."""
        with localserve.running(self.directory / "server", base=self.base) as server:
            yield server


@contextmanager
def window(browser: Browser, state: StorageState) -> Iterator[BrowserContext]:
    """A browser with nothing in its cache, logged in."""
    context = browser.new_context(storage_state=state, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    context.add_init_script(PAINTED)
    yield context
    context.close()


def opened(context: BrowserContext, server: LocalServer) -> tuple[Page, float]:
    """A page on the inbox, and the milliseconds from navigation until its first rows were painted."""
    page = context.new_page()
    page.goto(acting.url(server), wait_until="commit")
    page.wait_for_selector(".row .subject")
    return page, until(
        page, "() => benchPainted.size ? Math.min(...benchPainted.values()) - performance.timeOrigin : null"
    )


def until(page: Page, expression: str, argument: object = None) -> float:
    """The number that a function of the page returns once it does; the page's policy lets nothing else wait in it."""
    while (found := page.evaluate(expression, argument)) is None:
        time.sleep(0.005)
    return float(found)


def told(what: str, found: list[float], unit: str, bar: float) -> None:
    """Print the median, the best and the worst beside a bar."""
    least, most = min(found), max(found)
    middle = statistics.median(found)
    print(f"{what}: median {middle:.0f} {unit}, {least:.0f} to {most:.0f} (bar {bar:.0f})", flush=True)


def weigh(browser: Browser, server: LocalServer, state: StorageState) -> None:
    """What a first visit downloads, headers and all."""
    with window(browser, state) as context:
        page = context.new_page()
        received: list[int] = []
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda event: received.append(int(event["encodedDataLength"])))
        page.goto(acting.url(server))
        page.wait_for_selector(".row .subject")
        page.wait_for_load_state("networkidle")
        kib = sum(received) / 1024
        print(f"first load: {kib:.1f} KiB compressed in {len(received)} requests (bar {FIRST_KIB})", flush=True)


def openings(browser: Browser, site: Site, state: StorageState, rounds: int, *, timeline: bool) -> None:
    """Open the mailbox after the server started, and again."""
    first: list[float] = []
    again: list[float] = []
    warm: list[float] = []
    for _ in range(rounds):
        with site.running() as server:
            with window(browser, state) as context:
                page, took = opened(context, server)
                first.append(took)
                page.close()
                warm.append(opened(context, server)[1])
            with window(browser, state) as context:
                page, took = opened(context, server)
                again.append(took)
                if timeline:
                    show(page.evaluate(TIMELINE), took)
    told("opening the mailbox for the first time since the server started", first, "ms", OPEN_MS)
    told("opening it again, the browser's cache empty", again, "ms", OPEN_MS)
    told("opening it again, the files in the browser's cache", warm, "ms", OPEN_MS)


def show(entries: list[dict[str, Any]], painted: float) -> None:
    """Print when each request began and ended."""
    for each in sorted(entries, key=lambda each: float(each["start"])):
        print(f"    {each['start']:6.0f} to {each['end']:6.0f} ms {each['name'][:60]}")
    print(f"    rows at {painted:.0f} ms", flush=True)


def push(browser: Browser, server: LocalServer, state: StorageState) -> None:
    """Send messages one after the other and see when each is shown."""
    took: list[float] = []
    with window(browser, state) as context, server.smtp() as smtp:
        page, _ = opened(context, server)
        for number in range(PUSHED):
            subject = f"pushed {number} {time.time_ns()}"
            smtp.send_message(acting.mail(subject), "ann@example.org", [ADDRESS])
            answered = time.time() * 1000
            shown = until(page, "(name) => benchPainted.get(name) ?? null", subject)
            took.append(max(0.0, shown - answered))
    told(f"from the 250 to the row, {PUSHED} messages", took, "ms", PUSH_MS)


def resident(server: LocalServer) -> int:
    """KiB of the server's process."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def remember(server: LocalServer, windows: int) -> None:
    """Connect windows from another process, see what they cost, and let them go."""
    connected(server, 10, lambda: None)  # what the first ones cost once
    before = resident(server)
    after: list[int] = []
    connected(server, windows, lambda: after.append(resident(server)))
    each = (after[0] - before) / windows
    print(
        f"{windows} connected windows: {each:.0f} KiB each (bar {WINDOW_KIB}), the server {after[0] / 1024:.0f} MiB",
        flush=True,
    )


def connected(server: LocalServer, windows: int, meanwhile: Callable[[], None]) -> None:
    """Do something while so many windows are connected."""
    command = [sys.executable, "-m", "bench.webmail_windows", str(server.base), str(windows)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout is None or process.stdin is None or not process.stdout.readline():
            raise RuntimeError("the windows did not connect")
        meanwhile()
        process.stdin.close()


def measure(directory: Path, options: argparse.Namespace) -> None:
    """All four figures."""
    is_new = not (directory / "server").exists()
    site = Site(directory, localserve.free_base())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(ARGUMENTS))
        with site.running() as server:
            if is_new:
                fill(server, directory, options.messages)
            state = acting.entered(browser, server)
            weigh(browser, server, state)
        openings(browser, site, state, options.rounds, timeline=options.timeline)
        with site.running() as server:
            push(browser, server, state)
            remember(server, options.windows)
        browser.close()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--windows", type=int, default=500)
    parser.add_argument("--keep", type=Path, help="where the mailbox stays for the next run")
    parser.add_argument("--timeline", action="store_true", help="print the requests of each opening")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        measure(options.keep, options)
        return
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), options)


if __name__ == "__main__":
    main()
