"""Test material by others, which lies beside the repository and is not a part of it; tests read it in place."""

from pathlib import Path
from typing import Final

DIRECTORY: Final = Path(__file__).parents[3] / "shared" / "conformance"
