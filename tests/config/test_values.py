"""How values are written in TOML, and what the program gets."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.base.address import Address
from mox_trio.base.domain import Domain
from mox_trio.config import toml
from mox_trio.config.models import values


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("30s", 30),
        ("90m", 5400),
        ("12h", 43200),
        ("30d", 2592000),
        ("1h30m", 5400),
        ("250ms", 0.25),
        ("2w", 1209600),
        ("0s", 0),
    ],
)
def test_durations_have_units(written: str, seconds: float) -> None:
    assert values.seconds(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "30", "s", "1 h", "-1s", "1.5h", "1y", 30, 30.0, True, None, "99999999w", "1s "]
)
def test_other_durations_are_refused(written: object) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        values.seconds(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [("100MiB", 104857600), ("2GB", 2 * 10**9), ("2 GiB", 2**31), ("0B", 0), (17, 17), ("1TiB", 2**40)],
)
def test_sizes_are_binary_or_decimal_or_bytes(written: object, size: int) -> None:
    assert values.bytes_of(written) == size


@pytest.mark.parametrize("written", ["", "100", "MiB", "1mib", -1, True, 1.5, "1PiB", 2**63, "9999999999999999999TB"])
def test_other_sizes_are_refused(written: object) -> None:
    with pytest.raises(ValueError, match="expected a size"):
        values.bytes_of(written)


def test_a_quota_may_be_unlimited() -> None:
    assert values.quota("unlimited") == values.UNLIMITED
    assert values.quota("1KiB") == 1024
    with pytest.raises(ValueError, match="unlimited"):
        values.quota("infinite")


@pytest.mark.parametrize("written", [-1, 2**31, True, 1.5, "many", None])
def test_messages_at_most_are_a_number_or_unlimited(written: object) -> None:
    assert values.most_messages("unlimited") == values.most_messages(0) == 0
    assert values.most_messages(100_000) == 100_000
    with pytest.raises(ValueError, match="unlimited"):
        values.most_messages(written)


def test_addresses_and_catchalls_are_told_apart() -> None:
    assert values.address_or_catchall("@Example.ORG") == values.Catchall(Domain.parse("example.org"))
    assert values.address_or_catchall("a@b.example") == Address.parse("a@b.example")


@pytest.mark.parametrize("name", ["", "/a", "a//b", "a/", " a", "a*", "a\x00", "a\n", "e\u0301", "x" * 1001])
def test_mailbox_names_that_no_client_could_open_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        values.mailbox_name(name)


def test_inbox_has_one_spelling() -> None:
    assert values.mailbox_name("INBOX") == "Inbox"
    assert values.mailbox_name("inbox/lists") == "Inbox/lists"
    assert values.mailbox_name("inboxes") == "inboxes"


@given(st.integers(0, 10**12))
def test_durations_written_again_are_equal(milliseconds: int) -> None:
    value = values.Seconds(milliseconds / 1000)
    assert values.seconds(toml.value(value).strip('"')) == pytest.approx(value, abs=1e-6)


@given(st.integers(0, 2**62))
def test_sizes_written_again_are_equal(size: int) -> None:
    written = toml.value(values.Bytes(size))
    assert values.bytes_of(written.strip('"') if written.startswith('"') else int(written)) == size


def test_relative_paths_begin_at_the_directories_of_the_context() -> None:
    context = values.Directories(Path("/etc/m"), Path("/var/m"))
    from mox_trio.config.models.storage import DiskStore

    assert DiskStore.model_validate({"kind": "disk", "directory": "x"}, context=context).directory == Path("/var/m/x")
    assert DiskStore.model_validate({"kind": "disk", "directory": "/x"}, context=context).directory == Path("/x")
