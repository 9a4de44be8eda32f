"""Hashes of bodies, compared with dkimpy's way of doing it at once."""

import hashlib
from typing import Final

import pytest
from dkim.canonicalization import Relaxed, Simple
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.policy.dkim import body
from mox_trio.policy.dkim.body import BodyHashes, Canonical

OTHERS: Final = {Canonical.SIMPLE: Simple, Canonical.RELAXED: Relaxed}
PIECES: Final = st.lists(
    st.sampled_from([b"a", b"b ", b" ", b"\t", b"\r\n", b"\r\n\r\n", b" \r\n", b"\r", b"\n"]), max_size=14
)


def digests(blocks: list[bytes], *, start: int = 0, normalize: bool = False) -> dict[Canonical, bytes]:
    hashes = BodyHashes(set(Canonical), start, normalize=normalize)
    for block in blocks:
        hashes.update(block)
    return dict(hashes.digests())


def expected(whole: bytes) -> dict[Canonical, bytes]:
    """dkimpy adds the last line end after it looked at white space at the ends of lines; here that line is one as well."""
    ended = whole if not whole or whole.endswith(b"\r\n") else whole + b"\r\n"
    return {form: hashlib.sha256(other.canonicalize_body(ended)).digest() for form, other in OTHERS.items()}


@settings(max_examples=100)
@given(PIECES, st.lists(st.integers(1, 6), min_size=1, max_size=40))
def test_however_a_body_is_cut_its_hashes_are_those_of_the_whole(pieces: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(pieces)
    blocks, at = [], 0
    for cut in cuts:
        blocks.append(whole[at : at + cut])
        at += cut
    assert digests([*blocks, whole[at:]]) == expected(whole)
    assert digests([whole]) == expected(whole)
    assert digests([whole[at : at + 1] for at in range(len(whole))]) == expected(whole)


@settings(max_examples=100)
@given(PIECES, st.integers(1, 5))
def test_line_ends_are_made_crlf_before_hashing_where_they_are_sent_so(pieces: list[bytes], step: int) -> None:
    whole = b"".join(pieces)
    sent = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    assert digests([whole[at : at + step] for at in range(0, len(whole), step)], normalize=True) == expected(sent)


@pytest.mark.parametrize("step", [1, 3, 7, 100])
def test_the_header_is_left_out(step: int) -> None:
    message = b"A: b\r\n\r\nbody\r\n"
    assert digests([message[at : at + step] for at in range(0, len(message), step)], start=8) == expected(b"body\r\n")


@pytest.mark.parametrize(
    ("form", "whole", "hashed"),
    [  # RFC 6376 3.4.3 to 3.4.5
        (Canonical.SIMPLE, b"", b"\r\n"),
        (Canonical.RELAXED, b"", b""),
        (Canonical.SIMPLE, b" C \r\nD \t E\r\n\r\n\r\n", b" C \r\nD \t E\r\n"),
        (Canonical.RELAXED, b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),
    ],
)
def test_the_examples_of_the_rfc(form: Canonical, whole: bytes, hashed: bytes) -> None:
    assert digests([whole])[form] == hashlib.sha256(hashed).digest()


def test_what_is_held_back_does_not_grow_with_white_space() -> None:
    hashes = BodyHashes(set(Canonical))
    for _ in range(4):
        hashes.update(b" \t\r\n" * body.PIECE)
        hashes.update(b" " * body.PIECE)
    assert dict(hashes.digests())[Canonical.RELAXED] == hashlib.sha256(b"").digest()
