"""Temporary files: what is appended is read back; where bodies are encrypted no file shows it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.app.scratch import Sealed
from mox_trio.mailstore.scratch import Plain, Scratch


@pytest.mark.parametrize("kind", [Plain, Sealed])
@given(data=st.data())
def test_what_is_appended_is_read_back(kind: type[Scratch], data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.integers(0, 200_000), max_size=4))
    whole = b"".join(bytes([number + 1]) * size for number, size in enumerate(pieces))
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole) + 10))
    scratch = kind()
    try:
        position = 0
        for size in pieces:
            scratch.append(whole[position : position + size])
            position += size
        assert b"".join(scratch.blocks()) == whole
        assert scratch.read(start, stop) == whole[start:stop]
    finally:
        scratch.close()


def test_a_sealed_file_does_not_show_its_content() -> None:
    scratch = Sealed()
    scratch.append(b"Canary7Q" * 50_000)
    assert b"".join(scratch.blocks()) == b"Canary7Q" * 50_000
    unnamed = [path for path in sorted(Path("/proc/self/fd").iterdir()) if "(deleted)" in _target(path)]
    shown = b"".join(path.read_bytes() for path in unnamed)
    assert len(shown) > 400_000
    assert b"Canary7Q" not in shown
    scratch.close()


def _target(path: Path) -> str:
    try:
        return os.readlink(path)
    except FileNotFoundError:  # that of the listing itself
        return ""
