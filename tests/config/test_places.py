"""Finding the lines of keys in TOML text."""

import tomllib
from collections.abc import Iterator

import pytest
from hypothesis import given

from mox_trio.config import ordered, places
from mox_trio.config.problems import KeyPath, dotted
from tests.kit import toml_documents

DOCUMENT = '''# comment = 1
a = 1
b.c = "x # [y]"  # [no.table]
[t]  # [u]
"quoted \\u00e9" = \'\'\'
k = 1
[not.a.table]
\'\'\'
list = [
  1, # one
  { x = 1, y = [2, """
]"""] },
]
[[items]]
n = 1
[items.sub]
n = 2
[[items]]
n = 3
[ t . deep . 'er' ]
n = 4
'''


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("a",), (2, 1)),
        (("b", "c"), (3, 1)),
        (("t",), (4, 1)),
        (("t", "quoted é"), (5, 1)),
        (("t", "list"), (9, 1)),
        (("t", "list", 0), (10, 3)),
        (("t", "list", 1, "x"), (11, 5)),
        (("t", "list", 1, "y", 1), (11, 20)),
        (("items", 0, "n"), (15, 1)),
        (("items", 0, "sub", "n"), (17, 1)),
        (("items", 1), (18, 1)),
        (("items", 1, "n"), (19, 1)),
        (("t", "deep", "er"), (20, 1)),
        (("t", "deep", "er", "n"), (21, 1)),
    ],
)
def test_keys_have_lines_and_columns(path: KeyPath, place: tuple[int, int]) -> None:
    assert places.scan(DOCUMENT).of(path) == place


def test_a_missing_key_is_placed_at_what_encloses_it() -> None:
    assert places.scan(DOCUMENT).of(("items", 1, "missing", 4)) == (18, 1)
    assert places.scan(DOCUMENT).of(("missing",)) == (0, 0)


def test_paths_are_written_as_toml_does() -> None:
    assert dotted(("domains", "example.org", "routes", 0, "x-y_z")) == 'domains."example.org".routes[0].x-y_z'
    assert dotted(('a"b\\\n',)) == '"a\\"b\\\\\\U0000000A"'


def paths(value: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield (*path, number)
            yield from paths(inner, (*path, number))


@given(toml_documents.documents)
def test_every_key_of_every_document_is_found(document: dict[str, object]) -> None:
    text = toml_documents.text(document)
    assert tomllib.loads(text) == document
    found = places.scan(text)
    assert set(paths(document)) <= set(found.offsets)


@given(toml_documents.documents)
def test_ordered_tables_mean_the_same(document: dict[str, object]) -> None:
    text = toml_documents.text(document)
    assert tomllib.loads(ordered.ordered(text)) == document


def test_tables_are_put_together_with_their_comments() -> None:
    text = "x = 1\n\n# one\n[a.x]\n# b\n[b]\n# two\n# more\n[a.y]\nk = 1\n"
    assert ordered.ordered(text) == "x = 1\n\n# one\n[a.x]\n# two\n# more\n[a.y]\nk = 1\n# b\n[b]\n"
