"""Loading a document of 10,000 accounts: `python -m bench.configuration`."""

import gc
import threading
import time
from pathlib import Path

from mox_trio.config import directory, load
from tests.kit import toml_documents


def longest_hold(done: threading.Event, held: list[float]) -> None:
    """Note the CPU time of the process between two turns of this thread: what another held on to the interpreter."""
    last = time.process_time()
    while not done.is_set():
        now = time.process_time()
        held.append(now - last)
        last = now
        done.wait(0.001)


def main() -> None:
    """Load it once and print what it took."""
    settings = load.static_text('hostname = "mail.example.org"', Path("/etc/mox-trio/mox-trio.toml"))
    text = toml_documents.many_accounts(10_000)
    held: list[float] = []
    done = threading.Event()
    gc.collect()
    gc.freeze()
    watcher = threading.Thread(target=longest_hold, args=(done, held))
    watcher.start()
    began = time.process_time()
    dynamic = load.dynamic(text, settings)
    loaded = time.process_time()
    directory.build(settings, dynamic)
    built = time.process_time()
    done.set()
    watcher.join()
    print(f"10,000 accounts: load {loaded - began:.2f} s CPU, directory {built - loaded:.2f} s (bar 2 s together)")
    print(f"longest hold of the interpreter: {max(held) * 1000:.0f} ms (bar 50)")


if __name__ == "__main__":
    main()
