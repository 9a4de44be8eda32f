"""Keys of accounts: made once, wrapped for their own account, rotated without a change, gone when erased."""

import os
import sys
from pathlib import Path

import pytest
import trio

from storage_backends import errors
from storage_backends.bodies import keyring, master_key
from storage_backends.bodies.master_key import MasterKey


def new_master() -> MasterKey:
    return MasterKey(os.urandom(32))


async def test_key_of_an_account_stays_the_same_in_every_process() -> None:
    wrapped, master = keyring.MemoryWrappedKeys(), new_master()
    key = await keyring.Keyring(wrapped, [master]).account_key(7)
    assert len(key) == 32
    assert await keyring.Keyring(wrapped, [master]).account_key(7) == key
    assert await keyring.Keyring(wrapped, [master]).existing_key(7) == key
    assert await keyring.Keyring(wrapped, [master]).account_key(8) != key
    assert all(key not in each for each in wrapped.kept.values())


async def test_first_use_in_many_tasks_makes_one_key() -> None:
    class SlowKeys(keyring.MemoryWrappedKeys):
        async def get(self, account: int) -> bytes | None:
            found = await super().get(account)
            await trio.lowlevel.checkpoint()
            return found

    wrapped, master = SlowKeys(), new_master()
    keys: set[bytes] = set()

    async def use() -> None:
        keys.add(await keyring.Keyring(wrapped, [master]).account_key(7))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(use)
    assert len(keys) == 1


async def test_account_without_a_key_has_nothing_to_read() -> None:
    with pytest.raises(errors.NotFound):
        await keyring.Keyring(keyring.MemoryWrappedKeys(), [new_master()]).existing_key(7)


async def test_erased_account_never_gets_a_key_again() -> None:
    ring = keyring.Keyring(keyring.MemoryWrappedKeys(), [new_master()])
    await ring.account_key(7)
    await ring.erase(7)
    for ask in (ring.account_key, ring.existing_key):
        with pytest.raises(errors.NotFound):
            await ask(7)


async def test_wrong_master_key_is_corrupt_and_names_the_missing_one() -> None:
    wrapped, master = keyring.MemoryWrappedKeys(), new_master()
    await keyring.Keyring(wrapped, [master]).account_key(7)
    with pytest.raises(errors.Corrupt, match=master.id.hex()):
        await keyring.Keyring(wrapped, [new_master()]).account_key(7)


@pytest.mark.parametrize("place", [0, 1, 8, 9, 20, 21, 68])
async def test_changed_wrapped_key_is_corrupt(place: int) -> None:
    wrapped, master = keyring.MemoryWrappedKeys(), new_master()
    await keyring.Keyring(wrapped, [master]).account_key(7)
    changed = bytearray(wrapped.kept[7])
    changed[place] ^= 1
    wrapped.kept[7] = bytes(changed)
    with pytest.raises(errors.Corrupt):
        await keyring.Keyring(wrapped, [master]).account_key(7)


async def test_wrapped_key_of_another_account_is_corrupt() -> None:
    wrapped, master = keyring.MemoryWrappedKeys(), new_master()
    await keyring.Keyring(wrapped, [master]).account_key(7)
    wrapped.kept[8] = wrapped.kept[7]
    with pytest.raises(errors.Corrupt):
        await keyring.Keyring(wrapped, [master]).account_key(8)


async def test_rotation_rewraps_all_and_may_be_stopped_in_the_middle() -> None:
    class StoppingKeys(keyring.MemoryWrappedKeys):
        left = 3

        async def replace(self, account: int, old: bytes, new: bytes) -> bool:
            if self.left == 0:
                raise errors.Unavailable("stopped")
            self.left -= 1
            return await super().replace(account, old, new)

    wrapped, old, new = StoppingKeys(), new_master(), new_master()
    before = keyring.Keyring(wrapped, [old])
    keys = {account: await before.account_key(account) for account in range(8)}
    both = keyring.Keyring(wrapped, [new, old])
    with pytest.raises(errors.Unavailable):
        await both.rewrap()
    assert {account: await keyring.Keyring(wrapped, [new, old]).account_key(account) for account in keys} == keys
    assert await both.unused_masters() == []
    wrapped.left = 100
    assert await both.rewrap() == 5
    assert await both.rewrap() == 0
    assert await both.unused_masters() == [old.id]
    assert {account: await keyring.Keyring(wrapped, [new]).account_key(account) for account in keys} == keys


