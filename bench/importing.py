"""Imports: `python -m bench.importing [--messages N] [--bytes B] [--from mbox|maildir|tgz|zip] [--sealed]`.

Disk and SQLite. CPU is this process's, per message; memory is the highest resident size above that at the start. How
much the storage of messages costs by itself is in `bench.mailbox`.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import trio

from mox_trio.mailstore import accounts, importing
from mox_trio.mailstore.importing import Report
from tests.kit import mail_trees, stores

WORDS = b"The quick brown fox jumps over the lazy dog, again and again.\n"


def messages(count: int, size: int) -> Iterator[bytes]:
    """Different messages of about this size."""
    for number in range(count):
        head = (
            f"Received: from a.example by b.example; Sun, 22 Nov 2026 10:00:00 +0000\nFrom: Ann <ann@example.org>\n"
            f"To: Bob <bob@example.org>\nSubject: Message number {number}\nDate: Sun, 22 Nov 2026 10:00:00 +0000\n"
            f"Message-ID: <{number}@bench.example>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n"
        ).encode()
        yield head + WORDS * max((size - len(head)) // len(WORDS), 0)


def write_source(directory: Path, kind: str, count: int, size: int) -> Path:
    """Write the messages as a source of this kind."""
    if kind == "mbox":
        path = directory / "Bench.mbox"
        with path.open("wb") as file:
            for data in messages(count, size):
                file.write(mail_trees.FROM + data + b"\n")
        return path
    files = {
        f"cur/{mail_trees.WHEN + number}.x{number}.host:2,S": data for number, data in enumerate(messages(count, size))
    }
    return mail_trees.write_as("directory" if kind == "maildir" else kind, directory, files)


def resident(name: str) -> int:
    """A line of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0


async def measure(directory: Path, source: Path, *, sealing: bool) -> tuple[Report, float, float, int]:
    """Import; seconds, CPU seconds and bytes of memory above the start."""
    async with stores.opened(directory, sealing=sealing) as kit:
        account = await accounts.create(kit.store, "bench")
        Path("/proc/self/clear_refs").write_text("5")  # noqa: ASYNC240 - VmHWM begins anew
        before = resident("VmRSS")
        began, cpu = time.perf_counter(), time.process_time()
        report = await importing.run(kit.store, account, source)
        return report, time.perf_counter() - began, time.process_time() - cpu, resident("VmHWM") - before


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--bytes", type=int, default=4096)
    parser.add_argument("--from", dest="kind", choices=["mbox", "maildir", "tgz", "zip"], default="mbox")
    parser.add_argument("--sealed", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        source = write_source(directory, options.kind, options.messages, options.bytes)
        (directory / "store").mkdir()
        report, seconds, cpu, memory = trio.run(lambda: measure(directory / "store", source, sealing=options.sealed))
    assert report.imported == options.messages, report
    print(
        f"import of {report.imported:,} messages of {options.bytes} bytes from {options.kind}: "
        f"{report.imported / seconds:,.0f}/s, CPU {cpu / report.imported * 1e6:.0f} us each, "
        f"peak memory {memory / 1048576:.0f} MiB above start"
    )


if __name__ == "__main__":
    main()
