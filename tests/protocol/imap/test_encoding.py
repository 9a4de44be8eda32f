"""Responses as octets."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.imap import encoding, responses
from mox_trio.protocol.imap.encoding import Wire
from mox_trio.protocol.imap.responses import (
    Capabilities,
    Continuation,
    Enabled,
    Exists,
    Expunged,
    Flags,
    Found,
    ListEntry,
    MailboxStatus,
    Metadata,
    MetadataChanged,
    Namespaces,
    Quota,
    QuotaRoots,
    Recent,
    Response,
    Results,
    ServerId,
    Status,
    Threads,
    Vanished,
)

OLD, NEW = Wire(), Wire(utf8=True, rev2=True)
TREE = ((2, ()), (3, ((6, ((4, ((23, ()),)), (44, ((7, ((96, ()),)),)))),)))

CASES: list[tuple[Response, bytes]] = [
    (Status("OK", "done", tag="a1"), b"a1 OK done\r\n"),
    (Status("NO", "no", b"TRYCREATE", "a1"), b"a1 NO [TRYCREATE] no\r\n"),
    (Status("BYE", "going"), b"* BYE going\r\n"),
    (Status("OK", ""), b"* OK -\r\n"),
    (Status("OK", "[ALERT] read"), b"* OK - [ALERT] read\r\n"),
    (Status("OK", "two\r\n* BYE lines\0"), b"* OK two * BYE lines\r\n"),
    (Capabilities(("IMAP4rev2", "IDLE")), b"* CAPABILITY IMAP4rev2 IDLE\r\n"),
    (Enabled(("CONDSTORE",)), b"* ENABLED CONDSTORE\r\n"),
    (Enabled(()), b"* ENABLED\r\n"),
    (ServerId(()), b"* ID NIL\r\n"),
    (ServerId((("name", "mox-trio"), ("x", 'a"b'))), b'* ID ("name" "mox-trio" "x" "a\\"b")\r\n'),
    (Flags(("\\Seen", "$Junk")), b"* FLAGS (\\Seen $Junk)\r\n"),
    (Exists(23), b"* 23 EXISTS\r\n"),
    (Recent(), b"* 0 RECENT\r\n"),
    (Expunged((3, 3, 5)), b"* 3 EXPUNGE\r\n* 3 EXPUNGE\r\n* 5 EXPUNGE\r\n"),
    (Expunged(()), b""),
    (Vanished((300, 301, 302, 405)), b"* VANISHED 300:302,405\r\n"),
    (Vanished((41, 43), earlier=True), b"* VANISHED (EARLIER) 41,43\r\n"),
    (Vanished(()), b""),
    (ListEntry(("\\Noselect",), ""), b'* LIST (\\Noselect) "/" ""\r\n'),
    (ListEntry((), "foo"), b'* LIST () "/" "foo"\r\n'),
    (
        ListEntry(("\\Subscribed", "\\HasChildren"), "foo", "b&r", ("SUBSCRIBED",)),
        b'* LIST (\\Subscribed \\HasChildren) "/" "foo" ("CHILDINFO" ("SUBSCRIBED") "OLDNAME" ("b&-r"))\r\n',
    ),
    (ListEntry((), "foo", is_lsub=True), b'* LSUB () "/" "foo"\r\n'),
    (
        MailboxStatus("a", (("MESSAGES", 231), ("MAILBOXID", "F1"), ("APPENDLIMIT", None))),
        b'* STATUS "a" (MESSAGES 231 MAILBOXID (F1) APPENDLIMIT NIL)\r\n',
    ),
    (Namespaces(), b'* NAMESPACE (("" "/")) NIL NIL\r\n'),
    (Quota("", (("STORAGE", 10, 512), ("MESSAGE", 1, 2))), b'* QUOTA "" (STORAGE 10 512 MESSAGE 1 2)\r\n'),
    (QuotaRoots("INBOX", ("",)), b'* QUOTAROOT "INBOX" ""\r\n'),
    (QuotaRoots("INBOX", ()), b'* QUOTAROOT "INBOX"\r\n'),
    (
        Metadata("INBOX", (("/private/comment", b"My"), ("/shared/x", None), ("/a b", b"1\r\n2"), ("/n", b"\0"))),
        b'* METADATA "INBOX" (/private/comment "My" /shared/x NIL "/a b" {4}\r\n1\r\n2 /n ~{1}\r\n\0)\r\n',
    ),
    (MetadataChanged("", ("/shared/comment", "/b")), b'* METADATA "" /shared/comment /b\r\n'),
    (Found("SEARCH", ()), b"* SEARCH\r\n"),
    (Found("SEARCH", (2, 84, 882)), b"* SEARCH 2 84 882\r\n"),
    (Found("SORT", (5, 3), 917), b"* SORT 5 3 (MODSEQ 917)\r\n"),
    (Found("SEARCH", (), 917), b"* SEARCH (MODSEQ 917)\r\n"),
    (
        Results("A282", minimum=2, maximum=9, count=3, all=(2, 3, 9), modseq=5),
        b'* ESEARCH (TAG "A282") MIN 2 MAX 9 COUNT 3 ALL 2:3,9 MODSEQ 5\r\n',
    ),
    (Results("a", uid=True, count=0, all=()), b'* ESEARCH (TAG "a") UID COUNT 0\r\n'),
    (Results("a", uid=True, all=(5, 4, 3, 7, 8)), b'* ESEARCH (TAG "a") UID ALL 5,4,3,7:8\r\n'),
    (Results("a", partial=((-1, -100), (7, 9))), b'* ESEARCH (TAG "a") PARTIAL (-1:-100 7,9)\r\n'),
    (Results("a", partial=((1, 5), ())), b'* ESEARCH (TAG "a") PARTIAL (1:5 NIL)\r\n'),
    (
        Results("t", uid=True, mailbox=("f&x", 1), all=(4001,)),
        b'* ESEARCH (TAG "t" MAILBOX "f&-x" UIDVALIDITY 1) UID ALL 4001\r\n',
    ),
    (
        Results("B01", uid=True, added=((1, (2733,)), (0, (2731, 2732))), removed=((0, (5,)),)),
        b'* ESEARCH (TAG "B01") UID ADDTO (1 2733 0 2731:2732) REMOVEFROM (0 5)\r\n',
    ),
    (Threads(()), b"* THREAD\r\n"),
    (Threads(TREE), b"* THREAD (2)(3 6 (4 23)(44 7 96))\r\n"),  # RFC 5256 4
    (Threads(((None, ((3, ()), (5, ()))),)), b"* THREAD ((3)(5))\r\n"),
    (Threads(((1, ((None, ((3, ()), (5, ()))),)),)), b"* THREAD (1 (3)(5))\r\n"),
    (Continuation(), b"+ \r\n"),
    (Continuation("idling"), b"+ idling\r\n"),
]


@pytest.mark.parametrize(("response", "expected"), CASES, ids=lambda each: repr(each)[:60])
def test_a_response_is_written(response: Response, expected: bytes) -> None:
    assert encoding.encode(response, OLD) == expected


def test_every_response_is_tried() -> None:
    assert {type(response) for response, _ in CASES} == set(get_args(responses.Response))


@pytest.mark.parametrize(
    ("response", "old", "new"),
    [
        (ListEntry((), "Entwürfe"), b'* LIST () "/" "Entw&APw-rfe"\r\n', '* LIST () "/" "Entwürfe"\r\n'.encode()),
        (ListEntry((), "a&b"), b'* LIST () "/" "a&-b"\r\n', b'* LIST () "/" "a&b"\r\n'),
        (ListEntry((), 'a"\\'), b'* LIST () "/" "a\\"\\\\"\r\n', b'* LIST () "/" "a\\"\\\\"\r\n'),
        (Status("OK", "für"), b"* OK f?r\r\n", "* OK für\r\n".encode()),
        (ServerId((("n", "ü"),)), b'* ID ("n" {2}\r\n\xc3\xbc)\r\n', b'* ID ("n" "\xc3\xbc")\r\n'),
        (
            Metadata("x", (("/c", b"\xff"),)),
            b'* METADATA "x" (/c {1}\r\n\xff)\r\n',
            b'* METADATA "x" (/c {1}\r\n\xff)\r\n',
        ),
    ],
)
def test_what_is_not_ascii_depends_on_the_session(response: Response, old: bytes, new: bytes) -> None:
    assert encoding.encode(response, OLD) == old
    assert encoding.encode(response, NEW) == new


def test_a_response_code_cannot_end_its_line() -> None:
    with pytest.raises(ValueError, match="one line"):
        encoding.encode(Status("NO", "no", b"BADURL x\r\n* BYE"), OLD)


def test_lines_of_vanished_messages_are_short() -> None:
    lines = encoding.encode(Vanished(range(1, 200_000, 2), earlier=True), OLD).splitlines(keepends=True)
    assert max(map(len, lines)) <= 8192
    sets = [line.removeprefix(b"* VANISHED (EARLIER) ").rstrip() for line in lines]
    assert b",".join(sets) == b",".join(b"%d" % uid for uid in range(1, 200_000, 2))


def test_found_numbers_are_one_line_unless_it_passes_a_million_octets() -> None:
    assert encoding.encode(Found("SEARCH", range(1, 80_001)), OLD).count(b"\r\n") == 1
    lines = encoding.encode(Found("SEARCH", range(4_000_000_000, 4_000_200_000), 5), OLD).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) < 1_000_000
    assert lines[-1].endswith(b"(MODSEQ 5)")
    assert encoding.encode(Found("SORT", range(1, 80_002)), OLD).count(b"\r\n") == 1


def test_a_thread_of_a_hundred_thousand_is_written() -> None:
    tree: responses.ThreadTree = (1, ())
    for number in range(2, 100_001):
        tree = (number, (tree,))
    assert encoding.encode(Threads((tree,)), OLD).count(b" ") == 2 + 99_999


@given(st.binary(max_size=40), st.booleans())
def test_a_string_never_ends_a_line_early(value: bytes, utf8: bool) -> None:
    written = encoding.string(value, utf8=utf8)
    if written.startswith(b'"'):
        assert not set(written) & set(b"\r\n\0")
        assert written[1:-1].replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"') == 0
        assert utf8 or written.isascii()
    else:
        head, _, octets = written.partition(b"\r\n")
        assert head == b"{%d}" % len(octets)
        assert octets == value.replace(b"\0", b"")


@given(st.text(max_size=40), st.booleans())
def test_a_text_is_one_line_that_is_not_empty(words: str, utf8: bool) -> None:
    words = words.encode("utf-8", "replace").decode()
    written = encoding.text(words, utf8)
    assert written
    assert not set(written) & set(b"\r\n\0")
