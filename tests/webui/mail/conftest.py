from collections.abc import Iterator

import pytest

from tests.kit import localserve
from tests.kit.localserve import LocalServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with localserve.running(tmp_path_factory.mktemp("webmail") / "server") as running:
        yield running
