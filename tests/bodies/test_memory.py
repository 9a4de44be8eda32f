"""The store in memory keeps the promises."""

import pytest

from storage_backends.bodies import memory
from storage_backends.contract import bodies


class TestMemory(bodies.BodyStoreContract):
    streams = False

    @pytest.fixture
    def opener(self) -> bodies.Opener:
        store = memory.MemoryStore()
        return lambda: bodies.closing(store)
