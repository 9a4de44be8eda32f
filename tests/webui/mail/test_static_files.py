"""The built pages: small, and nothing inline."""

import re
from pathlib import Path

import pytest

from webui.mail.static_files import DIRECTORY, PAGE, Files

FIRST_LOAD = 60 * 1024


@pytest.fixture(scope="module")
def files() -> Files:
    if not (DIRECTORY / PAGE).exists():
        pytest.skip("the pages are not built; run make frontend")
    found = Files()
    found.load()
    return found


def test_the_first_load_is_small(files: Files) -> None:
    page = files.get(PAGE)
    assert page is not None
    wanted = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page.data.decode())
    assert len(wanted) >= 2
    assert sum(files.sizes()[name] for name in (PAGE, *wanted)) <= FIRST_LOAD


def test_the_page_has_nothing_inline(files: Files) -> None:
    page = files.get(PAGE)
    assert page is not None
    text = page.data.decode()
    assert re.search(r"<script(?![^>]*\bsrc=)", text) is None
    assert re.search(r"<style|\bstyle=|\son[a-z]+=", text) is None


def test_files_that_were_not_built_are_not_there(tmp_path: Path) -> None:
    found = Files(tmp_path / "nothing")
    found.load()
    assert found.get(PAGE) is None
