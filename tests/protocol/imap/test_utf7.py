"""Mailbox names in modified UTF-7."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.imap import utf7


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("INBOX", b"INBOX"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501 5.1.3
        ("Entwürfe", b"Entw&APw-rfe"),
        ("a & b", b"a &- b"),
        ("&&", b"&-&-"),
        ("é&é", b"&AOk-&-&AOk-"),
        ("😀", b"&2D3eAA-"),
        ("a\x7fb\n", b"a&AH8-b&AAo-"),
        ("", b""),
    ],
)
def test_names_are_encoded_and_decoded(name: str, encoded: bytes) -> None:
    assert utf7.encode(name) == encoded
    assert utf7.decode(encoded) == name


@pytest.mark.parametrize(
    "encoded",
    [
        b"&",
        b"&Jjo",
        b"&Jjo!",  # RFC 3501 5.1.3: an illegal null shift follows
        b"&U,BTFw-&ZeVnLIqe-",  # RFC 3501 5.1.3: a superfluous shift
        b"&AGE-",  # "a"
        b"&ACY-",  # "&"
        b"&2D0-",  # half of a surrogate pair
        b"&AOk=-",
        b"&AOl-",  # bits that are left over
        b"&A-",
        b"&A/k-",
        b"\xc3\xa9",
        b"&AOk-\xff",
        b"a\r",
    ],
)
def test_other_spellings_are_errors(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="modified UTF-7"):
        utf7.decode(encoded)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_name_comes_back(name: str) -> None:
    encoded = utf7.encode(name)
    assert encoded.isascii()
    assert utf7.decode(encoded) == name


@given(st.binary(max_size=20) | st.from_regex(rb"(&[A-Za-z0-9+,]{0,12}-|[a-z&])*", fullmatch=True))
def test_what_can_be_decoded_has_one_spelling(encoded: bytes) -> None:
    try:
        name = utf7.decode(encoded)
    except ValueError:
        return
    assert utf7.encode(name) == encoded
