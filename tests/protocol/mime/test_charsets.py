"""Charsets: names of the wild, dangerous names, and decoding in pieces."""

import encodings.aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.mime import charsets


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        (b"utf-8", b"\xc3\xa9", "é"),
        (b"UTF8", b"\xc3\xa9", "é"),
        (b'"utf-8"', b"\xc3\xa9", "é"),
        (b"iso-8859-1", b"\x80", "€"),
        (b"ISO_8859-1:1987", b"\xe9", "é"),
        (b"latin1", b"\x93", "“"),
        (b"iso-8859-15", b"\xa4", "€"),
        (b"windows-1251", b"\xcf", "П"),
        (b"CP-1251", b"\xcf", "П"),
        (b"koi8-r", b"\xf0", "П"),
        (b"gb2312", b"\xc4\xe3\x81\x30\x84\x36", "你¥"),
        (b"GBK", b"\xc4\xe3", "你"),
        (b"big5", b"\xa7\x41", "你"),
        (b"ks_c_5601-1987", b"\xb0\xa1", "가"),
        (b"euc-kr", b"\xb0\xa1", "가"),
        (b"Shift_JIS", b"\x83\x65", "テ"),
        (b"x-sjis", b"\x83\x65", "テ"),
        (b"iso-2022-jp", b"\x1b$B%F\x1b(B", "テ"),
        (b"euc-jp", b"\xa5\xc6", "テ"),
        (b"tis-620", b"\xa1", "ก"),
        (b"utf-16", b"\xff\xfea\x00", "a"),
        (b"utf-16", b"\x00a", "a"),
        (b"utf-7", b"+ADw-", "+ADw-"),
        (b"ibm850", b"\x82", "é"),
        (b"us-ascii", b"\xc3\xa9", "é"),
        (b"us-ascii", b"caf\xe9", "café"),
        (b"", b"caf\xe9", "café"),
        (b"x-unknown", b"caf\xe9", "café"),
        (b"unknown-8bit", b"caf\xe9", "café"),
        (b"utf-8", b"\xff", "\ufffd"),
    ],
)
def test_names_mean_what_mail_means_by_them(name: bytes, data: bytes, text: str) -> None:
    assert charsets.decode(data, name) == text


@pytest.mark.parametrize(
    "name",
    [
        *[
            "zip",
            "zlib",
            "zlib_codec",
            "rot13",
            "rot_13",
            "hex",
            "base64",
            "bz2",
            "uu",
            "quopri",
            "idna",
            "punycode",
            "mbcs",
            "oem",
        ],
        *["undefined", "unicode_escape", "raw_unicode_escape", "../../etc/passwd", "utf-8\x00", "x" * 100_000, "é"],
    ],
)
def test_codecs_that_are_no_charsets_are_not_run(name: str) -> None:
    assert charsets.codec_of(name.encode()) in ("", "utf_8")
    assert charsets.decode(b"abc", name.encode()) == "abc"


def test_search_knows_which_charsets_there_are() -> None:
    assert charsets.is_known(b"US-ASCII")
    assert charsets.is_known(b"UTF-8")
    assert not charsets.is_known(b"rot13")


_NAMES = sorted({*encodings.aliases.aliases, *encodings.aliases.aliases.values()})


@pytest.mark.parametrize("codec", _NAMES)
def test_whatever_python_knows_decodes_anything(codec: str) -> None:
    name = codec.encode()
    for data in (
        b"",
        b"abc",
        bytes(range(256)),
        b"\x1b$B\xff\x80+AOk",
        b"\xff" * 9,
        b"+2AA-",
        b"~{" + bytes(range(255, -1, -1)),
    ):
        charsets.decode(data, name).encode()


@given(
    st.lists(st.binary(max_size=12), max_size=8),
    st.sampled_from([b"", b"utf-8", b"gb2312", b"iso-2022-jp", b"utf-16", b"big5"]),
)
def test_pieces_give_what_the_whole_gives(pieces: list[bytes], name: bytes) -> None:
    decoder = charsets.Decoder(name)
    joined = "".join([decoder.feed(piece) for piece in pieces]) + decoder.finish()
    assert joined == charsets.decode(b"".join(pieces), name)


@given(st.text(max_size=40), st.sampled_from([b"", b"utf-8", b"gb18030", b"utf-16"]))
def test_text_cut_into_single_octets_is_whole_again(text: str, name: bytes) -> None:
    data = text.encode(charsets.codec_of(name) or "utf-8")
    decoder = charsets.Decoder(name)
    assert "".join([decoder.feed(bytes((octet,))) for octet in data]) + decoder.finish() == charsets.decode(data, name)
    assert charsets.decode(data, name) == text or text.startswith("\ufeff")
