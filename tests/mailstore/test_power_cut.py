"""When a delivery is answered, a power cut costs nothing of it: body, directories and row were synced, in that order."""

import os
import sys
from pathlib import Path

import pytest

from tests.kit import delivering, traces
from tests.kit.traces import Call


class Disk:
    """What survives of a trace: for each file whether its bytes, for each name whether its directory was synced since."""

    def __init__(self, top: str) -> None:
        self._top = top
        self.unsynced: dict[str, int] = {}
        """Files and directories with something that a power cut takes, and the place of the newest such call."""
        self.bodies: list[str] = []
        self.problems: list[str] = []

    def replay(self, record: list[Call]) -> None:
        for place, call in enumerate(record):
            if call.is_sync:
                if self.unsynced.get(call.path, place) < call.begun:
                    del self.unsynced[call.path]
            elif call.name == "write" and call.text == "done\\n":
                self._answered()
            elif call.path.startswith(self._top):
                self._change(place, call)

    def _change(self, place: int, call: Call) -> None:
        if call.name == "write":
            self.unsynced[call.path] = place
            if call.path.endswith("-wal"):
                self._row()
        elif call.name == "rename":
            if call.path in self.unsynced:
                self.problems.append("a body has its name before its bytes are synced")
            self.bodies.append(call.target)
            self.unsynced[os.path.dirname(call.target)] = place
        else:
            self.unsynced[os.path.dirname(call.path)] = place

    def _lacking(self) -> list[str]:
        """Of the newest body: its directory and those above it."""
        path, lacking = self.bodies[-1] if self.bodies else self._top, []
        while path != self._top:
            path = os.path.dirname(path)
            lacking += [path] if path in self.unsynced else []
        return lacking

    def _row(self) -> None:
        # The database itself appears in the top directory; that is synced with its first row.
        lacking = [each for each in self._lacking() if each != self._top]
        self.problems += [f"a row is written before {each} is synced" for each in lacking]

    def _answered(self) -> None:
        databases = [path for path in self.unsynced if path.endswith(("-wal", ".db"))]
        self.problems += [f"answered before {each} is synced" for each in self._lacking() + databases]


def problems(top: str, record: list[Call]) -> list[str]:
    disk = Disk(top)
    disk.replay(record)
    return disk.problems


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Call]]:
    """A process that delivers three messages, from the making of its store."""
    top = tmp_path_factory.mktemp("store")
    command = [sys.executable, "-m", delivering.__name__, str(top)]
    return str(top), traces.of(command, tmp_path_factory.mktemp("trace") / "trace")


def deliveries(record: list[Call]) -> list[range]:
    """Where in a trace each delivery begins and ends."""
    begins = [place for place, call in enumerate(record) if call.text == "begin\\n"]
    ends = [place for place, call in enumerate(record) if call.text == "done\\n"]
    return [range(begin, end) for begin, end in zip(begins, ends, strict=True)]


def test_an_answered_delivery_survives_a_power_cut(traced: tuple[str, list[Call]]) -> None:
    top, record = traced
    assert len(deliveries(record)) == len(delivering.SIZES)
    renamed = [call.target for call in record if call.name == "rename"]
    assert len(renamed) == len(delivering.SIZES)
    assert all(Path(path).is_file() for path in renamed)
    assert problems(top, record) == []


def test_without_any_one_of_its_syncs_a_delivery_would_not_survive(traced: tuple[str, list[Call]]) -> None:
    top, record = traced
    first, small, large = ([place for place in span if record[place].is_sync] for span in deliveries(record))
    assert len(small) == 3
    assert len(first) > len(small)
    assert len(large) >= 3
    needed = [place for place in first + small + large if problems(top, without(record, place))]
    useless = [record[place] for place in set(first + small + large) - set(needed)]
    assert useless == []


def without(record: list[Call], place: int) -> list[Call]:
    """The trace with one call that does nothing, so that places stay."""
    return [*record[:place], Call("nothing", "", 0), *record[place + 1 :]]


def test_an_answer_before_the_last_sync_would_be_seen(traced: tuple[str, list[Call]]) -> None:
    top, record = traced
    end = deliveries(record)[1].stop
    last = max(place for place in range(end) if record[place].is_sync)
    early = [*record[:last], record[end], *record[last:end], *record[end + 1 :]]
    assert problems(top, early) != []
