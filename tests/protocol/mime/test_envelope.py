"""ENVELOPE in both forms. Agreement with another server on whole mails is in test_conformance_structure."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.mime import envelope, header

_FROM = b'(("A" NIL "a" "x.test"))'


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (b"", b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"),
        (b"Date:\r\nSubject:\r\nFrom:\r\nTo:\r\n\r\n", b'("" "" NIL NIL NIL NIL NIL NIL NIL NIL)'),
        # RFC 9051 7.5.2: sender and reply-to default to from, also when they are empty
        (b"From: A <a@x.test>\r\n\r\n", b"(NIL NIL %b %b %b NIL NIL NIL NIL NIL)" % (_FROM, _FROM, _FROM)),
        (
            b"From: A <a@x.test>\r\nSender:\r\nReply-To: ,\r\n",
            b"(NIL NIL %b %b %b NIL NIL NIL NIL NIL)" % (_FROM, _FROM, _FROM),
        ),
        (
            b"From: A <a@x.test>\r\nReply-To: b@x.test\r\nSender: c@x.test\r\n",
            b'(NIL NIL %b ((NIL NIL "c" "x.test")) ((NIL NIL "b" "x.test")) NIL NIL NIL NIL NIL)' % _FROM,
        ),
        # groups stay, with their markers
        (
            b"To: undisclosed-recipients:;\r\n",
            b'(NIL NIL NIL NIL NIL ((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL)',
        ),
        (
            b"Cc: g: a@x.test, B <b@x.test>;, c@x.test\r\n",
            b'(NIL NIL NIL NIL NIL NIL ((NIL NIL "g" NIL)(NIL NIL "a" "x.test")("B" NIL "b" "x.test")'
            b'(NIL NIL NIL NIL)(NIL NIL "c" "x.test")) NIL NIL NIL)',
        ),
        # several fields of one name are one list (RFC 5322 4.5.3), of others the first counts
        (
            b"Bcc: a@x.test\r\nBcc: b@x.test\r\nSubject: one\r\nSubject: two\r\n",
            b'(NIL "one" NIL NIL NIL NIL NIL ((NIL NIL "a" "x.test")(NIL NIL "b" "x.test")) NIL NIL)',
        ),
        (
            b"To: <@a.test,@b.test:c@d.test>\r\n",
            b'(NIL NIL NIL NIL NIL ((NIL "@a.test,@b.test" "c" "d.test")) NIL NIL NIL NIL)',
        ),
        (b"To: nobody\r\n", b'(NIL NIL NIL NIL NIL ((NIL NIL "nobody" "")) NIL NIL NIL NIL)'),
        (
            b'To: "a\\"b" <"c\\\\d"@x.test>\r\n',
            b'(NIL NIL NIL NIL NIL (("a\\"b" NIL "c\\\\d" "x.test")) NIL NIL NIL NIL)',
        ),
        (
            b"Message-ID: <1@x.test>\r\nIn-Reply-To: <0@x.test>\r\nDate: Fri, 21 Nov 1997\r\n 09:55:06 -0600\r\n",
            b'("Fri, 21 Nov 1997 09:55:06 -0600" NIL NIL NIL NIL NIL NIL NIL "<0@x.test>" "<1@x.test>")',
        ),
        (
            b'Subject: =?utf-8?q?J=C3=B6rg?= "q\\\r\n',
            b'(NIL "=?utf-8?q?J=C3=B6rg?= \\"q\\\\" NIL NIL NIL NIL NIL NIL NIL NIL)',
        ),
    ],
)
def test_envelopes_are_rendered(block: bytes, expected: bytes) -> None:
    assert envelope.render(block) == expected
    assert envelope.render(block, utf8=False) == expected
    assert envelope.of(header.parse(block)) == expected


def test_8_bit_stays_or_becomes_encoded_words() -> None:
    block = "Subject: Grüße\r\nTo: Jörg <jörg@münchen.example>, g\u00fc: a@x.test;\r\n".encode()
    assert (
        envelope.render(block)
        == (
            '(NIL "Grüße" NIL NIL NIL (("Jörg" NIL "jörg" "münchen.example")(NIL NIL "gü" NIL)(NIL NIL "a" "x.test")'
            "(NIL NIL NIL NIL)) NIL NIL NIL NIL)"
        ).encode()
    )
    assert envelope.render(block, utf8=False) == (
        b'(NIL "=?utf-8?b?R3LDvMOfZQ==?=" NIL NIL NIL (("=?utf-8?b?SsO2cmc=?=" NIL "=?utf-8?b?asO2cmc=?=" '
        b'"xn--mnchen-3ya.example")'
        b'(NIL NIL "=?utf-8?b?Z8O8?=" NIL)(NIL NIL "a" "x.test")(NIL NIL NIL NIL)) NIL NIL NIL NIL)'
    )


def test_octets_that_are_no_utf8_are_read_as_windows_1252_in_the_ascii_form() -> None:
    assert (
        envelope.render(b"Subject: \xe9\r\n", utf8=False) == b'(NIL "=?utf-8?b?w6k=?=" NIL NIL NIL NIL NIL NIL NIL NIL)'
    )
    assert envelope.render(b"To: a@\xff.test\r\n", utf8=False).isascii()


_FIELD = st.tuples(
    st.sampled_from(
        [b"From", b"To", b"Cc", b"Sender", b"Reply-To", b"Subject", b"Date", b"Message-ID", b"In-Reply-To"]
    ),
    st.binary(max_size=40) | st.from_regex(rb'["<>@,:;() a-c\\\xc3\xa9]{0,20}', fullmatch=True),
)


@given(st.lists(_FIELD, max_size=6))
def test_any_header_has_an_envelope_of_ten_balanced_members(fields: list[tuple[bytes, bytes]]) -> None:
    block = b"".join([b"%b: %b\r\n" % field for field in fields])
    assert _members(envelope.render(block)) == 10
    ascii_form = envelope.render(block, utf8=False)
    assert ascii_form.isascii()
    assert _members(ascii_form) == 10


def _members(rendered: bytes) -> int:
    """How many things the outermost list holds; fails where quotes, literals or parentheses do not match."""
    depth = members = position = 0
    while position < len(rendered):
        octet = rendered[position : position + 1]
        if octet == b'"':
            position += 1
            while rendered[position : position + 1] != b'"':
                assert rendered[position] not in b"\r\n"
                position += 2 if rendered[position : position + 1] == b"\\" else 1
        elif octet == b"{":
            stop = rendered.index(b"}\r\n", position)
            position = stop + 2 + int(rendered[position + 1 : stop])
        elif octet in b"()":
            depth += 1 if octet == b"(" else -1
            assert depth > 0 or position == len(rendered) - 1
        elif octet == b" ":
            members += depth == 1
        position += 1
    assert depth == 0
    return members + 1


def test_huge_headers_take_linear_time() -> None:
    before = time.process_time()
    envelope.render(b"To: a@b\r\n" * 10_000)
    envelope.render(b"To: " + b"a@b, " * 20_000)
    envelope.render(b"Subject: " + b"\xff" * 200_000, utf8=False)
    assert time.process_time() - before < 5
