"""docs/protocols.md says what the code says: modules that exist and cite their RFCs, and every RFC that is cited."""

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("mox_trio", "storage_backends", "webui")
CITED = re.compile(r"RFCs? ((?:\d{3,5}(?:, | and )?)+)")
ANNOUNCED = re.compile(r'Capability\("[^"]+", "(\d+)"')
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| (\w+) \| (?:`([^`]+)`)? ?\| ?([^|]*?) ?\|$", re.MULTILINE)


class Row(NamedTuple):
    rfc: str
    name: str
    status: str
    module: str
    remarks: str


def rows() -> list[Row]:
    return [Row(*found) for found in ROW.findall((ROOT / "docs" / "protocols.md").read_text())]


@cache
def cited(path: Path) -> frozenset[str]:
    text = path.read_text()
    found = {number for match in CITED.findall(text) for number in re.findall(r"\d+", match)}
    return frozenset(found | set(ANNOUNCED.findall(text)))


def modules() -> list[Path]:
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return [path for path in found if "node_modules" not in path.parts]


def test_every_row_is_read() -> None:
    lines = (ROOT / "docs" / "protocols.md").read_text().splitlines()
    assert len(rows()) == sum(1 for line in lines if re.match(r"\| \d", line)) > 150


def test_an_rfc_stands_once_with_a_status_that_is_one() -> None:
    assert [rfc for rfc, count in Counter(row.rfc for row in rows()).items() if count > 1] == []
    assert {row.status for row in rows()} == {"yes", "partial", "no"}


def test_what_is_missing_or_refused_is_said() -> None:
    assert [row.rfc for row in rows() if row.status != "yes" and not row.remarks] == []
    assert [row.rfc for row in rows() if row.status == "partial" and not row.module] == []
    assert [row.rfc for row in rows() if row.status == "yes" and not row.module and not row.remarks] == []


@pytest.mark.parametrize("row", [row for row in rows() if row.module], ids=lambda row: row.rfc)
def test_the_module_exists_and_cites_the_rfc(row: Row) -> None:
    assert row.rfc in cited(ROOT / row.module)


def test_every_rfc_that_the_code_cites_stands_on_the_page() -> None:
    known = {row.rfc for row in rows()}
    missing = {f"RFC {rfc} in {path.relative_to(ROOT)}" for path in modules() for rfc in cited(path) - known}
    assert missing == set()


def test_every_capability_that_is_announced_is_there() -> None:
    done = {row.rfc for row in rows() if row.status != "no"}
    table = (ROOT / "mox_trio" / "imapd" / "capabilities.py").read_text()
    assert set(ANNOUNCED.findall(table)) - done == set()
