"""The part tree: offsets, counts, what is a part and what is not, whatever the octets and however they are cut."""

import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.base import limits
from mox_trio.protocol.mime import parser, transfer
from mox_trio.protocol.mime.part import Part, walk
from tests.kit import cuts, mails
from tests.protocol.mime.odd_mails import ODD_MAILS

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def parse(pieces: list[bytes], collect: int = 1) -> Part:
    structure = parser.Parser(collect=collect)
    for piece in pieces:
        structure.feed(piece)
    return structure.close()


def outline(mail: bytes) -> list[tuple[str, bytes]]:
    """Type and body of every leaf."""
    return [
        (f"{part.type}/{part.subtype}", mail[part.body_start : part.body_stop])
        for part in walk(parser.parse(mail))
        if not part.children and not part.is_multipart
    ]


def shifted(part: Part, by: int) -> list[tuple[object, ...]]:
    """All that the tree says but headers, as if it began `by` octets earlier."""
    return [
        (
            *(offset - by for offset in (one.header_start, one.body_start, one.body_stop)),
            *(one.lines, one.decoded_size, one.type, one.subtype, one.parameters, one.encoding, len(one.children)),
        )
        for one in walk(part)
    ]


def assert_consistent(mail: bytes, root: Part) -> None:
    """What holds of every tree: counts are those of the slices, and parts lie within what holds them, in order."""
    assert (root.header_start, root.body_stop) == (0, len(mail))
    for part in walk(root):
        body = mail[part.body_start : part.body_stop]
        assert part.header_start <= part.body_start <= part.body_stop
        assert part.lines == body.count(b"\n")
        assert part.size == len(body)
        if not part.children and not part.is_multipart and not part.is_message:
            decoder = transfer.decoder(part.encoding)
            assert part.decoded_size == len(decoder.feed(body) + decoder.close())
        at = part.body_start
        for child in part.children:
            assert at <= child.header_start
            at = child.body_stop
        assert at <= part.body_stop


@pytest.mark.parametrize("name", ODD_MAILS)
def test_an_odd_mail_is_the_same_however_it_is_cut(name: str) -> None:
    mail = ODD_MAILS[name]
    root = parser.parse(mail)
    assert_consistent(mail, root)
    for pieces in cuts.three_ways(mail):
        assert parse(pieces) == root


@pytest.mark.parametrize("name", ODD_MAILS)
def test_an_odd_mail_with_bare_line_ends_has_the_same_parts(name: str) -> None:
    mail = ODD_MAILS[name]
    bare = mail.replace(b"\r\n", b"\n")
    assert outline(bare) == [(kind, body.replace(b"\r\n", b"\n")) for kind, body in outline(mail)]
    assert_consistent(bare, parser.parse(bare))


@pytest.mark.parametrize(
    ("mail", "leaves"),
    [
        (b"", [("text/plain", b"")]),
        (b"Subject: x\r\n\r\nhello", [("text/plain", b"hello")]),
        (
            MIXED + b"pre\r\n--b\r\n\r\none\r\n\r\n--b\r\n\r\ntwo\r\n--b--\r\npost",
            [("text/plain", b"one\r\n"), ("text/plain", b"two")],
        ),
        (MIXED + b"--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\ntwo\r\n", [("text/plain", b"one")]),
        (MIXED + b"--b\r\n\r\none --b\r\n -- b\r\n--c\r\n", [("text/plain", b"one --b\r\n -- b\r\n--c\r\n")]),
        (MIXED + b"--b\r\n\r\none\r--b\r\n", [("text/plain", b"one\r--b\r\n")]),
        (MIXED + b"--b\r\n\r\none\r\r\n--b--", [("text/plain", b"one\r")]),
        (MIXED + b"--b\r\n\r\n--b\r\n\r\n\r\n--b--", [("text/plain", b""), ("text/plain", b"")]),
        (MIXED + b"--b\n\none\n--b\r\n\r\ntwo\n--b--\n", [("text/plain", b"one"), ("text/plain", b"two")]),
    ],
)
def test_a_body_ends_before_the_line_end_of_its_delimiter(mail: bytes, leaves: list[tuple[str, bytes]]) -> None:
    assert outline(mail) == leaves


