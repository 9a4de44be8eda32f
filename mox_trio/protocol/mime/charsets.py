"""Names of character sets as mail has them, and text decoded by them without ever failing.

A name from outside is looked up in tables made here and never handed to `codecs.lookup`: that would run whatever
codec it names (zip, rot13, escapes, IDNA) and remember every name ever seen. UTF-7 is no charset here, as in
browsers: it hides markup from whoever looks for it. Where mail means a larger set than it says, the larger one is
used, as web browsers do (WHATWG Encoding): `iso-8859-1` is windows-1252, `gb2312` is GB 18030, `euc-kr` is CP949.
Octets that a set does not have become U+FFFD. Without a known name, and for us-ascii, text is taken as UTF-8 up to
the first octet that cannot be, and from there as windows-1252.
"""

import codecs
import encodings.aliases
import re
from typing import Final, Protocol

_NOT_TEXT: Final = {
    "base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec", "idna", "punycode", "mbcs",
    "oem", "undefined", "unicode_escape", "raw_unicode_escape", "utf_7",
}  # fmt: skip
_WITHOUT_ALIAS: Final = (
    "cp720", "cp737", "cp856", "cp874", "cp875", "cp1006", "koi8_r", "koi8_t", "koi8_u", "utf_16_le", "utf_16_be",
)  # fmt: skip

_GUESS: Final = ""
_FALLBACK: Final = "cp1252"
_MARKED: Final = ("utf_16", "utf_32")
"""Whose order of octets a mark at the start tells."""

_MEANT: Final = {
    _GUESS: "ascii us_ascii ansi_x3_4_1968 iso_ir_6 646 8bit 7bit binary default unknown unknown_8bit x_unknown none",
    "utf_8": "utf8 utf_8 unicode_1_1_utf_8 utf8mb4 cp65001 utf_8_sig unicode",
    "cp1252": "latin1 latin_1 iso8859_1 iso_8859_1 iso_8859_1_1987 l1 8859_1 cp819 ibm819 ansi windows_1252 cp1252",
    "cp1254": "latin5 iso8859_9 iso_8859_9 iso_8859_9_1989 l5 windows_1254 cp1254",
    "cp874": "iso8859_11 iso_8859_11 tis_620 tis620 windows_874 dos_874 cp874",
    "cp1255": "windows_1255 cp1255 x_cp1255",
    "iso8859_8": "iso_8859_8 iso_8859_8_i iso_8859_8_e csiso88598i logical visual",
    "iso8859_6": "iso_8859_6 iso_8859_6_i iso_8859_6_e",
    "gb18030": "gb18030 gb2312 gb_2312 gb_2312_80 gb2312_80 gbk x_gbk cp936 936 ms936 euc_cn euccn chinese csgb2312",
    "hz": "hz hz_gb_2312 hz_gb",
    "big5hkscs": "big5 big5_hkscs big5hkscs x_x_big5 cn_big5 csbig5 big5_tw",
    "cp949": "euc_kr euckr cp949 949 ks_c_5601 ks_c_5601_1987 ks_c_5601_1989 ksc5601 ksc_5601 korean windows_949 uhc",
    "cp932": "shift_jis shiftjis sjis s_jis x_sjis ms_kanji windows_31j cp932 932 csshiftjis cswindows31j",
    "euc_jp": "euc_jp eucjp x_euc_jp x_euc ujis cseucpkdfmtjapanese",
    "iso2022_jp_ext": "iso_2022_jp iso2022_jp iso_2022_jp_ms cp50220 cp50221 cp50222 csiso2022jp iso_2022_jp_1",
    "mac_roman": "macintosh mac x_mac_roman csmacintosh macroman",
    "mac_cyrillic": "x_mac_cyrillic x_mac_ukrainian maccyrillic",
    "koi8_u": "koi8_u koi8_ru koi",
    "koi8_r": "koi8_r koi8 cskoi8r koi_8_r",
    "cp1251": "windows_1251 cp1251 x_cp1251 win_1251 win1251",
}
"""Python's codec and the names for which it stands, where Python's own aliases lack a name or mean less."""

_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")


