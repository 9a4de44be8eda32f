"""The examples of docs/testing.md are tests, and pass."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_example_of_the_page_passes(tmp_path: Path) -> None:
    examples = EXAMPLE.findall((ROOT / "docs" / "testing.md").read_text())
    for number, example in enumerate(examples):
        (tmp_path / f"test_example_{number}.py").write_text(example)
    (tmp_path / "pytest.ini").write_text("[pytest]\ntrio_mode = true\nfilterwarnings = error\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counted = sum(len(re.findall(r"^(?:async )?def test_", each, re.MULTILINE)) for each in examples)
    assert f"{counted} passed" in done.stdout
    assert counted >= len(examples) > 5
