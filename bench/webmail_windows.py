"""Windows of the webmail for measurements: `python -m bench.webmail_windows BASE N`.

Each is a websocket that looks at the inbox. A line says that all have their rows; they stay until the input ends.
"""

import sys
from dataclasses import dataclass

import trio

from tests.webui.mail import talking
from tests.webui.mail.talking import Browser


@dataclass(frozen=True, slots=True)
class Base:
    """A server on this machine."""

    base: int


async def run(base: int, windows: int) -> None:
    """Connect them, say so, and wait."""

    async def look(browser: Browser, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with browser.page() as page:
            await page.look(1, mailbox=page.box("inbox"))
            task_status.started()
            await trio.sleep_forever()

    async with talking.logged_in(Base(base)) as browser, trio.open_nursery() as nursery:
        for _ in range(windows):
            await nursery.start(look, browser)
        print("connected", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)
        nursery.cancel_scope.cancel()


def main() -> None:
    """Be the windows."""
    trio.run(run, int(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    main()
