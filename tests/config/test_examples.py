"""The files that an administrator copies."""

from pathlib import Path

import pytest

from mox_trio.base.address import Address
from mox_trio.config import check_files, directory, load
from mox_trio.config.models.storage import DiskStore, PostgresIndex, S3Store

EXAMPLES = Path(__file__).parents[2] / "config-examples"


@pytest.mark.parametrize("name", sorted({path.name for path in EXAMPLES.iterdir() if path.is_dir()} - {"minimal"}))
def test_every_example_is_valid_and_delivers(name: str) -> None:
    settings = load.static(EXAMPLES / name / "mox-trio.toml")
    dynamic = load.dynamic(load.text(EXAMPLES / name / "domains.toml"), settings)
    found = directory.build(settings, dynamic).of_address(Address.parse("mary@example.org"))
    assert isinstance(found, directory.ToAccount)


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
def test_no_example_asks_for_what_the_server_has_not(name: str) -> None:
    settings = load.static(EXAMPLES / name / "mox-trio.toml")
    for listener in settings.listeners.values():
        assert listener.tls is None or listener.tls.acme is None
        for kind in ("account_http", "account_https", "admin_http", "admin_https"):
            assert getattr(listener, kind) is None, kind


def test_the_minimal_example_needs_no_other_file_and_has_nobody() -> None:
    settings = load.static(EXAMPLES / "minimal" / "mox-trio.toml")
    dynamic = load.dynamic(load.text(EXAMPLES / "minimal" / "domains.toml"), settings)
    assert check_files.problems(settings, "", "") == []
    assert not dynamic.domains
    assert not dynamic.accounts


def test_the_examples_show_what_they_say() -> None:
    sealed = load.static(EXAMPLES / "encrypted-disk" / "mox-trio.toml").storage
    assert isinstance(store := sealed.stores[sealed.default_store], DiskStore)
    assert store.encrypt
    nodes = load.static(EXAMPLES / "s3-postgres" / "mox-trio.toml")
    assert nodes.dynamic == "index"
    assert isinstance(nodes.storage.index, PostgresIndex)
    assert isinstance(bucket := nodes.storage.stores["bucket"], S3Store)
    assert bucket.cache is not None
    assert bucket.cache.directory == Path("/var/lib/mox-trio/cache")
