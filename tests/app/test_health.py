"""What /health looks at: whichever part is away is named."""

from pathlib import Path

import pytest

from mox_trio.app import build, health
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import load
from mox_trio.mailqueue.queue import Mailqueue
from mox_trio.services import Services
from storage_backends.bodies.memory import MemoryStore
from storage_backends.errors import Unavailable


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "mox-trio.toml"
    file.write_text('hostname = "mx.example.org"\n')
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "domains.toml").write_text("")
    return file


def queue(services: Services) -> Mailqueue:
    return Mailqueue(services.mail.index, services.mail.now)


async def test_a_server_whose_stores_answer_is_well(config: Path) -> None:
    async with build.services(load.static(config)) as services:
        await health.check(services, queue(services))


async def test_the_part_that_is_away_is_named(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away(MemoryStore):
        def refs(self, account: int | None = None):  # type: ignore[no-untyped-def]
            raise Unavailable("the bucket does not answer")

    async with build.services(load.static(config)) as services:
        with monkeypatch.context() as patch:
            patch.setitem(services.mail.bodies, "disk", Away())
            with pytest.raises(Failure, match="body store disk") as ill:
                await health.check(services, queue(services))
        assert ill.value.kind is Kind.UNAVAILABLE
        await services.mail.index.aclose()
        with pytest.raises(Failure, match="index"):
            await health.check(services, queue(services))