async def test_key_that_does_not_open_stops_no_rotation_of_others() -> None:
    wrapped, old, new = keyring.MemoryWrappedKeys(), new_master(), new_master()
    before = keyring.Keyring(wrapped, [old])
    for account in range(4):
        await before.account_key(account)
    wrapped.kept[1] = wrapped.kept[1][:-1]
    with pytest.raises(errors.Corrupt, match=r"1 accounts do not open, first \[1\]"):
        await keyring.Keyring(wrapped, [new, old]).rewrap()
    assert [account for account, each in wrapped.kept.items() if each[1:9] != new.id] == [1]


async def test_key_that_is_erased_while_it_is_fetched_is_not_held() -> None:
    class SlowKeys(keyring.MemoryWrappedKeys):
        fetched, go_on = trio.Event(), trio.Event()

        async def get(self, account: int) -> bytes | None:
            found = await super().get(account)
            self.fetched.set()
            await self.go_on.wait()
            return found

    wrapped, master = SlowKeys(), new_master()
    await wrapped.add(7, (await wrapped_by(master))[7])
    ring = keyring.Keyring(wrapped, [master])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ring.account_key, 7)
        await wrapped.fetched.wait()
        await ring.erase(7)
        wrapped.go_on.set()
    with pytest.raises(errors.NotFound):
        await ring.existing_key(7)


async def wrapped_by(master: MasterKey) -> dict[int, bytes]:
    wrapped = keyring.MemoryWrappedKeys()
    await keyring.Keyring(wrapped, [master]).account_key(7)
    return wrapped.kept


async def test_memory_holds_a_bounded_number_of_keys() -> None:
    class CountingKeys(keyring.MemoryWrappedKeys):
        asked = 0

        async def get(self, account: int) -> bytes | None:
            self.asked += 1
            return await super().get(account)

    wrapped = CountingKeys()
    ring = keyring.Keyring(wrapped, [new_master()], cached=2)
    for account in (1, 2, 1, 3, 1, 2):
        await ring.account_key(account)
    assert wrapped.asked == 4
    ring.forget(2)
    await ring.account_key(2)
    assert wrapped.asked == 5


def test_keyring_without_master_keys_or_with_one_twice_is_refused() -> None:
    master = new_master()
    for masters in ([], [master, master]):
        with pytest.raises(errors.Refused):
            keyring.Keyring(keyring.MemoryWrappedKeys(), masters)


def test_derived_keys_differ_by_purpose_and_salt() -> None:
    key = bytes(32)
    derived = {keyring.derive(key, b"a"), keyring.derive(key, b"b"), keyring.derive(key, b"a", salt=b"s"), key}
    assert len(derived) == 4
    assert {len(each) for each in derived} == {32}


def test_master_key_made_in_a_file_is_for_its_owner_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    made = master_key.create_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert master_key.from_file(path) == made
    with pytest.raises(errors.Refused, match="File exists"):
        master_key.create_file(path)
    assert made.key.hex() not in repr(made)


def test_master_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    master_key.create_file(path)
    path.chmod(0o640)
    with pytest.raises(errors.Refused, match="chmod 600"):
        master_key.from_file(path)


def test_master_key_comes_from_the_environment_or_a_command(tmp_path: Path) -> None:
    key = os.urandom(32)
    assert master_key.from_environment("MASTER", {"MASTER": key.hex().upper() + "\n"}) == MasterKey(key)
    path = tmp_path / "secret"
    path.write_text(key.hex() + "\n")
    assert master_key.from_command(["cat", str(path)]) == MasterKey(key)


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32, "é"])
def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(errors.Refused) as from_file:
        master_key.from_file(path)
    with pytest.raises(errors.Refused) as from_environment:
        master_key.from_environment("KEY", {"KEY": text})
    assert not text or text not in f"{from_file.value}{from_environment.value}"


def test_command_that_fails_hangs_or_is_missing_is_refused() -> None:
    for command, message in (
        (["false"], "status 1"),
        (["/no/such/command"], "cannot be run"),
        ([sys.executable, "-c", "import signal; signal.pause()"], "within"),
    ):
        with pytest.raises(errors.Refused, match=message):
            master_key.from_command(command, seconds=0.3)
    with pytest.raises(errors.Refused, match="not set"):
        master_key.from_environment("MASTER", {})
    with pytest.raises(errors.Refused, match="cannot be read"):
        master_key.from_file(Path("/no/such/file"))
