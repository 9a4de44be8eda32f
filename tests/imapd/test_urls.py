"""IMAP URLs of messages and parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.imapd import urls
from mox_trio.imapd.urls import BadUrl


@pytest.mark.parametrize(
    ("url", "mailbox", "uidvalidity", "uid", "label", "partial"),
    [
        ("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER", "Drafts", 385759045, 20, b"BODY[HEADER]", None),
        ("/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME", "Drafts", 385759045, 20, b"BODY[1.MIME]", None),
        ("/Drafts/;UID=3002", "Drafts", None, 3002, b"BODY[]", None),
        ("/Drafts;UID=3002", "Drafts", None, 3002, b"BODY[]", None),
        ("/INBOX;UIDVALIDITY=785799047/;UID=113330;section=1.5.9", "INBOX", 785799047, 113330, b"BODY[1.5.9]", None),
        (";UID=5", "", None, 5, b"BODY[]", None),
        ("/;UID=5/", "", None, 5, b"BODY[]", None),
        ("/a%20b/%C3%A4/c;uid=1/;partial=10.20", "a b/\u00e4/c", None, 1, b"BODY[]", (10, 20)),
        ("/a;UID=1/;SECTION=TEXT/;PARTIAL=3", "a", None, 1, b"BODY[TEXT]", (3, 2**32 - 1)),
        (
            "/a;UID=1/;SECTION=HEADER.FIELDS%20(To%20Cc)",
            "a",
            None,
            1,
            b"BODY[HEADER.FIELDS (To Cc)]",
            None,
        ),
    ],
)
def test_a_url_names_a_message_or_a_part(
    url: str, mailbox: str, uidvalidity: int | None, uid: int, label: bytes, partial: tuple[int, int] | None
) -> None:
    found = urls.parse(url)
    assert (found.mailbox, found.uidvalidity, found.uid) == (mailbox, uidvalidity, uid)
    assert (found.section.label, found.section.partial) == (label, partial)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/",
        "/Drafts",
        "/Drafts;UIDVALIDITY=1",
        "/Drafts;UID=0",
        "/Drafts;UID=4294967296",
        "/Drafts;UIDVALIDITY=0/;UID=1",
        "/Drafts;UID=-1",
        "/Drafts;UID=1:5",
        "/Drafts;UID=1/;SECTION=0",
        "/Drafts;UID=1/;SECTION=MIME",
        "/Drafts;UID=1/;SECTION=1]<0.5>",
        "/Drafts;UID=1/;SECTION=HEADER.FIELDS%20()",
        "/Drafts;UID=1/;PARTIAL=1.0",
        "/Drafts;UID=1/;URLAUTH=anonymous",
        "/%E4;UID=1",
        "imap://mia@imap.example.org/Drafts;UID=1",
        "http://example.org/;UID=1",
        "/" + "x" * 9000 + ";UID=1",
    ],
)
def test_what_names_no_message_here_is_bad(url: str) -> None:
    with pytest.raises(BadUrl):
        urls.parse(url)


@given(st.text())
def test_no_text_raises_anything_else(url: str) -> None:
    try:
        urls.parse("/" + url)
        urls.parse("/a;UID=1/;SECTION=" + url)
    except BadUrl:
        pass
    code = urls.for_code(url)
    assert code.isascii()
    assert not set(code) & set(b"]\r\n\\\0")


def test_a_url_that_asks_for_long_work_gets_little() -> None:
    with pytest.raises(BadUrl):
        urls.parse("/" * 8000 + ";UID=")


def test_a_code_holds_the_url_as_it_was() -> None:
    url = "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.5.9"
    assert urls.for_code(url) == b'BADURL "%b"' % url.encode()
    assert urls.for_code('a]"\r\n\u00e4') == b'BADURL "a%5D%22%0D%0A%C3%A4"'
