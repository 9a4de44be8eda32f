"""Write the exact, hash-checked locks: what the program needs, what builds it, what its tests need, and Swift."""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
OPTIONS = [
    "--quiet",
    "--python-version",
    "3.11",
    "--universal",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
]
AFTER = ["--constraint", ".ci/program.lock"]


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)  # noqa: S603
        subprocess.run([f"{directory}/bin/pip", "install", "--quiet", "uv"], check=True)  # noqa: S603
        for arguments, lock in (
            (["pyproject.toml"], "program.lock"),
            (["--group", "build", *AFTER], "build.lock"),
            (["pyproject.toml", "--group", "dev", *AFTER, "--constraint", ".ci/build.lock"], "tests.lock"),
            ([".ci/swift.in"], "swift.lock"),
        ):
            subprocess.run(  # noqa: S603
                [f"{directory}/bin/uv", "pip", "compile", *arguments, *OPTIONS, "--output-file", HERE / lock],
                check=True,
                cwd=HERE.parent,
            )


if __name__ == "__main__":
    main()
