"""The codec: what is opened is what was sealed, at its own place, under its own key."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.mailstore.codec import Codec, Plain, Sealed
from storage_backends.errors import Corrupt

KEY = bytes(range(32))


@given(st.text(max_size=30), st.binary(max_size=200))
@pytest.mark.parametrize("codec", [Plain(), Sealed(KEY)])
def test_what_is_sealed_is_opened(codec: Codec, place: str, value: bytes) -> None:
    stored = codec.seal(place, value)
    assert codec.open(place, stored) == value
    assert codec.is_current(stored)


@pytest.mark.parametrize("codec", [Plain(), Sealed(KEY)])
def test_an_empty_column_is_an_empty_value(codec: Codec) -> None:
    assert codec.open("x", b"") == b""


def test_a_sealed_value_shows_nothing_and_never_looks_the_same() -> None:
    codec = Sealed(KEY)
    first, second = codec.seal("x", b"canary" * 10), codec.seal("x", b"canary" * 10)
    assert b"canary" not in first
    assert first != second


def test_every_changed_bit_is_found() -> None:
    stored = Sealed(KEY).seal("x", b"value")
    for position in range(8, len(stored) * 8):
        changed = bytearray(stored)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(Corrupt):
            Sealed(KEY).open("x", bytes(changed))


def test_a_value_that_was_cut_is_found() -> None:
    stored = Sealed(KEY).seal("x", b"value")
    for length in range(1, len(stored)):
        with pytest.raises(Corrupt):
            Sealed(KEY).open("x", stored[:length])


def test_a_value_of_another_row_column_or_account_is_found() -> None:
    stored = Sealed(KEY).seal("email.prefix M1", b"value")
    for place in ("email.prefix M2", "email.header M1"):
        with pytest.raises(Corrupt):
            Sealed(KEY).open(place, stored)
    with pytest.raises(Corrupt):
        Sealed(os.urandom(32)).open("email.prefix M1", stored)


def test_a_value_from_before_sealing_is_read_and_known_to_be_old() -> None:
    stored = Plain().seal("x", b"value")
    assert Sealed(KEY).open("x", stored) == b"value"
    assert not Sealed(KEY).is_current(stored)


def test_a_sealed_value_without_a_key_says_what_is_missing() -> None:
    with pytest.raises(Corrupt, match="configured without encryption"):
        Plain().open("x", Sealed(KEY).seal("x", b"value"))


@pytest.mark.parametrize("codec", [Plain(), Sealed(KEY)])
def test_look_up_keys_are_the_same_for_the_same_kind_and_value_only(codec: Codec) -> None:
    assert codec.key("address", b"a@b") == codec.key("address", b"a@b")
    others = {codec.key("address", b"a@c"), codec.key("subject", b"a@b"), codec.key("address", b"a@b")}
    assert len(others) == 3
    assert all(-(2**63) <= key < 2**63 for key in others)


def test_look_up_keys_of_accounts_differ() -> None:
    keys = {codec.key("address", b"a@b") for codec in (Plain(), Sealed(KEY), Sealed(os.urandom(32)))}
    assert len(keys) == 3
