"""Write the exact, hash-checked locks: .ci/requirements.lock from pyproject.toml and .ci/swift.lock from .ci/swift.in."""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
OPTIONS = ["--quiet", "--universal", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"]


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)  # noqa: S603
        subprocess.run([f"{directory}/bin/pip", "install", "--quiet", "uv"], check=True)  # noqa: S603
        for arguments, lock in (
            (["pyproject.toml", "--group", "dev", "--group", "build", "--python-version", "3.11"], "requirements.lock"),
            ([".ci/swift.in", "--python-version", "3.11"], "swift.lock"),
        ):
            subprocess.run(  # noqa: S603
                [f"{directory}/bin/uv", "pip", "compile", *arguments, *OPTIONS, "--output-file", HERE / lock],
                check=True,
                cwd=HERE.parent,
            )


if __name__ == "__main__":
    main()
