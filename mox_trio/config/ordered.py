"""Put the tables of a TOML text into the order that every editor of TOML understands, without changing what it means.

TOML allows `[a.x]`, `[b]`, `[a.y]` in this order. Here all of `a` comes together, where its first table was; a table comes before
the tables in it, items of arrays keep their order. Comments above a header move with it. Linear but for sorting.
"""

from mox_trio.config import places
from mox_trio.config.problems import KeyPath


def ordered(text: str) -> str:
    """The text with its tables together; the same text if they are already. For texts that tomllib accepts."""
    headers = places.scan(text).headers
    if not headers:
        return text
    starts = [with_comments(text, offset) for offset, _ in headers]
    stops = [*starts[1:], len(text)]
    ranks: dict[KeyPath, int] = {}
    for number, (_, path) in enumerate(headers):
        for length in range(1, len(path) + 1):
            ranks.setdefault(path[:length], number)
    order = sorted(
        range(len(headers)),
        key=lambda number: [ranks[headers[number][1][:length]] for length in range(1, len(headers[number][1]) + 1)],
    )
    blocks = [text[starts[number] : stops[number]] for number in order]
    return text[: starts[0]] + "".join(block if block.endswith("\n") else block + "\n" for block in blocks)


def with_comments(text: str, header: int) -> int:
    """Where the comment lines right above a header begin."""
    start = text.rfind("\n", 0, header) + 1
    while start > 0:
        above = text.rfind("\n", 0, start - 1) + 1
        if not text[above:start].lstrip(" \t").startswith("#"):
            break
        start = above
    return start
