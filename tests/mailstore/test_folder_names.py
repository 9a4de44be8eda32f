"""Names of mailboxes as paths of files and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.base.failure import Failure
from mox_trio.mailstore import folder_names, mailboxes


def test_levels_are_directories() -> None:
    assert folder_names.path("Archive/2020") == ("Archive", "2020")
    assert folder_names.levels_of_folder(["Archive", "2020"]) == ["Archive", "2020"]
    assert folder_names.levels_of_file(["Archive", "2020.mbox"]) == ["Archive", "2020"]


@pytest.mark.parametrize(
    ("mailbox", "safe"),
    [
        ("cur", "%63ur"),
        ("New", "%4Eew"),
        (".hidden", "%2Ehidden"),
        ("a:b", "a%3Ab"),
        ("..", "%2E%2E"),
        ("x.mbox", "x%2Embox"),
        ("end.", "end%2E"),
        ("nul.txt", "%6Eul.txt"),
        ("Entwürfe", "Entwürfe"),
    ],
)
def test_what_a_file_system_may_refuse_is_escaped(mailbox: str, safe: str) -> None:
    assert folder_names.path(mailbox) == (safe,)
    assert folder_names.levels_of_folder([safe]) == [mailbox]


@pytest.mark.parametrize(
    ("components", "levels"),
    [
        ([], []),
        ([".Sub.Folder"], ["Sub", "Folder"]),
        (["Maildir", ".Sub"], ["Maildir", "Sub"]),
        ([".Entw&APw-rfe.A&-B"], ["Entwürfe", "A&B"]),
        ([".bad&AB-x"], ["bad&AB-x"]),
        (["Inbox.sbd", "Sub"], ["Inbox", "Sub"]),
    ],
)
def test_layouts_of_other_programs_are_understood(components: list[str], levels: list[str]) -> None:
    assert folder_names.levels_of_folder(components) == levels


@pytest.mark.parametrize(
    ("levels", "into", "strip", "name", "repaired"),
    [
        ([], "", "", "Inbox", False),
        ([], "Archive/Old", "", "Archive/Old", False),
        (["INBOX"], "", "", "Inbox", False),
        (["INBOX", "x"], "", "", "Inbox/x", False),
        (["a", "b"], "Old", "", "Old/a/b", False),
        (["Mail", "a"], "", "Mail", "a", False),
        (["Mail"], "", "Mail", "Inbox", False),
        (["Mailing"], "", "Mail", "Mailing", False),
        (["a*b", "c%d"], "", "", "a_b/c_d", True),
        (["#news"], "", "", "_news", True),
        (["a\x07b"], "", "", "a_b", True),
        (["\udcff"], "", "", "_", True),
    ],
)
def test_names_are_mapped(levels: list[str], into: str, strip: str, name: str, repaired: bool) -> None:
    assert folder_names.Mapping(into, strip).mailbox(levels) == (name, repaired)


@given(st.lists(st.text(max_size=300), max_size=40), st.text(max_size=20), st.text(max_size=5))
def test_any_path_becomes_a_name_that_is_allowed(levels: list[str], into: str, strip: str) -> None:
    name, _ = folder_names.Mapping(into, strip).mailbox(levels)
    assert mailboxes.canonical(name) == name


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5))
def test_names_come_back_from_their_paths(levels: list[str]) -> None:
    try:
        name = mailboxes.canonical("/".join(levels))
    except Failure:
        return
    components = folder_names.path(name)
    assert all(component not in (".", "..", "cur", "new", "tmp") and "/" not in component for component in components)
    assert folder_names.Mapping().mailbox(folder_names.levels_of_folder(components)) == (name, False)
    *above, last = components
    as_file = folder_names.levels_of_file([*above, last + folder_names.MBOX])
    assert folder_names.Mapping().mailbox(as_file) == (name, False)


def test_a_level_too_long_for_a_file_is_cut() -> None:
    (safe,) = folder_names.path("ä" * 250)
    assert len(safe.encode()) <= folder_names.LONGEST_LEVEL
    assert folder_names.path("ä" * 249)[0] != safe
