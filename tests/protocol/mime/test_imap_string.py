"""Strings of IMAP answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.mime import imap_string
from tests.kit import imap_lists


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, b"NIL"),
        (b"", b'""'),
        (b"a b", b'"a b"'),
        (b'a"b\\c', b'"a\\"b\\\\c"'),
        ("ä".encode(), '"ä"'.encode()),
        (b"\xe4", b"{1}\r\n\xe4"),
        (b"a\r\nb", b"{4}\r\na\r\nb"),
        (b"a\nb", b"{3}\r\na\nb"),
        (b"a\0b", b"{2}\r\nab"),
    ],
)
def test_a_value_is_quoted_where_that_is_possible(value: bytes | None, written: bytes) -> None:
    assert imap_string.nstring(value) == written


@given(st.binary())
def test_what_is_written_reads_as_the_value_without_nul(value: bytes) -> None:
    (read,) = imap_lists.parse(b"(" + imap_string.string(value) + b")")
    assert read.encode("utf-8", "surrogateescape") == value.replace(b"\0", b"")
