"""Rewriting TOML text without losing anything of it."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.config import rewrite
from tests.kit import toml_documents

TEXT = """# my domains

[domains."x.example"] # main
disabled = false # not yet

# ---- people ----

# Mary
[accounts.mary]
addresses = [
  "mary@x.example", # first
  "m@x.example",
]

# ---- more people ----

[accounts.bob] # Bob
quota = '1GiB'
[domains."x.example".aliases.all]
members = ["bob@x.example"]
# end
"""


def rewritten(text: str, **changes: object) -> str:
    meant = tomllib.loads(text)
    for path, value in changes.items():
        *tables, key = path.split("__")
        table = meant
        for name in tables:
            table = table.setdefault(name.replace("X", "x.example"), {})
        if value is None:
            del table[key]
        else:
            table[key] = value
    new = rewrite.maybe_rewritten(text, meant)
    assert new is not None
    assert tomllib.loads(new) == meant
    return new


def test_a_table_is_removed_with_the_comments_about_it_and_no_others() -> None:
    start, stop = TEXT.index("# Mary"), TEXT.index("# ---- more people")
    assert rewritten(TEXT, accounts__mary=None) == TEXT[:start] + TEXT[stop:]


def test_a_table_comes_behind_its_relatives() -> None:
    block = '\n[accounts.eve]\naddresses = ["e@x.example"]\n\n'
    mark = '[domains."x.example".aliases'
    assert rewritten(TEXT, accounts__eve={"addresses": ["e@x.example"]}) == TEXT.replace(mark, block + mark)


def test_values_change_in_their_place() -> None:
    assert rewritten(TEXT, accounts__bob__quota="2GiB") == TEXT.replace("'1GiB'", '"2GiB"')
    assert rewritten(TEXT, domains__X__disabled=True) == TEXT.replace("false # not", "true # not")


def test_array_items_come_and_go_with_their_own_comments_only() -> None:
    assert '"mary@x.example", # first\n' in rewritten(TEXT, accounts__mary__addresses=["mary@x.example", "z@x.example"])
    assert '  "m@x.example",\n' in rewritten(TEXT, accounts__mary__addresses=["m@x.example"])


def test_a_section_that_has_tables_only_gets_a_header_for_its_keys() -> None:
    text = "[a.b.c]\nx = 1\n"
    assert rewritten(text, a__b__y=2) == "[a.b.c]\nx = 1\n\n[a.b]\ny = 2\n"


@pytest.mark.parametrize(
    "text",
    [
        "accounts = { mary = { quota = 1 } } # all\n",
        "[accounts]\nmary = { quota = 1 } # all\n",
        "# all\n[accounts.mary]\nquota = 1\n",
        "[accounts.bob]\n[domains]\n# all\n[accounts.mary]\nquota = 1",
    ],
)
def test_every_layout_of_tables_can_be_edited(text: str) -> None:
    for changes in ({"accounts__mary__quota": 2}, {"accounts__eve": {"quota": 3}}, {"accounts__mary__x": {"y": 1}}):
        assert "# all" in rewritten(text, **changes)
    assert tomllib.loads(rewritten(text, accounts__mary__quota=None))["accounts"]["mary"] == {}


def test_items_of_arrays_of_tables_can_be_edited() -> None:
    text = "# one\n[[routes]]\ntransport = 'a' # a\n# two\n[[routes]]\ntransport = 'b' # b\n"
    assert "# two" in rewritten(text, routes=[{"transport": "a"}, {"transport": "c"}])


@pytest.mark.parametrize("text", ["accounts.mary.quota = 1 # all\n", "[accounts]\nmary.quota = 1 # all\n"])
def test_values_of_dotted_keys_can_be_edited(text: str) -> None:
    assert rewritten(text, accounts__mary__quota=2) == text.replace("1", "2")
    assert "# all" in rewritten(text, accounts__eve={"quota": 3})


def test_what_the_layout_cannot_say_has_no_result() -> None:
    assert rewrite.maybe_rewritten("a.b.c = 1\n", {"a": {"b": {}}}) is None


@given(toml_documents.documents, toml_documents.documents)
def test_any_document_can_become_any_other(before: dict[str, object], after: dict[str, object]) -> None:
    new = rewrite.maybe_rewritten(toml_documents.text(before), after)
    if new is not None:
        assert tomllib.loads(new) == after


@given(toml_documents.documents, st.text("abc", min_size=1), toml_documents.scalars)
def test_adding_a_table_keeps_every_line(before: dict[str, object], name: str, value: object) -> None:
    text = toml_documents.text(before)
    new = rewrite.maybe_rewritten(text, {**before, name: {"key": value}} if name not in before else before)
    assert new is not None
    assert [line for line in text.splitlines() if line not in new.splitlines()] == []