def _table() -> dict[str, str]:
    text = {codec for codec in encodings.aliases.aliases.values() if codec not in _NOT_TEXT}.union(_WITHOUT_ALIAS)
    table = {codec: codec for codec in text}
    table.update({alias: codec for alias, codec in encodings.aliases.aliases.items() if codec in text})
    table.update({name: codec for codec, names in _MEANT.items() for name in names.split()})
    return table


_CODECS: Final = _table()
_EXACT: Final = {
    b"utf-8": "utf_8",
    b"UTF-8": "utf_8",
    b"us-ascii": _GUESS,
    b"iso-8859-1": "cp1252",
    b"ISO-8859-1": "cp1252",
    b"": _GUESS,
}
"""The usual names, so that they need no folding."""


def codec_of(name: bytes) -> str:
    """Python's name of the codec that a charset's name means; "" where it is unknown or us-ascii, and has to be
    guessed.
    """
    exact = _EXACT.get(name)
    return exact if exact is not None else _lookup(name)


def is_known(name: bytes) -> bool:
    """Whether the name is of a charset at all, us-ascii included: SEARCH CHARSET refuses others (RFC 9051 6.4.4)."""
    return codec_of(name) != _GUESS or _folded(name) in _CODECS


def decode(data: bytes, name: bytes = b"") -> str:
    """The text that the octets are in the charset of that name. Never raises; linear."""
    codec = codec_of(name) if name else _GUESS
    if codec == _GUESS:
        return _guess(data)
    if codec in _MARKED:
        codec, data = _order(codec, data)
    return data.decode(codec, "replace")


class Decoder:
    """`decode` for text that comes in pieces: however it is cut, the joined results are the same."""

    __slots__ = ("_decoder",)

    def __init__(self, name: bytes = b"") -> None:
        codec = codec_of(name)
        if codec == _GUESS:
            self._decoder: _Pieces = _Guesser()
        elif codec in _MARKED:
            self._decoder = _Marked(codec)
        else:
            self._decoder = codecs.getincrementaldecoder(codec)("replace")

    def feed(self, data: bytes) -> str:
        """The text that is complete with these octets."""
        return self._decoder.decode(data)

    def finish(self) -> str:
        """What is left at the end: U+FFFD for half a character, else nothing."""
        return self._decoder.decode(b"", True)


class _Pieces(Protocol):
    """What `codecs.IncrementalDecoder` does."""

    def decode(self, data: bytes, final: bool = False, /) -> str: ...


class _Marked:
    """UTF-16 or UTF-32 in the order that its first octets tell."""

    def __init__(self, codec: str) -> None:
        self._codec = codec
        self._head = b""
        self._decoder: _Pieces | None = None

    def decode(self, data: bytes, final: bool = False, /) -> str:
        if self._decoder is None:
            self._head += data
            if len(self._head) < 4 and not final:
                return ""
            codec, data = _order(self._codec, self._head)
            self._decoder = codecs.getincrementaldecoder(codec)("replace")
        return self._decoder.decode(data, final)


class _Guesser:
    """UTF-8 until an octet shows that it is not, windows-1252 from there."""

    def __init__(self) -> None:
        self._pending = b""
        self._is_utf8 = True

    def decode(self, data: bytes, final: bool = False, /) -> str:
        if not self._is_utf8:
            return data.decode(_FALLBACK, "replace")
        data = self._pending + data
        self._pending = b""
        try:
            text, used = codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            self._is_utf8 = False
            return data[: error.start].decode() + data[error.start :].decode(_FALLBACK, "replace")
        self._pending = data[used:]
        return text


def _guess(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return data[: error.start].decode() + data[error.start :].decode(_FALLBACK, "replace")


def _order(codec: str, data: bytes) -> tuple[str, bytes]:
    """The codec with its order of octets, and the data without its byte order mark; big-endian without one (RFC 2781
    4.3).
    """
    little, big = (
        (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) if codec == "utf_16" else (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
    )
    if data.startswith(little):
        return f"{codec}_le", data[len(little) :]
    return f"{codec}_be", data.removeprefix(big)


def _folded(name: bytes) -> str:
    text = name[:80].decode("latin-1").strip(" \t\"'").lower()
    return _SEPARATORS.sub("_", text)


def _lookup(name: bytes) -> str:
    folded = _folded(name)
    for spelling in (folded, folded.removeprefix("x_"), folded.replace("_", "")):
        if spelling in _CODECS:
            return _CODECS[spelling]
    return _GUESS
