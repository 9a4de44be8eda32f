"""Transfer encodings: what they decode to, however a body is cut, and their sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.mime import transfer

ENCODINGS = ["base64", "quoted-printable", "7bit", "x-unknown"]
PIECES = st.lists(
    st.sampled_from([b"=", b" ", b"\t", b"\r", b"\n", b"\r\n", b"=\r\n", b"A", b"4", b"G", b"\xe4", b" " * 997, b"  "]),
    max_size=20,
)


def decode(encoding: str, pieces: list[bytes]) -> bytes:
    decoder = transfer.decoder(encoding)
    return b"".join([*map(decoder.feed, pieces), decoder.close()])


def encode(encoding: str, pieces: list[bytes]) -> bytes:
    encoder = transfer.encoder(encoding)
    return b"".join([*map(encoder.feed, pieces), encoder.close()])


def octets(data: bytes) -> list[bytes]:
    return [data[index : index + 1] for index in range(len(data))]


@pytest.mark.parametrize(
    ("body", "decoded"),
    [
        (b"", b""),
        (b"aGVsbG8=\r\n", b"hello"),
        (b"aGVs\r\nbG8=", b"hello"),
        (b" a-G V!sbG8 =", b"hello"),
        (b"aGVsbG8", b"hello"),
        (b"aGVsbG", b"hell"),
        (b"aGVsb", b"hel"),
        (b"aGVs====", b"hel"),
        (b"aGU=bG8=", b"he"),
        (b"====", b""),
        (b"\xff\xfe", b""),
    ],
)
def test_base64_skips_what_is_not_of_it_and_ends_at_padding(body: bytes, decoded: bytes) -> None:
    assert decode("base64", [body]) == decoded
    assert decode("base64", octets(body)) == decoded


@pytest.mark.parametrize(
    ("body", "decoded"),
    [
        (b"", b""),
        (b"hello\r\n", b"hello\r\n"),
        (b"h=C3=a4\r\n", "hä\r\n".encode()),
        (b"one=\r\ntwo=\nthree", b"onetwothree"),
        (b"one= \t\r\ntwo", b"onetwo"),
        (b"one \t\r\ntwo ", b"one\r\ntwo "),
        (b"one \ntwo", b"one\ntwo"),
        (b"one=20\r\n", b"one \r\n"),
        (b"a=b, =, ==41, =4", b"a=b, =, =A, =4"),
        (b"=", b"="),
        (b"=\r", b"=\r"),
        (b"=\rA\nB", b"=\rA\nB"),
        (b"=G1=4G", b"=G1=4G"),
        (b"\xe4_", b"\xe4_"),
        (b" " * 998 + b"\r\n", b"\r\n"),
        (b" " * 999 + b"\r\n", b" " * 999 + b"\r\n"),
        (b"=" + b" " * 999 + b"\r\n", b"=" + b" " * 999 + b"\r\n"),
    ],
)
def test_quoted_printable_takes_what_is_no_octet_for_text(body: bytes, decoded: bytes) -> None:
    assert decode("quoted-printable", [body]) == decoded
    assert decode("quoted-printable", octets(body)) == decoded


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(pieces=PIECES)
def test_the_cuts_of_a_body_do_not_matter(encoding: str, pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    whole = decode(encoding, [body])
    assert decode(encoding, pieces) == whole
    assert decode(encoding, octets(body)) == whole


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(pieces=PIECES | st.lists(st.binary()))
def test_a_size_is_that_of_the_decoded_body(encoding: str, pieces: list[bytes]) -> None:
    counter = transfer.size_counter(encoding)
    decoded = decode(encoding, [b"".join(pieces)])
    if counter is None:
        assert decoded == b"".join(pieces)
    else:
        for piece in pieces:
            counter.feed(piece)
        assert counter.close() == len(decoded)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
@given(pieces=st.lists(st.binary(max_size=200) | st.sampled_from([b"\r", b"\n", b"\r\n", b" ", b"a" * 77, b"."])))
def test_what_is_encoded_is_ascii_in_short_lines_and_decodes_to_the_same(encoding: str, pieces: list[bytes]) -> None:
    encoded = encode(encoding, pieces)
    assert encoded.isascii()
    assert all(len(line) <= 76 for line in encoded.split(b"\r\n"))
    assert b"\n" not in encoded.replace(b"\r\n", b"")
    assert decode(encoding, [encoded]) == b"".join(pieces)


def test_text_in_quoted_printable_keeps_its_lines() -> None:
    assert encode("quoted-printable", [b"a = b \r\n", b"\xc3\xa4\r\n"]) == b"a =3D b=20\r\n=C3=A4\r\n"


def test_a_line_without_end_is_not_held_back() -> None:
    encoder = transfer.encoder("quoted-printable")
    encoded = b"".join(encoder.feed(b"a" * 50_000) for _ in range(4))
    assert len(encoded) > 100_000
    assert decode("quoted-printable", [encoded, encoder.close()]) == b"a" * 200_000


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_that_are_no_encoding_pass_through(encoding: str) -> None:
    if encoding in ("7bit", "x-unknown"):
        assert encode(encoding, [b"\xe4\r\n"]) == decode(encoding, [b"\xe4\r\n"]) == b"\xe4\r\n"
    else:
        assert encode(encoding, [b"\xe4"]) != b"\xe4"
