"""BODY and BODYSTRUCTURE: their form (RFC 9051 7.5.2, and 9), and what they say."""

from typing import Any

import pytest
from hypothesis import given

from mox_trio.protocol.mime import bodystructure, envelope, parser
from tests.kit import imap_lists, mails
from tests.protocol.mime.odd_mails import ODD_MAILS

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def render(mail: bytes, *, extended: bool = True, utf8: bool = True) -> bytes:
    return bodystructure.render(
        parser.parse(mail), extended=extended, envelope=lambda block: b'("%d")' % len(block), utf8=utf8
    )


@pytest.mark.parametrize(
    ("mail", "written"),
    [
        (
            b"\r\nhello\r\n",
            b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 7 1 NIL NIL NIL NIL)',
        ),
        (
            b'Content-Type: TEXT/HTML; Charset=UTF-8; name="a\\"b"\r\n\r\n',
            b'("text" "html" ("charset" "UTF-8" "name" "a\\"b") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)',
        ),
        (
            b"Content-Type: image/png\r\nContent-Transfer-Encoding: BASE64\r\nContent-ID: <a@b>\r\n"
            b"Content-Description: d\r\nContent-MD5: m\r\nContent-Language: en, de\r\nContent-Location: l\r\n"
            b"Content-Disposition: attachment; filename=f\r\n\r\nAAAA",
            b'("image" "png" NIL "<a@b>" "d" "base64" 4 "m" ("attachment" ("filename" "f")) ("en" "de") "l")',
        ),
        (
            MIXED + b"--b\r\n\r\none\r\n--b\r\nContent-Type: a/b\r\n\r\ntwo\r\n--b--\r\n",
            b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0 NIL NIL NIL NIL)'
            b'("a" "b" NIL NIL NIL "7bit" 3 NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL)',
        ),
        (
            b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhello\r\n",
            b'("message" "rfc822" NIL NIL NIL "7bit" 21 ("14") '
            b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 7 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL)',
        ),
    ],
)
def test_a_structure_has_all_fields_in_their_order(mail: bytes, written: bytes) -> None:
    assert render(mail) == written


def test_body_is_bodystructure_without_extension_data() -> None:
    assert render(MIXED + b"--b\r\nContent-Disposition: inline\r\n\r\none\r\n--b--", extended=False) == (
        b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0) "mixed")'
    )
    assert render(b"Content-Type: a/b\r\n\r\n", extended=False) == b'("a" "b" NIL NIL NIL "7bit" 0)'


def test_a_multipart_without_parts_is_given_an_empty_one() -> None:
    assert render(MIXED + b"hello") == (
        b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL)'
    )


def test_a_message_that_cannot_be_looked_into_is_given_an_empty_one() -> None:
    mail = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3Vi\r\n"
    assert render(mail) == (
        b'("message" "rfc822" NIL NIL NIL "base64" 6 ("0") '
        b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL) 1 NIL NIL NIL NIL)'
    )


def test_text_beyond_ascii_is_utf8_where_the_session_reads_it() -> None:
    mail = "Content-Type: a/b; name=ä\r\nContent-Description: ö\r\n\r\n".encode()
    assert render(mail) == '("a" "b" ("name" "ä") NIL "ö" "7bit" 0 NIL NIL NIL NIL)'.encode()


def test_text_beyond_ascii_is_encoded_where_the_session_does_not_read_it() -> None:
    mail = "Content-Type: a/b; name=ä; x=y\r\nContent-Description: ö\r\n\r\n".encode()
    assert render(mail, utf8=False) == (
        b'("a" "b" ("name*" "utf-8\'\'%C3%A4" "x" "y") NIL "=?utf-8?b?w7Y=?=" "7bit" 0 NIL NIL NIL NIL)'
    )


def test_a_deep_tree_is_rendered() -> None:
    structure = parser.Parser(depth=20_000, parts=20_000)
    structure.feed(b"Content-Type: message/rfc822\r\n\r\n" * 15_000)
    written = bodystructure.render(structure.close(), extended=True, envelope=lambda _: b"()")
    assert written.count(b'"message"') == 15_000


@given(mails.BROKEN)
def test_any_mail_has_a_structure_that_keeps_to_the_grammar(mail: bytes) -> None:
    root = parser.parse(mail)
    for extended in (True, False):
        for utf8 in (True, False):
            written = bodystructure.render(
                root, extended=extended, envelope=lambda block: envelope.render(block, utf8=False), utf8=utf8
            )
            assert utf8 or written.isascii()
            assert_body(imap_lists.parse(written), extended)


@pytest.mark.parametrize("name", ODD_MAILS)
def test_an_odd_mail_has_a_structure_that_keeps_to_the_grammar(name: str) -> None:
    root = parser.parse(ODD_MAILS[name])
    assert_body(imap_lists.parse(bodystructure.render(root, extended=True, envelope=envelope.render)), True)


def assert_body(root: list[Any], extended: bool) -> None:
    """RFC 9051 9: body-type-mpart and body-type-1part, with all of the extension data or none."""
    waiting = [root]
    while waiting:
        body = waiting.pop()
        if isinstance(body[0], list):
            parts = [item for item in body if isinstance(item, list)]
            count = next(index for index, item in enumerate(body) if not isinstance(item, list))
            waiting.extend(parts[:count])
            assert isinstance(body[count], str)
            rest = body[count + 1 :]
            assert not extended or rest.pop(0) is None or isinstance(body[count + 1], list)
        else:
            kind, subtype, parameters, content_id, description, encoding, size, *rest = body
            assert all(isinstance(item, str) for item in (kind, subtype, encoding))
            assert all(item is None or isinstance(item, str) for item in (content_id, description))
            assert isinstance(size, int)
            assert parameters is None or (
                len(parameters) % 2 == 0 and all(isinstance(item, str) for item in parameters)
            )
            if kind == "message" and subtype in ("rfc822", "global"):
                assert len(rest.pop(0)) == 10
                waiting.append(rest.pop(0))
            if kind == "text" or (kind == "message" and subtype in ("rfc822", "global")):
                assert isinstance(rest.pop(0), int)
            assert not extended or rest.pop(0) is None or isinstance(body[-4], str)
        assert len(rest) == (3 if extended else 0)
