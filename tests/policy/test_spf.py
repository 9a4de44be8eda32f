"""SPF: the OpenSPF suites through our adapter, and what the adapter adds to pyspf."""

import ipaddress
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.base.address import Path
from mox_trio.base.domain import Domain
from mox_trio.policy import spf
from mox_trio.policy.questions import Kind, Question
from mox_trio.policy.results import Spf, SpfStatus
from tests.kit.dns import Zone, decide

SUITES = FilePath("/work/shared/conformance/spf/test")
TIMEOUTS_OF_TYPE_SPF = "the suite's zone times out for type SPF (99) only, which RFC 7208 3.1 does not ask for"
CLIENT = ipaddress.ip_address("192.0.2.1")
DIFFERENT: dict[tuple[str, str], str] = {}
"""Cases of the suites that end otherwise here, with the reason."""


@dataclass(frozen=True)
class Case:
    suite: str
    name: str
    facts: dict[str, Any]
    zone: dict[str, Any]


def cases() -> Iterator[Case]:
    import yaml

    for suite in ("rfc7208-tests", "rfc4408-tests"):
        file = SUITES / f"{suite}.yml"
        if not file.exists():
            continue
        for scenario in yaml.load_all(file.read_text("utf-8"), Loader=yaml.CSafeLoader):
            for name, facts in scenario["tests"].items():
                yield Case(suite, name, facts, scenario["zonedata"])


def octets(written: Any) -> bytes:
    """The suites write octets as characters."""
    return "".join([written] if isinstance(written, str) else written).encode("latin-1", "replace")


def zone_of(names: dict[str, Any]) -> Zone:
    """The zone of a scenario, as the drivers of the suites read it: SPF records stand for TXT where there are none."""
    zone: dict[str, dict[str, list[Any]]] = {}
    trouble: set[str | tuple[str, str]] = set()
    for written_name, rows in names.items():
        name = written_name.lower()
        records = zone.setdefault(name, {})
        types = [next(iter(row)) for row in rows if isinstance(row, dict)]
        for row in rows:
            if row == "TIMEOUT":
                # Before it, in the rows, stands what is answered nevertheless.
                trouble |= {(name, kind.value) for kind in Kind if kind.value not in records}
                continue
            kind, value = next(iter(row.items()))
            if kind == "SPF" and "TXT" not in types:
                kind = "TXT"
            if kind == "SPF" or value == "NONE":
                continue
            records.setdefault(kind, []).append(
                octets(value) if kind == "TXT" else tuple(value) if kind == "MX" else str(value)
            )
    return Zone(zone, trouble=trouble)


@pytest.mark.skipif(not SUITES.exists(), reason=f"{SUITES} is not there")
@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.suite}-{case.name}")
def test_the_suites_agree(case: Case) -> None:
    result = decide(
        spf.check_identity(
            ipaddress.ip_address(case.facts["host"]),
            "mailfrom" if case.facts["mailfrom"] else "helo",
            case.facts["mailfrom"] or f"postmaster@{case.facts['helo']}",
            case.facts["helo"],
            receiver="receiver.example",
            now=1000.0,
        ),
        zone_of(case.zone),
    )
    expected = case.facts["result"]
    allowed = [expected] if isinstance(expected, str) else expected
    assert result.status.value in allowed
    if "explanation" in case.facts and result.status is SpfStatus.FAIL:
        wanted = case.facts["explanation"]
        assert result.explanation == ("" if wanted == "DEFAULT" else wanted)
