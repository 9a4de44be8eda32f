"""The summary of a header."""

from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.mime import header, summary

_HEADER = b"""\
From: =?utf-8?q?J=C3=B6rg?= <Joerg@X.Example>, other@x.example\r
To: team: "Doe, John" <john@y.example>, c@y.example;\r
Subject: =?utf-8?q?Re=3A_Gr=C3=BC=C3=9Fe?=\r
 (fwd)\r
Date: Fri, 21 Nov 1997 09:55:06 -0600\r
Message-ID: <ABC@x.example>\r
In-Reply-To: <b@x.example>\r
References: <a@x.example>\r
\t<b@x.example>\r
\r
"""


def test_a_header_is_summed_up() -> None:
    assert summary.of(header.parse(_HEADER)) == summary.Summary(
        subject="Re: Grüße (fwd)",
        base_subject="grüße",
        is_reply=True,
        from_mailbox="Joerg@x.example",
        from_name="Jörg",
        to_mailbox="john@y.example",
        to_name="Doe, John",
        cc_mailbox="",
        cc_name="",
        date=880127706000,
        message_id="abc@x.example",
        references=("b@x.example", "a@x.example"),
    )


def test_what_is_missing_is_empty() -> None:
    nothing = summary.of(header.parse(b"To: g:;\r\nDate: x\r\n\r\n"))
    assert nothing == summary.Summary("", "", False, "", "", "", "", "", "", None, "", ())


_BODIES = st.binary(max_size=40) | st.sampled_from(
    [b"=?utf-8?q?=00=0D=0Ax?= <a@b>", b"=?utf-7?q?+2AA-?=", b"\x00@\x00", b"<\xed\xa0\x80@b>"]
)


@given(
    st.lists(
        st.tuples(st.sampled_from([b"From", b"To", b"Cc", b"Subject", b"Message-ID", b"References", b"Date"]), _BODIES),
        max_size=7,
    )
)
def test_every_text_of_any_header_can_be_stored(fields: list[tuple[bytes, bytes]]) -> None:
    found = summary.of(header.parse(b"".join([b"%b: %b\r\n" % field for field in fields])))
    texts = [found.subject, found.base_subject, found.from_mailbox, found.from_name, found.to_mailbox, found.to_name]
    for text in (*texts, found.cc_mailbox, found.cc_name, found.message_id, *found.references):
        text.encode()
        assert not set(text) & {chr(code) for code in range(32)}
