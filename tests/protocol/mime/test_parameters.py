"""Content-Type, Content-Disposition and their like, as written and as found in the world."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.mime import parameters

PIECES = st.lists(
    st.sampled_from(
        [
            b"text/plain",
            b";",
            b"a",
            b"=",
            b'"',
            b"\\",
            b"(",
            b")",
            b" ",
            b"a*0*=",
            b"a*1=",
            b"utf-8''%C3%A4",
            b"*",
            b"'",
            b"\xe4",
        ]
    )
).map(b"".join)


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"text/plain", "text/plain", {}),
        (b"TEXT/Plain; Charset=UTF-8", "text/plain", {"charset": "UTF-8"}),
        (b" text / plain ; charset = utf-8 ", "text/plain", {"charset": "utf-8"}),
        (b'text/plain; name="a b"', "text/plain", {"name": "a b"}),
        (b'text/plain; name="a\\"b\\\\c"', "text/plain", {"name": 'a"b\\c'}),
        (b'text/plain; name="a;b=c"; x=y', "text/plain", {"name": "a;b=c", "x": "y"}),
        (b'text/plain; name="open', "text/plain", {"name": "open"}),
        (b'text/plain; name=""', "text/plain", {"name": ""}),
        (b"text/plain; name=", "text/plain", {"name": ""}),
        (b"text/plain; name; x=y", "text/plain", {"x": "y"}),
        (b"text/plain;; ;x=y;", "text/plain", {"x": "y"}),
        (b"text/plain charset=utf-8 format=flowed", "text/plain", {"charset": "utf-8", "format": "flowed"}),
        (b"text/plain; name=a b.txt; x=y", "text/plain", {"name": "a b.txt", "x": "y"}),
        (b"multipart/mixed; boundary=a b; x=y", "multipart/mixed", {"boundary": "a", "x": "y"}),
        (b"text/plain; name=a(1).txt; x=y", "text/plain", {"name": "a(1).txt", "x": "y"}),
        (b"text/(a)plain(b); (c (d) \\) ) x=(e)y (f)", "text/plain", {"x": "y"}),
        (b'text/plain; name="a (b)"', "text/plain", {"name": "a (b)"}),
        (b"text/plain (open; x=y", "text/plain", {}),
        (b"multipart/mixed; boundary=----=_Part_1.2", "multipart/mixed", {"boundary": "----=_Part_1.2"}),
        (b'text/plain; name="=?utf-8?q?=C3=A4?="', "text/plain", {"name": "=?utf-8?q?=C3=A4?="}),
        ('text/plain; name="ä"'.encode(), "text/plain", {"name": "ä"}),
        (b'text/plain; name="\xe4"', "text/plain", {"name": "ä"}),
        (b"image/svg+xml", "image/svg+xml", {}),
    ],
)
def test_a_content_type_has_a_type_and_parameters(body: bytes, kind: str, expected: dict[str, str]) -> None:
    found = parameters.content_type(body)
    assert found is not None
    assert f"{found.type}/{found.subtype}" == kind
    assert dict(found.parameters) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"text",
        b"/",
        b"text/",
        b"; charset=utf-8",
        b'"text/plain"',
        b"(text/plain)",
        b"t\xe4xt/plain",
        b"text/pl\xe4n",
    ],
)
def test_what_names_no_type_is_no_content_type(body: bytes) -> None:
    assert parameters.content_type(body) is None


@pytest.mark.parametrize(
    ("given_as", "name"),
    [
        (b"name*=utf-8''%C3%A4%20b", "ä b"),
        (b"name*=UTF-8'de'%c3%a4", "ä"),
        (b"name*=iso-8859-1''%E4", "ä"),
        (b"name*=''%C3%A4", "ä"),
        (b"name*=%41", "A"),
        (b"name*=nonsense''%C3%A4", "ä"),
        (b"name*=\"utf-8''%C3%A4\"", "ä"),
        (b"name*=utf-8''%C3%", "\ufffd%"),
        (b"name*0=a; name*1=b", "ab"),
        (b'name*1=b; name*0="a "', "a b"),
        (b"name*0*=utf-8''%C3; name*1*=%A4; name*2=%41", "ä%41"),
        (b"name*0=a; name*2=c", "a"),
        (b"name*0=a; name*0=b", "a"),
        (b"name*0*=utf-8''a'b", "a'b"),
        (b"name=plain; name*=utf-8''%C3%A4", "ä"),
        (b"name*=utf-8''%C3%A4; name=plain", "ä"),
    ],
)
def test_sections_are_joined_and_charsets_decoded(given_as: bytes, name: str) -> None:
    found = parameters.content_type(b"text/plain; first=1; " + given_as + b"; last=2")
    assert found is not None
    assert sorted(found.parameters) == sorted([("first", "1"), ("name", name), ("last", "2")])


def test_sections_without_a_first_stay_as_they_are() -> None:
    found = parameters.content_type(b"text/plain; name*1=b; x=y")
    assert found is not None
    assert found.parameters == (("name*1", "b"), ("x", "y"))


def test_a_boundary_is_kept_as_octets_without_white_space_at_its_end() -> None:
    found = parameters.content_type(b'multipart/mixed; boundary="\xe4 b "; boundary=c')
    assert found is not None
    assert found.boundary == b"\xe4 b"


def test_a_boundary_in_sections_is_joined() -> None:
    found = parameters.content_type(b"multipart/mixed; boundary*0=a; boundary*1=b")
    assert found is not None
    assert found.boundary == b"ab"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"attachment", ("attachment", ())),
        (b'Inline; FileName="a b"; size=3', ("inline", (("filename", "a b"), ("size", "3")))),
        (b"attachment filename=x", ("attachment", (("filename", "x"),))),
        (b'"attachment"; filename=x', ("attachment", (("filename", "x"),))),
        (b"", None),
        (b"; filename=x", None),
    ],
)
def test_a_disposition_has_a_token_and_parameters(
    body: bytes, expected: tuple[str, tuple[tuple[str, str], ...]] | None
) -> None:
    assert parameters.disposition(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"BASE64", "base64"),
        (b"base64 (a comment)", "base64"),
        (b"quoted-printable;", "quoted-printable"),
        (b"Quoted Printable", "quoted-printable"),
        (b"base64 charset=x", "base64"),
        (b"x-own", "x-own"),
        (b"x-own thing", "x-own"),
        (b"text/html", None),
        (b"", None),
    ],
)
def test_an_encoding_is_one_token(body: bytes, expected: str | None) -> None:
    assert parameters.encoding(body) == expected


def test_languages_are_a_list_with_commas() -> None:
    assert parameters.tokens(b"en, de-AT (a comment),,fr") == ("en", "de-AT", "fr")


@given(st.text())
def test_a_value_written_for_ascii_reads_as_the_value(value: str) -> None:
    written = parameters.extended(value)
    found = parameters.content_type(b"text/plain; name*=" + written)
    assert written.isascii()
    assert found is not None
    assert found.parameters == (("name", value.encode("utf-8", "replace").decode()),)


@given(PIECES | st.binary())
def test_no_value_fails_and_all_of_it_can_be_encoded(body: bytes) -> None:
    content_type = parameters.content_type(body)
    disposition = parameters.disposition(body)
    parameters.encoding(body)
    parameters.tokens(body)
    found = [*(content_type.parameters if content_type else ()), *(disposition[1] if disposition else ())]
    for name, value in found:
        (name + value).encode()


@pytest.mark.parametrize(
    "piece",
    [
        b"x ",
        b'"',
        b"\\",
        b"(",
        b'("',
        b";=",
        b"a=b;",
        b"a*0*=b;",
        b'="',
        b" ",
        b"=",
        b"a=x x ",
        b"a=\x0b",
        b"*'",
        b"\xff",
    ],
)
@pytest.mark.parametrize("before", [b"a/b;", b"a/b; x=", b'a/b; x="', b"a/b; x*=a'b'", b"a/b (", b""])
def test_reading_a_value_is_linear(before: bytes, piece: bytes) -> None:
    def cost(count: int) -> float:
        body = before + piece * count
        return min(_seconds(body) for _ in range(3))

    assert cost(8000) <= 60 * cost(500) + 0.02  # 16 times as much; quadratic is 256 times


def _seconds(body: bytes) -> float:
    start = time.process_time()
    parameters.content_type(body)
    parameters.disposition(body)
    return time.process_time() - start
