"""What an acknowledged put needs is on the disk before the acknowledgement, and no sync is there for nothing."""

from pathlib import Path

import outcome
import trio

from storage_backends.bodies import api, disk, placing
from storage_backends.contract import sources
from tests.kit import power_cut


async def write_bodies(top: Path) -> power_cut.Recorder:
    """Lone puts, a group for several accounts, and a large body; each group is acknowledged when it is answered."""
    recorder = power_cut.Recorder()
    root = top / "bodies"
    placing.make_durable(recorder, str(root))
    (root / "unfinished").mkdir()
    placer = placing.Placer(recorder, str(root), str(root / "unfinished"))
    source = sources.Long(1_000_000)
    large = placing.Put(9, source, await trio.to_thread.run_sync(placer.stage_large, source))
    groups = [
        [placing.Put(1, api.Bytes(b"one"))],
        [placing.Put(1, api.Bytes(b"two"))],
        [placing.Put(account, api.Bytes(b"%d" % account)) for account in (1, 2, 3, 1)],
        [large, placing.Put(1, api.Bytes(b"beside a large one"))],
        [placing.Put(4, api.Bytes(b""))],
    ]
    for group in groups:
        refs = [result.unwrap() for result in placer.place(group)]
        for put, ref in zip(group, refs, strict=True):
            recorder.acknowledge(f"{root}/{ref}", b"".join(put.source.blocks()))
    return recorder


async def test_no_acknowledged_body_is_lost_in_a_power_cut(tmp_path: Path) -> None:
    recorder = await write_bodies(tmp_path)
    assert sum(call.name == "acknowledge" for call in recorder.record) == 9
    assert power_cut.lost(str(tmp_path), recorder.record) == []


async def test_every_single_sync_is_needed(tmp_path: Path) -> None:
    record = (await write_bodies(tmp_path)).record
    syncs = [place for place, call in enumerate(record) if call.is_sync]
    useless = [
        record[place] for place in syncs if not power_cut.lost(str(tmp_path), record[:place] + record[place + 1 :])
    ]
    assert len(syncs) > 20
    assert useless == []


async def test_acknowledgement_before_the_last_sync_is_found_out(tmp_path: Path) -> None:
    record = (await write_bodies(tmp_path)).record
    last = max(place for place, call in enumerate(record) if call.is_sync)
    early = [*record[:last], record[-1], *record[last:-1]]
    assert power_cut.lost(str(tmp_path), early) == [record[-1].path]


async def test_lone_put_costs_two_syncs_and_a_group_one_each_and_one_more(tmp_path: Path) -> None:
    recorder = power_cut.Recorder()
    store = disk.DiskStore(tmp_path / "bodies", files=recorder)
    await store.put(1, api.Bytes(b"makes the directories"))
    before = recorder.syncs()
    await store.put(1, api.Bytes(b"alone"))
    assert recorder.syncs() - before == 2
    before = recorder.syncs()
    async with trio.open_nursery() as nursery:
        for _ in range(90):
            nursery.start_soon(store.put, 1, api.Bytes(b"together"))
    assert 91 <= recorder.syncs() - before <= 95
    await store.aclose()


def test_directory_that_another_process_made_is_synced_again(tmp_path: Path) -> None:
    """The other process may not have synced it yet."""
    root, record = str(tmp_path), power_cut.Recorder()
    (tmp_path / "unfinished").mkdir()
    for name in range(256):
        (tmp_path / "5" / f"{name:02x}").mkdir(parents=True)
    placer = placing.Placer(record, root, root + "/unfinished")
    placer.place([placing.Put(5, api.Bytes(b"x"))])
    synced = [call.path for call in record.record if call.name == "sync_directory"]
    assert synced[:2] == [root, root + "/5"]


def test_exception_of_a_source_is_that_of_its_own_put(tmp_path: Path) -> None:
    (tmp_path / "unfinished").mkdir()
    placer = placing.Placer(power_cut.Recorder(), str(tmp_path), str(tmp_path / "unfinished"))
    bad, good = placer.place([placing.Put(1, sources.Failing(1000)), placing.Put(1, api.Bytes(b"good"))])
    assert isinstance(bad, outcome.Error)
    assert isinstance(bad.error, sources.SourceFailed)
    assert isinstance(good, outcome.Value)
    assert list((tmp_path / "unfinished").iterdir()) == []
