"""The directory of a server for tests."""

import stat
from pathlib import Path

import pytest

from mox_trio.app import localserve_files
from mox_trio.base.domain import Domain
from mox_trio.base.failure import Failure, Kind
from mox_trio.config import check_files, load
from mox_trio.config.models.static import Static


def ports(static: Static) -> dict[str, int]:
    (listener,) = static.listeners.values()
    return {name: getattr(listener, name).port for name in localserve_files.PORTS}


def test_a_new_directory_has_a_good_configuration(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    static = localserve_files.prepare(directory, None, pedantic=False)
    mail = {"smtp": 1025, "submission": 1587, "submissions": 1465, "imap": 1143, "imaps": 1993}
    web = {"webmail_http": 1080, "webapi_http": 1080, "webapi_https": 1443}
    assert ports(static) == {**mail, **web, "metrics_http": 1081}
    assert not static.pedantic
    dynamic = load.dynamic(static.domains_file.read_text(), static)
    assert Domain.parse("localhost") in dynamic.domains
    assert [str(each) for each in dynamic.accounts["mox"].addresses] == [localserve_files.ADDRESS, "@localhost"]
    text = (directory / "mox-trio.toml").read_text()
    assert check_files.problems(static, text, "mox-trio.toml") == []


def test_nothing_of_it_is_for_others(tmp_path: Path) -> None:
    localserve_files.prepare(tmp_path / "new", None, pedantic=False)
    for path in (tmp_path / "new", *(tmp_path / "new").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    localserve_files.prepare(tmp_path, None, pedantic=False)
    file = tmp_path / "mox-trio.toml"
    file.write_text(file.read_text().replace('hostname = "localhost"', 'hostname = "test.example"'))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    static = localserve_files.prepare(tmp_path, None, pedantic=False)
    assert static.hostname.ascii == "test.example"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_base_port_moves_every_service_also_of_files_that_are_there(tmp_path: Path) -> None:
    localserve_files.prepare(tmp_path, 2000, pedantic=False)
    mail = {"smtp": 30025, "submission": 30587, "submissions": 30465, "imap": 30143, "imaps": 30993}
    web = {"webmail_http": 30080, "webapi_http": 30080, "webapi_https": 30443}
    moved = {**mail, **web, "metrics_http": 30081}
    assert ports(localserve_files.prepare(tmp_path, 30000, pedantic=True)) == moved
    assert ports(localserve_files.prepare(tmp_path, None, pedantic=True))["smtp"] == 2025


def test_pedantic_is_a_choice_of_the_start(tmp_path: Path) -> None:
    assert localserve_files.prepare(tmp_path, None, pedantic=True).pedantic
    assert not localserve_files.prepare(tmp_path, None, pedantic=False).pedantic


def test_a_key_without_its_certificate_is_made_anew(tmp_path: Path) -> None:
    localserve_files.prepare(tmp_path, None, pedantic=False)
    (tmp_path / "localhost.crt").unlink()
    static = localserve_files.prepare(tmp_path, None, pedantic=False)
    assert check_files.problems(static, (tmp_path / "mox-trio.toml").read_text(), "mox-trio.toml") == []


def test_a_directory_that_others_may_write_in_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(Failure, match="--dir") as failed:
        localserve_files.prepare(tmp_path, None, pedantic=False)
    assert failed.value.kind is Kind.FORBIDDEN


def test_a_link_to_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(Failure, match="--dir"):
        localserve_files.prepare(tmp_path / "link", None, pedantic=False)


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Failure, match="--dir"):
        localserve_files.prepare(tmp_path / "file", None, pedantic=False)


def test_each_base_port_has_its_own_directory() -> None:
    assert localserve_files.default_directory(1000) != localserve_files.default_directory(2000)
