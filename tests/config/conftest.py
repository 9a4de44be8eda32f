"""What the tests of the configuration share: static settings that need nothing on the machine."""

from pathlib import Path

import pytest

from mox_trio.config import load
from mox_trio.config.models.static import Static


@pytest.fixture
def settings() -> Static:
    """Static settings with a name and nothing else, as if from /etc/mox-trio."""
    return load.static_text('hostname = "mx.example"\n', Path("/etc/mox-trio/mox-trio.toml"))
