"""What is shipped: one wheel with three typed packages, the migrations and the console script."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_everything_that_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        points = next(archive.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    assert {f"{package}/py.typed" for package in ("mox_trio", "storage_backends", "webui")} <= names
    assert any(name.startswith("storage_backends/index/migrations/versions/0001") for name in names)
    assert "storage_backends/contract/bodies.py" in names
    assert "mox-trio = mox_trio.cli.main:main" in points
    assert not any(name.startswith(("tests/", "bench/", "webui/frontend/")) for name in names)
    if (ROOT / "webui" / "static" / "index.html").exists():  # make frontend builds it
        assert "webui/static/index.html" in names
