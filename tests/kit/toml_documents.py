"""TOML documents of every shape, as values and as text."""

from collections.abc import Iterator

from hypothesis import strategies as st

from mox_trio.config import toml
from mox_trio.config.problems import dotted

characters = st.characters(exclude_categories=["Cs"])
keys = st.text(characters, max_size=8)
scalars = st.one_of(st.integers(-(2**63), 2**63 - 1), st.booleans(), st.text(characters, max_size=20))
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)
documents: st.SearchStrategy[dict[str, object]] = st.dictionaries(keys, values, max_size=4)


def text(document: dict[str, object]) -> str:
    """The document with a header for every table that can have one, and a comment above and in each."""
    return "".join(_lines(document, ()))


def _lines(table: dict[str, object], path: tuple[str, ...]) -> Iterator[str]:
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    yield from (f"{toml.name(key)} = {toml.value(value)}\n" for key, value in table.items() if key not in tables)
    for key, value in tables.items():
        yield f"# above\n[{dotted((*path, key))}] # beside\n"
        yield from _lines(value, (*path, key))


texts = documents.map(text)


def many_accounts(accounts: int) -> str:
    """A document with this many accounts of two addresses each, in 101 domains."""
    domains = "".join(f'[domains."d{number}.example"]\n' for number in range(101))
    return domains + "".join(
        f'[accounts.user{number}]\naddresses = ["user{number}@d{number % 100}.example", "first.last{number}@d100.example"]\n'
        f'full_name = "User Number {number}"\n'
        for number in range(accounts)
    )
