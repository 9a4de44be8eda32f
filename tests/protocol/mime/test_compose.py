"""Composing: what is written is read back, and nothing can be injected."""

import email
import email.policy
import itertools
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.base.address import Address, InvalidAddress
from mox_trio.protocol.mime import addresses, compose, header, header_writer, parser, transfer, words
from mox_trio.protocol.mime.compose import Attachment, Draft
from mox_trio.protocol.mime.header_writer import Recipient, RecipientGroup, Unwritable, Written
from mox_trio.protocol.mime.part import Part, walk

ENTROPY = bytes(range(16))
SUBJECT = header_writer.unstructured("Subject", "Test")


def _render(draft: Draft, *, eight_bit: bool = False) -> bytes:
    return b"".join(compose.render(draft, ENTROPY, eight_bit=eight_bit))


def _body(part: Part, message: bytes) -> bytes:
    decoder = transfer.decoder(part.encoding)
    return decoder.feed(message[part.body_start : part.body_stop]) + decoder.close()


def _types(message: bytes) -> list[str]:
    return [f"{part.type}/{part.subtype}" for part in walk(parser.parse(message))]


@pytest.mark.parametrize(
    ("value", "utf8", "written"),
    [
        ("Hello", False, b"Subject: Hello\r\n"),
        ("", False, b"Subject:\r\n"),
        (" a\tb ", False, b"Subject: a b\r\n"),
        ("Grüße", False, b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"),
        ("Grüße", True, "Subject: Grüße\r\n".encode()),
        ("a\x85b", True, b"Subject: =?utf-8?q?a=C2=85b?=\r\n"),
        ("a\udc80b", True, b"Subject: =?utf-8?b?YT9i?=\r\n"),
        ("=?utf-8?q?x?=", True, b"Subject: =?utf-8?b?PT91dGYtOD9xP3g/PQ==?=\r\n"),
        ("a" * 60 + " " + "b" * 60, False, b"Subject: " + b"a" * 60 + b"\r\n " + b"b" * 60 + b"\r\n"),
    ],
)
def test_free_text_is_written(value: str, utf8: bool, written: bytes) -> None:
    assert header_writer.unstructured("Subject", value, utf8=utf8) == written


def _recipients(*texts: tuple[str, str]) -> list[Recipient]:
    return [Recipient(Address.parse(address), name) for name, address in texts]


def test_address_lists_are_written() -> None:
    people = _recipients(
        ("", "a@x.example"), ("Jane Roe", "b@x.example"), ('Q. "Q" Doe', "c@x.example"), ("Jörg", "d@münchen.example")
    )
    assert header_writer.address_list("To", people) == (
        b'To: a@x.example, Jane Roe <b@x.example>, "Q. \\"Q\\" Doe" <c@x.example>,\r\n'
        b" =?utf-8?b?SsO2cmc=?= <d@xn--mnchen-3ya.example>\r\n"
    )
    assert header_writer.address_list("To", people[3:], utf8=True) == 'To: "Jörg" <d@münchen.example>\r\n'.encode()
    assert (
        header_writer.address_list("To", [RecipientGroup("undisclosed-recipients")])
        == b"To: undisclosed-recipients: ;\r\n"
    )
    assert (
        header_writer.address_list("Cc", [RecipientGroup("g", tuple(people[:2]))])
        == b"Cc: g: a@x.example, Jane Roe <b@x.example>;\r\n"
    )


def test_an_address_that_has_no_ascii_form_needs_utf8() -> None:
    people = _recipients(("", "jörg@x.example"))
    with pytest.raises(InvalidAddress, match="no ASCII form"):
        header_writer.address_list("To", people)
    assert header_writer.address_list("To", people, utf8=True) == "To: jörg@x.example\r\n".encode()


def test_lines_are_folded_before_they_exceed_78_octets() -> None:
    for length in range(50, 80):
        lines = header_writer.unstructured("Subject", "a" * length + " b").removesuffix(b"\r\n").split(b"\r\n")
        assert len(lines) == (1 if len("Subject: ") + length + 2 <= 78 else 2)


@pytest.mark.parametrize("bad", ["a>b", "a b", "<a>", "é@x", "a" * 300])
def test_content_ids_are_checked(bad: str) -> None:
    with pytest.raises(Unwritable, match="Content-ID"):
        compose.render(Draft([], attachments=[Attachment([], content_id=bad)]), ENTROPY)


@pytest.mark.parametrize("bad", ["multipart/mixed", "text", "a/b; c=d", "a/b/c", "/", "é/b"])
def test_types_of_attachments_are_checked(bad: str) -> None:
    with pytest.raises(Unwritable, match="type of an attachment"):
        compose.render(Draft([], attachments=[Attachment([], bad)]), ENTROPY)


def test_dates_and_ids_are_written() -> None:
    assert header_writer.date("Date", 880127706000, -360) == b"Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n"
    assert header_writer.message_ids("References", ["a@x", "b@x"]) == b"References: <a@x> <b@x>\r\n"
    for bad in ("", "a b", "a>b", "a\r\nb", "é@x", "a" * 1000):
        with pytest.raises(Unwritable):
            header_writer.message_ids("References", [bad])


def test_parameters_are_quoted_or_encoded() -> None:
    write = header_writer.structured
    assert write("X", "attachment", [("filename", "a.txt")]) == b"X: attachment; filename=a.txt\r\n"
    assert write("X", "attachment", [("filename", 'a "b".txt')]) == b'X: attachment; filename="a \\"b\\".txt"\r\n'
    # RFC 2231 4, 3
    assert (
        write("X", "attachment", [("filename", "Grüße.txt")])
        == b"X: attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.txt\r\n"
    )
    assert write("X", "attachment", [("filename", "a" * 80)]) == (
        b"X: attachment;\r\n filename*0*=utf-8''" + b"a" * 50 + b";\r\n filename*1*=" + b"a" * 30 + b"\r\n"
    )


@pytest.mark.parametrize("bad", ["a\r\nBcc: x", "a\nb", "a\rb", "a\x00b"])
def test_line_ends_in_values_are_refused(bad: str) -> None:
    for write in (
        lambda: header_writer.unstructured("Subject", bad),
        lambda: header_writer.unstructured("Subject", bad, utf8=True),
        lambda: header_writer.unstructured(bad, "x"),
        lambda: header_writer.structured("X", bad),
        lambda: header_writer.structured("X", "x", [(bad, "x")]),
        lambda: header_writer.message_ids("X", [bad]),
        lambda: header_writer.address_list("To", _recipients((bad, "a@x.example"))),
        lambda: header_writer.address_list("To", [RecipientGroup(bad)]),
        lambda: compose.render(Draft([Written(f"Subject: {bad}\r\n".encode())]), ENTROPY),
        lambda: compose.render(Draft([], attachments=[Attachment([], content_type=f"a/{bad}")]), ENTROPY),
        lambda: compose.render(Draft([], attachments=[Attachment([], content_id=bad)]), ENTROPY),
    ):
        with pytest.raises(Unwritable):
            write()


@pytest.mark.parametrize(
    "field",
    [b"", b"Subject", b"Subject: a", b"a b: c\r\n", b": x\r\n", b"a: b\r\n\r\n", b"a: b\r\n \r\n", b"a: b\r\nc: d\r\n"],
)
def test_what_is_not_one_field_is_refused(field: bytes) -> None:
    with pytest.raises(Unwritable):
        compose.render(Draft([Written(field)]), ENTROPY)


@pytest.mark.parametrize("field", [b"Content-Type: text/html\r\n", b"MIME-Version: 1.0\r\n", b"content-x: y\r\n"])
def test_fields_of_the_content_are_not_for_callers(field: bytes) -> None:
    with pytest.raises(Unwritable, match="describes the content"):
        compose.render(Draft([Written(field)]), ENTROPY)


@given(st.text(max_size=300), st.booleans())
def test_free_text_is_read_back(value: str, utf8: bool) -> None:
    try:
        field = header_writer.unstructured("Subject", value, utf8=utf8)
    except Unwritable:
        assert any(ord(each) < 32 or ord(each) == 127 for each in value)
        return
    parsed = header.parse(field + b"\r\n")
    assert [each.key for each in parsed.fields] == [b"subject"]
    expected = value.replace("\t", " ").strip(" ").encode("utf-8", "replace").decode()
    assert words.decode(parsed.get(b"subject") or b"") == expected
    assert utf8 or field.isascii()
    assert all(len(line) <= 998 for line in field.split(b"\r\n"))


@given(
    st.lists(
        st.tuples(st.text(max_size=40), st.sampled_from(["a@x.example", '"a b"@x.example'])), min_size=1, max_size=5
    ),
    st.booleans(),
)
def test_names_are_read_back(people: list[tuple[str, str]], utf8: bool) -> None:
    try:
        field = header_writer.address_list("To", _recipients(*people), utf8=utf8)
    except Unwritable:
        return
    parsed = header.parse(field + b"\r\n")
    assert [each.key for each in parsed.fields] == [b"to"]
    read = [
        (each.display, each.address) for each in addresses.mailboxes(addresses.parse_list(parsed.get(b"to") or b""))
    ]
    assert read == [(name.strip(" ").encode("utf-8", "replace").decode(), address) for name, address in people]


@pytest.mark.parametrize(
    ("text", "eight_bit", "encoding"),
    [
        ("Hello\nyou\n", False, "7bit"),
        ("", False, "7bit"),
        ("Grüße\n", False, "quoted-printable"),
        ("Grüße\n", True, "8bit"),
        ("x" * 2000, True, "quoted-printable"),
        ("a\x00b", True, "quoted-printable"),
        ("bare\rline\nends\r\n", False, "7bit"),
    ],
)
def test_text_takes_the_least_encoding(text: str, eight_bit: bool, encoding: str) -> None:
    message = _render(Draft([SUBJECT], text), eight_bit=eight_bit)
    part = parser.parse(message)
    assert (part.type, part.subtype, part.encoding, part.parameters) == (
        "text",
        "plain",
        encoding,
        (("charset", "utf-8"),),
    )
    expected = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    assert _body(part, message).decode() == expected + ("" if expected.endswith("\r\n") or not expected else "\r\n")
    assert all(len(line) <= 998 for line in message.split(b"\r\n"))


_FILE = Attachment([b"abc"], filename="a.bin")
_PICTURE = Attachment([b"png"], "image/png", "a.png", "pic@x")


@pytest.mark.parametrize(
    ("draft", "types"),
    [
        (Draft([], "t"), ["text/plain"]),
        (Draft([], "", "<p>"), ["text/html"]),
        (Draft([], "t", "<p>"), ["multipart/alternative", "text/plain", "text/html"]),
        (Draft([], "t", "", [_FILE]), ["multipart/mixed", "text/plain", "application/octet-stream"]),
        (Draft([], "t", "", [_PICTURE]), ["multipart/mixed", "text/plain", "image/png"]),
        (Draft([], "", "<p>", [_PICTURE]), ["multipart/related", "text/html", "image/png"]),
        (
            Draft([], "t", "<p>", [_FILE, _PICTURE]),
            [
                "multipart/mixed",
                "multipart/alternative",
                "text/plain",
                "multipart/related",
                "text/html",
                "image/png",
                "application/octet-stream",
            ],
        ),
    ],
)
def test_the_tree_is_no_deeper_than_it_must_be(draft: Draft, types: list[str]) -> None:
    assert _types(_render(draft)) == types
    assert [each.get_content_type() for each in email.message_from_bytes(_render(draft)).walk()] == types


def test_a_message_is_attached_as_it_is() -> None:
    inner = b"Subject: inner\r\n\r\nline\r\n"
    message = _render(Draft([SUBJECT], "t", "", [Attachment([inner], "message/rfc822", "m.eml")]))
    root = parser.parse(message)
    attached = root.children[1]
    assert attached.encoding == "7bit"
    assert message[attached.body_start : attached.body_stop] == inner
    assert attached.children[0].header.startswith(b"Subject: inner")


@given(st.text(max_size=120), st.lists(st.binary(max_size=200), max_size=4))
def test_attachments_are_read_back(filename: str, blocks: list[bytes]) -> None:
    message = _render(Draft([SUBJECT], "t", "", [Attachment(blocks, filename=filename)]))
    attached = parser.parse(message).children[1]
    assert _body(attached, message) == b"".join(blocks)
    expected = filename.encode("utf-8", "replace").decode()
    assert dict(attached.disposition_parameters).get("filename", "") == expected
    assert message.isascii()


_NASTY = st.text(max_size=40) | st.lists(
    st.sampled_from(["\r\n", "\n", "\r", "\x00", ":", " ", "Bcc: x", "--", "=_", '"', "<", ">", ";", "é"])
).map("".join)


@given(st.tuples(*[_NASTY] * 7), st.booleans())
def test_nothing_can_be_injected(values: tuple[str, ...], eight_bit: bool) -> None:
    subject, name, text, page, filename, content_type, content_id = values
    try:
        draft = Draft(
            [
                header_writer.unstructured("Subject", subject, utf8=eight_bit),
                header_writer.address_list("To", _recipients((name, "a@x.example")), utf8=eight_bit),
            ],
            text,
            page,
            [Attachment([text.encode("utf-8", "replace")], content_type or "a/b", filename, content_id)],
        )
        message = _render(draft, eight_bit=eight_bit)
    except Unwritable:
        return
    root = parser.parse(message)
    keys = [field.key for field in header.parse(message).fields]
    assert keys[:4] == [b"subject", b"to", b"mime-version", b"content-type"]
    assert set(keys[4:]) <= {b"content-transfer-encoding"}
    leaves = [part for part in walk(root) if not part.children]
    assert len(leaves) == 1 + bool(text and page) + 1
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert b"\r" not in message.replace(b"\r\n", b"")
    assert b"\x00" not in message
    assert len(list(email.message_from_bytes(message, policy=email.policy.default).walk())) == len(list(walk(root)))


def test_large_attachments_stream() -> None:
    def source() -> Iterator[bytes]:
        yield from itertools.repeat(bytes(64 * 1024), 160)  # 10 MiB

    blocks = compose.render(Draft([SUBJECT], "t", "", [Attachment(source())]), ENTROPY)
    tracemalloc.start()
    try:
        size = sum(map(len, blocks))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 13 * 1024 * 1024
    assert peak < 2 * 1024 * 1024


def test_the_same_entropy_gives_the_same_message_and_other_entropy_another() -> None:
    draft = Draft([SUBJECT], "t", "<p>")
    assert _render(draft) == _render(draft)
    assert b"".join(compose.render(draft, bytes(16))) != _render(draft)


def test_hostile_values_take_linear_time() -> None:
    before = time.process_time()
    for value in ("a " * 50_000, "é" * 50_000, "a" * 100_000, " " * 100_000 + "a", '"' * 50_000):
        header_writer.unstructured("Subject", value)
        header_writer.address_list("To", _recipients((value, "a@x.example")))
        header_writer.structured("X", "y", [("filename", value)])
    assert time.process_time() - before < 10
