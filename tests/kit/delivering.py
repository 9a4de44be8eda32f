"""A process that delivers and says when: `python -m tests.kit.delivering DIRECTORY`, to be watched from outside.

On standard output a line `begin` stands before each delivery, a line `done` after its return.
"""

import os
import sys
from pathlib import Path

import trio

from mox_trio.mailstore import accounts
from tests.kit import stores

SIZES = (10, 10, 100_000)
"""Lines of the messages that are delivered, one after the other."""


async def main() -> None:
    async with stores.opened(Path(sys.argv[1])) as kit:
        account = await accounts.create(kit.store, "ann")
        for number, lines in enumerate(SIZES):
            data = stores.message(str(number), "text\r\n" * lines)
            os.write(1, b"begin\n")
            await stores.put(kit.store, account, data)
            os.write(1, b"done\n")


if __name__ == "__main__":
    trio.run(main)
