"""Items of FETCH, macros and modifiers."""

import pytest

from mox_trio.protocol.imap import fetch_response
from mox_trio.protocol.imap.commands.fetch import Fetch
from mox_trio.protocol.imap.events import Command
from mox_trio.protocol.imap.fetch_items import Binary, BinarySize, Item, Preview, Section, Simple
from tests.protocol.imap.driving import happened, refusal


def fetched(arguments: bytes, name: bytes = b"UID FETCH") -> Fetch:
    (event,) = happened([b"a1 " + name + b" 1 " + arguments + b"\r\n"])
    assert isinstance(event, Command)
    assert isinstance(event.body, Fetch)
    return event.body


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        *[(name.encode(), Simple(name)) for name in Simple.__annotations__["name"].__args__],
        (b"rfc822.size", Simple("RFC822.SIZE")),
        (b"RFC822", Section(label=b"RFC822")),
        (b"RFC822.HEADER", Section(text="HEADER", peek=True, label=b"RFC822.HEADER")),
        (b"rfc822.text", Section(text="TEXT", label=b"RFC822.TEXT")),
        (b"BODY[]", Section(label=b"BODY[]")),
        (b"body.peek[]<0.2048>", Section(partial=(0, 2048), peek=True, label=b"BODY[]")),
        (b"BODY[header]", Section(text="HEADER", label=b"BODY[HEADER]")),
        (b"BODY[TEXT]<5.1>", Section(text="TEXT", partial=(5, 1), label=b"BODY[TEXT]")),
        (b"BODY[1]", Section((1,), label=b"BODY[1]")),
        (b"BODY[3.HEADER]", Section((3,), "HEADER", label=b"BODY[3.HEADER]")),
        (b"BODY[4.2.2.1]", Section((4, 2, 2, 1), label=b"BODY[4.2.2.1]")),
        (b"BODY[4.1.mime]", Section((4, 1), "MIME", label=b"BODY[4.1.MIME]")),
        (
            b'BODY.PEEK[HEADER.FIELDS (Date "FROM" "x y")]',
            Section(
                (), "HEADER.FIELDS", (b"Date", b"FROM", b"x y"), None, True, b'BODY[HEADER.FIELDS (Date FROM "x y")]'
            ),
        ),
        (
            b"BODY[1.HEADER.FIELDS.NOT (Received)]<0.5>",
            Section((1,), "HEADER.FIELDS.NOT", (b"Received",), (0, 5), False, b"BODY[1.HEADER.FIELDS.NOT (Received)]"),
        ),
        (b"BINARY[]", Binary(())),
        (b"BINARY.PEEK[1.2]<0.5>", Binary((1, 2), (0, 5), peek=True)),
        (b"BINARY.SIZE[1]", BinarySize((1,))),
        (b"PREVIEW", Preview()),
        (b"PREVIEW (LAZY)", Preview(lazy=True)),
        (b"preview (lazy)", Preview(lazy=True)),
    ],
)
def test_an_item_alone_and_in_a_list(written: bytes, expected: Item) -> None:
    assert fetched(written).items == (expected,)
    assert fetched(b"(" + written + b")").items == (expected,)
    assert fetched(b"(UID " + written + b" FLAGS)").items == tuple(
        dict.fromkeys((Simple("UID"), expected, Simple("FLAGS")))
    )
    assert fetched(written + b" (CHANGEDSINCE 12)") == Fetch(True, fetched(b"UID").numbers, (expected,), 12)


def test_the_answer_names_a_section_as_it_can_be_asked_for_again() -> None:
    for written in (b'BODY.PEEK[1.HEADER.FIELDS ("a b" {1+}\r\n] c)]<5.6>', b"BODY[2.MIME]", b"BINARY[1.2]"):
        item = fetched(written).items[0]
        assert isinstance(item, Section | Binary)
        label = fetch_response.label(item).split(b"<")[0]
        again = fetched(label).items[0]
        assert isinstance(again, Section | Binary)
        assert fetch_response.label(again) == label


def test_macros() -> None:
    fast = (Simple("FLAGS"), Simple("INTERNALDATE"), Simple("RFC822.SIZE"))
    assert fetched(b"FAST").items == fast
    assert fetched(b"all").items == (*fast, Simple("ENVELOPE"))
    assert fetched(b"FULL (CHANGEDSINCE 1)").items == (*fast, Simple("ENVELOPE"), Simple("BODY"))


def test_no_item_is_there_twice() -> None:
    assert fetched(b"(FLAGS BODY[1] flags BODY[1] BODY[1]<0.1>)").items == (
        Simple("FLAGS"),
        Section((1,), label=b"BODY[1]"),
        Section((1,), partial=(0, 1), label=b"BODY[1]"),
    )


def test_modifiers() -> None:
    changed = fetched(b"FLAGS (CHANGEDSINCE 0 VANISHED PARTIAL -1:-30)")
    assert (changed.changed_since, changed.vanished, changed.partial) == (0, True, (-1, -30))
    assert fetched(b"FLAGS (changedsince 9223372036854775807)", b"FETCH").changed_since == 2**63 - 1


@pytest.mark.parametrize(
    "written",
    [b"BODY[", b"BODY[]]", b"BODY[0]", b"BODY[01]", b"BODY[1.]", b"BODY[.1]", b"BODY[1..2]", b"BODY[MIME]",
     b"BODY[FOO]", b"BODY[HEADER.FIELDS]", b"BODY[HEADER.FIELDS ()]", b"BODY[HEADER.FIELDS(a)]",
     b"BODY[HEADER.FIELDS (a]", b"BODY[TEXT (a)]", b"BODY[HEADERS]", b"BODY[TEXTS]", b"BODY[1.HEADER.FOO]",
     b"BODY[]<0>", b"BODY[]<0.0>", b"BODY[]<-1.5>", b"BODY[]<0.5", b"BODY[]<9223372036854775808.1>",
     b"BODY[4294967296]", b"BODY[" + b"1." * 100 + b"1]", b"BODY []", b"BODY.FOO[]", b"BODY.PEEK", b"BINARY",
     b"BINARY[TEXT]", b"BINARY[1.TEXT]", b"BINARY.SIZE[1]<0.5>", b"BINARY.PEEK", b"RFC822[]", b"FLAGS[]",
     b"RFC822.FOO", b"PREVIEW (FOO)", b"PREVIEW ()", b"PREVIEW (LAZY FOO)", b"(FLAGS,UID)", b"((FLAGS))", b"(FLAGS",
     b"FLAGS)"],
)  # fmt: skip
def test_anything_else_is_bad(written: bytes) -> None:
    assert refusal(b"UID FETCH 1 " + written).startswith(b"BAD ")
