"""Previews: which part, and which of its words."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.mime import html_text, parser, preview
from mox_trio.protocol.mime.part import Part


def _preview(body: bytes, subtype: str = "plain", encoding: str = "8bit", charset: str = "utf-8") -> str:
    part = Part(body_stop=len(body), subtype=subtype, encoding=encoding, parameters=(("charset", charset),))
    return preview.text(part, body)


def _chosen(mail: str) -> str | None:
    data = mail.replace("\n", "\r\n").encode()
    part = preview.choose(parser.parse(data))
    return None if part is None else preview.text(part, data[part.body_start : part.body_stop])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Hello,\r\n\r\nhow  are\tyou?\r\n", "Hello, how are you?"),
        ("", ""),
        ("> a\r\n> b\r\nNo.\r\n> c\r\nYes.\r\n", "[...] No. [...] Yes."),
        ("Thanks!\r\n\r\nOn Monday, J. Doe wrote:\r\n> Hi\r\n\r\n>> Ho\r\n", "Thanks! [...]"),
        ("Thanks!\r\n\r\nOn Monday, 3 May,\r\nJ. Doe <j@x.example> wrote:\r\n> Hi\r\n", "Thanks! [...]"),
        ("Danke!\r\nAm Montag schrieb J.:\r\n> Hi\r\n", "Danke! [...]"),
        ("Such as this:\r\n> Hi\r\n", "Such as this: [...]"),
        ("Yes.\r\n\r\n-----Original Message-----\r\nFrom: x\r\nHi\r\n", "Yes. [...]"),
        ("Bye\r\n-- \r\nJane\r\nCEO\r\n", "Bye"),
        ("A\r\n--\r\n1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n", "A -- 1 2 3 4 5 6"),
        ("a\u200bb\u00adc \u202edcba\r\n", "abc dcba"),
        ("a\x00b\x07c\r\n", "a\ufffdb\ufffdc"),
        ("é" * 1000, "é" * 256),
    ],
)
def test_plain_text(body: str, expected: str) -> None:
    assert _preview(body.encode()) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>Hello</p><p>you &amp; me&nbsp;&#8364;&#x20ac;</p>", "Hello you & me €€"),
        (
            "<html><head><title>T</title><style>p > a {}</style></head><body><script>if (a<b) x()</script>Hi<br>there</body>",
            "Hi there",
        ),
        ("a<!-- x > y -->b<!doctype html><?php x ?>c", "abc"),
        ('<a title="x > y">link</a> 1 < 2', "link 1 < 2"),
        ("<td>a</td><td>b</td>", "a b"),
        ("<b>bo</b>ld", "bold"),
        (
            "<div>Thanks</div><div>On Monday, J. wrote:<br></div><blockquote><p>Hi</p><br>Ho</blockquote><p>Bye</p>",
            "Thanks [...] Bye",
        ),
        ("text <b open", "text"),
        ("text <!-- open", "text"),
        ("text <script> open", "text"),
        ("text </ b>", "text"),
        ("&#" + "9" * 5000 + ";", "\ufffd"),
        ("&#99999999999999999999;&#x110000;&#0;&nosuch;", "\ufffd\ufffd\ufffd&nosuch;"),
    ],
)
def test_html(body: str, expected: str) -> None:
    assert _preview(body.encode(), "html") == expected


def test_bodies_are_decoded_before() -> None:
    assert _preview(b"SGVsbG8=", encoding="base64") == "Hello"
    assert _preview(b"caf=E9 =\r\nx", encoding="quoted-printable", charset="iso-8859-1") == "café x"
    assert _preview(b"caf\xe9", charset="nonsense") == "café"


def test_half_a_body_is_enough_and_keeps_what_looks_like_a_signature() -> None:
    body = b"Hello\r\n--\r\nJane\r\n" + b"x" * 100
    part = Part(body_stop=len(body))
    assert preview.text(part, body[:17]) == "Hello -- Jane"


_MULTIPART = """\
Content-Type: multipart/{subtype}; boundary=b

--b
Content-Type: {first}
Content-Disposition: {disposition}

first
--b
Content-Type: text/plain

second
--b--
"""


@pytest.mark.parametrize(
    ("subtype", "first", "disposition", "expected"),
    [
        ("mixed", "text/plain", "inline", "first"),
        ("mixed", "text/html", "inline", "first"),
        ("mixed", "text/plain", "attachment; filename=a.txt", "second"),
        ("mixed", "text/calendar", "inline", "second"),
        ("mixed", "image/png", "inline", "second"),
        ("alternative", "text/plain", "inline", "first"),
        ("signed", "text/plain", "inline", "first"),
        ("signed", "image/png", "inline", None),
        ("encrypted", "application/pgp-encrypted", "inline", None),
    ],
)
def test_the_first_text_that_is_no_attachment_is_chosen(
    subtype: str, first: str, disposition: str, expected: str | None
) -> None:
    assert _chosen(_MULTIPART.format(subtype=subtype, first=first, disposition=disposition)) == expected


def test_a_mail_without_text_has_no_preview() -> None:
    assert _chosen("Content-Type: application/pdf\n\nx") is None


@given(
    st.binary(max_size=300), st.sampled_from(["plain", "html"]), st.sampled_from(["7bit", "base64", "quoted-printable"])
)
def test_any_octets_have_a_short_preview_on_one_line(body: bytes, subtype: str, encoding: str) -> None:
    found = _preview(body, subtype, encoding)
    found.encode()
    assert len(found) <= 256
    assert len(found.splitlines()) <= 1
    assert found == found.strip()


@given(
    st.lists(
        st.sampled_from(
            [
                "<",
                ">",
                "<p>",
                "</blockquote>",
                "<blockquote>",
                "<!--",
                "-->",
                '="',
                "'",
                "&",
                "&#",
                "x",
                "<script>",
                "</script",
            ]
        )
    )
)
def test_any_document_has_text(pieces: list[str]) -> None:
    html_text.to_text("".join(pieces), 1000)


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "<a",
        '<a b="',
        "<a b='\"",
        "<!--",
        "<script",
        "<script>",
        "&",
        "&#",
        "&#9",
        "<b>",
        "</",
        "=\"'",
        "<a b=\"><a c='>",
    ],
)
def test_hostile_documents_take_linear_time(unit: str) -> None:
    document = unit * (200_000 // len(unit))
    before = time.process_time()
    html_text.to_text(document, 10_000_000)
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    "unit", [b">", b"> \r\n", b"On x\r\n", b"x:\r\n>\r\n", b"--\r\n", b"\r\n", b" ", b"-", b"&#9", b"<b>", b"<"]
)
def test_hostile_bodies_take_no_time(unit: bytes) -> None:
    body = unit * (200_000 // len(unit))
    before = time.process_time()
    for subtype in ("plain", "html"):
        _preview(body, subtype)
        _preview(body, subtype, "quoted-printable")
    assert time.process_time() - before < 2
