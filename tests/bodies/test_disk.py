"""The store on disk keeps the promises."""

from pathlib import Path

import pytest

from storage_backends import errors
from storage_backends.bodies import api, disk
from storage_backends.contract import bodies


class TestDisk(bodies.BodyStoreContract):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> bodies.Opener:
        return lambda: bodies.closing(disk.DiskStore(tmp_path / "bodies"))


async def test_a_body_that_was_cut_is_corrupt_and_spoils_no_other(tmp_path: Path) -> None:
    async with bodies.closing(disk.DiskStore(tmp_path)) as store:
        refs = [await store.put(1, api.Bytes(b"a whole body")) for _ in range(3)]
        (tmp_path / refs[1]).write_bytes(b"a whole")
        found = await store.read_many([api.Range(ref, 2) for ref in refs])
    assert [type(each) for each in found] == [bytes, errors.Corrupt, bytes]
    assert found[0] == found[2] == b"whole body"
