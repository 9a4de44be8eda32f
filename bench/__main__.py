"""Print every figure: `python -m bench [NAME ...]`, each in a process of its own."""

import subprocess
import sys
from typing import Final

PARTS: Final = (
    "mime",
    "configuration",
    "bodies",
    "index",
    "mailbox",
    "importing",
    "imap",
    "webapi",
    "webmail",
    "crash --points 20",
)


def main() -> None:
    """Run the named parts, or all."""
    for name in sys.argv[1:] or PARTS:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"bench.{name.split()[0]}", *name.split()[1:]], check=True)


if __name__ == "__main__":
    main()
