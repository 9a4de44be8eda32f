"""What tests of becoming another user need: a Python and a directory that everybody can reach."""

import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import runtime
from tests.kit.runtime import ROOT, USER, reads


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory that everybody can reach."""
    with tempfile.TemporaryDirectory(prefix="mox-trio-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def open_python() -> Iterator[list[str]]:
    """A Python that everybody can read, of this version and with what the program needs; it may be the system's."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory(prefix="mox-trio-test-") as copies:
        Path(copies).chmod(0o755)
        for path in (f"{ROOT}:{sysconfig.get_path('purelib')}", copies):
            if path == copies:  # this checkout lies where the user cannot read it
                runtime.copy(Path(copies))
            for program in (sys.executable, f"/usr/local/bin/{version}", f"/usr/bin/{version}"):
                command = ["env", f"PYTHONPATH={path}", "PYTHONDONTWRITEBYTECODE=1", program]
                if reads(command):
                    yield command
                    return
        pytest.skip(f"user {USER} can read no {version} here")