@given(mails.SHAPES)
def test_a_well_formed_mail_has_the_parts_it_was_made_of(shape: mails.Shape) -> None:
    waiting = [(parser.parse(shape.mail), shape)]
    while waiting:
        part, made = waiting.pop()
        assert f"{part.type}/{part.subtype}" == made.kind
        assert shape.mail[part.header_start : part.body_stop] == made.mail
        assert shape.mail[part.body_start : part.body_stop] == made.body
        waiting.extend(zip(part.children, made.inside, strict=True))


@given(mails.BROKEN)
def test_no_mail_fails_and_its_offsets_are_those_of_its_octets(mail: bytes) -> None:
    assert_consistent(mail, parser.parse(mail))


@given(cuts.cut(mails.BROKEN), st.sampled_from([1, 5, 4096]))
def test_the_cuts_of_a_mail_do_not_matter(pieces: list[bytes], collect: int) -> None:
    assert parse(pieces, collect) == parser.parse(b"".join(pieces))


@given(mails.BROKEN)
def test_a_part_cut_out_of_its_mail_is_the_same_mail(mail: bytes) -> None:
    waiting = [parser.parse(mail)]
    while waiting:
        part = waiting.pop()
        alone = parser.parse(mail[part.header_start : part.body_stop])
        assert shifted(alone, 0) == shifted(part, part.header_start)
        if part.subtype != "digest":
            waiting.extend(part.children)


def test_cuts_between_blocks_do_not_matter() -> None:
    one = b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"aGVsbG8h\r\n" * 90 + b"\r\n"
    mail = MIXED + one * 300 + b"--b--\r\n"
    root = parser.parse(mail)
    assert len(root.children) == 300
    assert {part.decoded_size for part in root.children} == {90 * 6}
    for size in (1, 4095, 4097, 65_536, 65_537):
        assert parse([mail[at : at + size] for at in range(0, len(mail), size)], 4096) == root


def test_fields_of_a_part_are_read() -> None:
    part = parser.parse(ODD_MAILS["all the fields"])
    assert (part.type, part.subtype, part.parameters) == ("image", "png", (("name", "a"),))
    assert (part.encoding, part.decoded_size) == ("base64", 2)
    assert (part.content_id, part.description, part.md5) == ("<a@b>", "d  e", "Q2hlY2s=")
    assert (part.language, part.location) == (("en", "de"), "http://example.org/ x")
    assert (part.disposition, part.disposition_parameters) == ("inline", (("a", "b"),))


def test_a_part_of_a_digest_is_a_message_where_nothing_else_is_said() -> None:
    root = parser.parse(ODD_MAILS["digest"])
    assert [part.is_message for part in root.children] == [True, False]


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable"])
@pytest.mark.parametrize("kind", [b"rfc822", b"global"])
def test_an_encoded_message_is_a_leaf(kind: bytes, encoding: bytes) -> None:
    head = b"Content-Type: message/" + kind + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n"
    root = parser.parse(head + b"U3ViamVjdDogeA==\r\n")
    assert root.is_message
    assert root.children == []


def test_headers_of_the_message_and_of_embedded_messages_are_kept() -> None:
    mail = ODD_MAILS["embedded message"]
    root = parser.parse(mail)
    embedded = root.children[0].children[0]
    assert root.header == mail[: root.body_start]
    assert embedded.header == b"Subject: in\r\nFrom: a@example.org\r\n\r\n"
    assert root.children[0].header == root.children[1].header == b""


def test_of_a_long_header_only_the_beginning_is_read_and_offsets_are_exact() -> None:
    mail = b"A: b\r\n" * 100 + b"Content-Type: text/html\r\n\r\nhello"
    structure = parser.Parser(header_bytes=300)
    structure.feed(mail)
    root = structure.close()
    assert root.header == mail[:300]
    assert root.subtype == "plain"
    assert mail[root.body_start :] == b"hello"


def test_headers_of_embedded_messages_are_kept_up_to_a_limit_each_and_together() -> None:
    inner = b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + b"A: b\r\n" * 10_000 + b"\r\n\r\n"
    root = parser.parse(MIXED + inner * 40)
    kept = [len(part.children[0].header) for part in root.children]
    assert max(kept) == limits.HEADER_ROW_BYTES
    assert sum(kept) == limits.MIME_EMBEDDED_HEADER_BYTES


