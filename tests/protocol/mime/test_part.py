"""Section numbers of IMAP, and the order of parts."""

import pytest

from mox_trio.protocol.mime import parser
from mox_trio.protocol.mime.part import Part, part_at, walk

# The example of RFC 9051 6.4.5.1, its parts named by their sections.
MAIL = (
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
    b"--a\r\n\r\n1\r\n"
    b"--a\r\nContent-Type: application/octet-stream\r\n\r\n2\r\n"
    b"--a\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\n\r\n3.1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n3.2\r\n--b--\r\n"
    b"--a\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
    b"--c\r\nContent-Type: image/gif\r\n\r\n4.1\r\n"
    b"--c\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n"
    b"--d\r\n\r\n4.2.1\r\n"
    b"--d\r\nContent-Type: multipart/alternative; boundary=e\r\n\r\n"
    b"--e\r\n\r\n4.2.2.1\r\n--e\r\nContent-Type: text/richtext\r\n\r\n4.2.2.2\r\n--e--\r\n--d--\r\n--c--\r\n"
    b"--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n5.1\r\n--a--\r\n"
)


def body(part: Part | None) -> bytes:
    assert part is not None
    return MAIL[part.body_start : part.body_stop]


@pytest.mark.parametrize("section", ["1", "2", "3.1", "3.2", "4.1", "4.2.1", "4.2.2.1", "4.2.2.2", "5.1"])
def test_a_section_is_the_part_with_that_number(section: str) -> None:
    numbers = [int(number) for number in section.split(".")]
    assert body(part_at(parser.parse(MAIL), numbers)) == section.encode()


def test_the_section_of_a_message_is_the_part_that_holds_it() -> None:
    root = parser.parse(MAIL)
    assert part_at(root, (3,)) is root.children[2]
    assert part_at(root, (4, 2)) is root.children[3].children[1]
    assert part_at(root, (4, 2, 2)) is root.children[3].children[1].children[0].children[1]
    assert part_at(root, ()) is root


@pytest.mark.parametrize(
    "section", [(0,), (6,), (-1,), (1, 1), (2, 2), (3, 3), (3, 1, 1), (4, 2, 2, 3), (5, 2), (5, 1, 1), (1, 1, 1)]
)
def test_a_section_that_is_not_there_is_none(section: tuple[int, ...]) -> None:
    assert part_at(parser.parse(MAIL), section) is None


def test_a_message_that_is_no_multipart_has_itself_as_its_part() -> None:
    root = parser.parse(b"Subject: x\r\n\r\nhello")
    assert part_at(root, (1,)) is root
    assert part_at(root, (2,)) is None
    assert part_at(root, (1, 1)) is None


def test_a_message_that_holds_a_message_has_its_parts_under_1() -> None:
    root = parser.parse(b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhello")
    assert part_at(root, (1,)) is root
    assert part_at(root, (1, 1)) is root.children[0]


def test_a_multipart_without_parts_has_no_part() -> None:
    assert part_at(parser.parse(b"Content-Type: multipart/mixed\r\n\r\n"), (1,)) is None


def test_parts_are_walked_in_the_order_of_the_message() -> None:
    starts = [part.header_start for part in walk(parser.parse(MAIL))]
    assert starts == sorted(starts)
    assert len(starts) == 17