def test_a_long_field_is_read_in_part_and_headers_up_to_a_limit_together() -> None:
    head = b"--b\r\nContent-Type: text/html; name=" + b"x" * 500_000 + b"\r\n\r\n\r\n"
    root = parser.parse(MIXED + head * 12)
    assert [part.subtype for part in root.children] == ["html"] * 9 + ["plain"] * 3
    assert sum(len(value) for part in root.children for _, value in part.parameters) < 9 * limits.MIME_FIELD_BYTES


@pytest.mark.parametrize(
    "head", [b"Content-Type: message/rfc822\r\n\r\n", b"Content-Type: multipart/mixed; boundary=%04d\r\n\r\n--%04d\r\n"]
)
def test_what_is_nested_too_deep_is_a_leaf(head: bytes) -> None:
    mail = b"".join(head % ((level,) * head.count(b"%04d")) for level in range(1000)) + b"\r\nhello"
    parts = list(walk(parser.parse(mail)))
    assert len(parts) == limits.MIME_DEPTH
    assert_consistent(mail, parts[0])


def test_what_follows_the_last_part_allowed_belongs_to_it() -> None:
    structure = parser.Parser(parts=4)
    mail = MIXED + b"--b\r\n\r\none\r\n" * 5 + b"--b--\r\n"
    structure.feed(mail)
    root = structure.close()
    assert [mail[part.body_start : part.body_stop] for part in root.children] == [
        b"one",
        b"one",
        b"one\r\n--b\r\n\r\none\r\n--b\r\n\r\none\r\n--b--\r\n",
    ]


def test_a_boundary_longer_than_what_is_compared_is_compared_in_part() -> None:
    long = b"b" * 500
    root = parser.parse(
        b"Content-Type: multipart/mixed; boundary=" + long + b"\r\n\r\n--" + long + b"\r\n\r\none\r\n--" + long + b"--"
    )
    assert len(root.children) == 1


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "nested multiparts": lambda n: b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(n)
    ),
    "multiparts with one boundary": lambda n: (MIXED + b"--b\r\n") * n,
    "nested messages": lambda n: b"Content-Type: message/rfc822\r\n\r\n" * n,
    "fields": lambda n: b"a: b\r\n" * (10 * n),
    "lines of a header that are folded": lambda n: b"a: b\r\n" + b" c\r\n" * (10 * n),
    "delimiters": lambda n: MIXED + b"--b\r\n" * (10 * n),
    "closing delimiters": lambda n: MIXED + b"--b--\r\n" * (10 * n),
    "lines of dashes": lambda n: MIXED + b"--\n" * (10 * n),
    "dashes in one line": lambda n: MIXED + b"-" * (100 * n),
    "line ends": lambda n: MIXED + b"\n" * (100 * n),
    "carriage returns": lambda n: MIXED + b"\r" * (100 * n),
    "delimiters of a hundred boundaries": lambda n: (
        b"".join(
            b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n" % ((b"b" * i,) * 2) for i in range(1, 99)
        )
        + b"--b\r\n" * (4 * n)
    ),
    "padding": lambda n: b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=A" * (100 * n),
    "escapes": lambda n: b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"==" * (10 * n),
    "white space": lambda n: b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b" " * (100 * n) + b"\r\n",
    "digests": lambda n: (b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n") * n,
}


@pytest.mark.parametrize("size", [65_536, 50])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_mail_costs_what_its_octets_cost(name: str, size: int) -> None:
    def cost(count: int) -> float:
        mail = HOSTILE[name](count)
        return min(_seconds(mail, size) for _ in range(3))

    assert cost(2000) <= 60 * cost(125) + 0.02  # 16 times as much; quadratic is 256 times


def _seconds(mail: bytes, size: int) -> float:
    start = time.process_time()
    parse([mail[at : at + size] for at in range(0, len(mail), size)], 4096)
    return time.process_time() - start


def test_a_large_body_passes_through_without_being_kept() -> None:
    piece = (b"aGVsbG8gd29ybGQs" * 4 + b"\r\n") * 900
    tracemalloc.start()
    try:
        structure = parser.Parser()
        structure.feed(MIXED + b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n")
        for _ in range(160):
            structure.feed(piece)
        root = structure.close()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert root.children[0].decoded_size == 160 * 900 * 48
    assert peak < 1024 * 1024
