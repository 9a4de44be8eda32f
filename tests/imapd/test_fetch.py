"""FETCH: every item, sections, partials, what sets \\Seen, what has gone."""

import threading
from typing import Any

import pytest

from mox_trio.imapd import fetch_plan, fetching
from mox_trio.imapd.state import Session
from mox_trio.mailstore import reading_many
from mox_trio.protocol.mime import structure_codec
from mox_trio.protocol.mime.part import Part
from tests.kit.imap_world import World
from tests.kit.stores import message

pytestmark = pytest.mark.uid_only_too

MULTIPART = (
    b"From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: parts\r\n"
    b"Date: Mon, 1 Jun 2026 10:00:00 +0000\r\nMessage-ID: <m1@example.org>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"caf=C3=A9\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: inner\r\nFrom: <in@example.org>\r\nContent-Type: text/plain\r\n\r\ninner text\r\n"
    b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n"
    b"--b--\r\n"
)


async def one(world: World, items: str, data: bytes = MULTIPART, *enabled: str) -> bytes:
    """The response to UID FETCH of a message."""
    delivered = await world.put(data)
    async with world.user("INBOX", *enabled) as client:
        answer = await client.ok(f"UID FETCH {delivered.uid} {items}")
        (line,) = [each for each in answer.lines if b"FETCH (" in each and not each.endswith(b"FLAGS (\\Seen))")]
        return line


async def test_flags_and_uids_come_from_what_the_session_knows(world: World) -> None:
    for number in range(3):
        await world.deliver(flags=["\\Seen", "Work"] if number else [])
    async with world.user("INBOX") as client:
        answer = await client.ok("FETCH 1:* FLAGS")
        assert answer.lines == [
            b"* 1 FETCH (FLAGS ())",
            b"* 2 FETCH (FLAGS (\\Seen Work))",
            b"* 3 FETCH (FLAGS (\\Seen Work))",
        ]
        answer = await client.ok("UID FETCH 2:* (FLAGS)")
        assert answer.lines[0] == b"* 2 FETCH (UID 2 FLAGS (\\Seen Work))"


async def test_what_is_in_the_index_opens_no_body(world: World) -> None:
    line = await one(
        world,
        "(ENVELOPE RFC822.SIZE BODYSTRUCTURE INTERNALDATE PREVIEW EMAILID THREADID SAVEDATE BODY[HEADER.FIELDS (SUBJECT)])",
    )
    assert b'ENVELOPE ("Mon, 1 Jun 2026 10:00:00 +0000" "parts" (("Ann" NIL "ann" "example.org"))' in line
    assert b"RFC822.SIZE %d" % len(MULTIPART) in line
    assert b"BODYSTRUCTURE ((" in line
    assert b"EMAILID (M" in line
    assert b"THREADID (T" in line
    assert b"BODY[HEADER.FIELDS (SUBJECT)] {18}\r\nSubject: parts\r\n\r\n" in line


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("BODY[]", MULTIPART),
        ("RFC822", MULTIPART),
        ("BODY[]<3.10>", MULTIPART[3:13]),
        ("BODY[TEXT]<0.5>", b"--b\r\n"),
        ("BODY[1]", b"caf=C3=A9"),
        (
            "BODY[1.MIME]",
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
        ),
        ("BODY[2.HEADER]", b"Subject: inner\r\nFrom: <in@example.org>\r\nContent-Type: text/plain\r\n\r\n"),
        ("BODY[2.HEADER.FIELDS (from)]", b"From: <in@example.org>\r\n\r\n"),
        ("BODY[2.HEADER.FIELDS.NOT (from content-type)]", b"Subject: inner\r\n\r\n"),
        ("BODY[2.TEXT]", b"inner text"),
        ("BODY[2.1]", b"inner text"),
        ("BODY[2.1]<6.100>", b"text"),
        ("BODY[3]", b"AAECAw=="),
        ("BODY[1]<100.10>", b""),
    ],
)
async def test_a_section_is_exactly_its_bytes(world: World, section: str, expected: bytes) -> None:
    line = await one(world, section)
    assert line.endswith(b"{%d}\r\n%b)" % (len(expected), expected))


async def test_a_part_that_is_not_there_is_nil(world: World) -> None:
    assert (await one(world, "(BODY[7] BODY[1.HEADER])")).endswith(b"BODY[7] NIL BODY[1.HEADER] NIL)")


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("BINARY[1]", b"BINARY[1] {5}\r\ncaf\xc3\xa9)"),
        ("BINARY.PEEK[1]<3.2>", b"BINARY[1]<3> {2}\r\n\xc3\xa9)"),
        ("BINARY[3]", b"BINARY[3] ~{4}\r\n\0\1\2\3)"),
        ("BINARY.SIZE[3]", b"BINARY.SIZE[3] 4)"),
        ("BINARY.SIZE[2]", b"BINARY.SIZE[2] 78)"),
    ],
)
async def test_binary_is_decoded(world: World, item: str, expected: bytes) -> None:
    assert (await one(world, item)).endswith(expected)


async def test_an_encoding_that_nobody_knows_is_refused(world: World) -> None:
    data = MULTIPART.replace(b"quoted-printable", b"x-unknown")
    await world.put(data)
    async with world.user("INBOX") as client:
        answer = await client.do("FETCH 1 BINARY[1]")
        assert (answer.kind, answer.code) == ("NO", "UNKNOWN-CTE")
        assert (await client.ok("FETCH 1 BODY[1]")).is_ok


async def test_reading_a_body_sets_seen_and_peeking_does_not(world: World) -> None:
    await world.deliver()
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await client.ok("FETCH 1 (BODY.PEEK[] BINARY.PEEK[1] BODY.PEEK[TEXT])")
        assert b"* 1 FETCH (FLAGS ())" in (await client.ok("FETCH 1 FLAGS")).lines
        answer = await client.ok("FETCH 1 BODY[TEXT]")
        assert answer.lines[-1] == b"* 1 FETCH (UID 1 FLAGS (\\Seen))"
        assert (await other.ok("NOOP")).lines == [b"* 1 FETCH (UID 1 FLAGS (\\Seen))"]
        assert (await client.ok("FETCH 1 BODY[TEXT]")).lines[1:] == []


async def test_flags_beside_a_body_are_those_that_it_gets(world: World) -> None:
    await world.deliver()
    await world.deliver()
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await other.ok("STORE 2 +FLAGS.SILENT (\\Answered)")
        answer = await client.ok("FETCH 1:2 (FLAGS BODY[TEXT])")
        assert [line.split(b" BODY[")[0] for line in answer.lines] == [
            b"* 1 FETCH (FLAGS (\\Seen)",
            b"* 2 FETCH (FLAGS (\\Seen \\Answered)",
            b"* 2 FETCH (UID 2 FLAGS (\\Seen \\Answered))",
        ]
        await client.ok("STORE 1 -FLAGS.SILENT (\\Seen)")
    async with world.user("INBOX", "CONDSTORE") as client:
        answer = await client.ok("FETCH 1 (FLAGS BODY[TEXT])")
        assert b"MODSEQ (" in answer.lines[-1]


async def test_examined_mailboxes_stay_unseen(world: World) -> None:
    await world.deliver()
    async with world.user() as client:
        await client.ok("EXAMINE INBOX")
        assert len((await client.ok("FETCH 1 BODY[]")).lines) == 1


@pytest.mark.by_number
async def test_what_another_session_expunged_can_be_read_until_it_is_told(world: World) -> None:
    for number in range(3):
        await world.put(message(f"number {number}", f"text {number}\r\n"))
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        await other.ok("STORE 2 +FLAGS (\\Deleted)")
        await other.ok("EXPUNGE")
        answer = await client.ok("FETCH 1:3 (UID ENVELOPE BODY.PEEK[TEXT])")
        assert answer.code == "EXPUNGEISSUED"
        assert [line.split(b" ")[1] for line in answer.lines if b"ENVELOPE" in line] == [b"1", b"2", b"3"]
        assert any(b"text 1\r\n" in line for line in answer.lines)
        assert b"* 2 EXPUNGE" in (await client.ok("NOOP")).lines
        assert (await client.do("FETCH 3 FLAGS")).kind == "BAD"


async def test_without_utf8_an_envelope_is_ascii(world: World) -> None:
    data = message("na\u00efve \u00e9t\u00e9")
    assert b'"=?utf-8?' in (await one(world, "ENVELOPE", data)).lower()
    line = await one(world, "ENVELOPE", data, "UTF8=ACCEPT")
    assert "na\u00efve \u00e9t\u00e9".encode() in line


@pytest.mark.by_number
async def test_uidonly_answers_with_uids(world: World) -> None:
    line = await one(world, "(UID FLAGS RFC822.SIZE)", message(), "UIDONLY")
    assert line.startswith(b"* 1 UIDFETCH (FLAGS () RFC822.SIZE ")


async def test_changedsince_and_partial_choose_among_the_messages(world: World) -> None:
    for _ in range(5):
        await world.deliver()
    async with world.user("INBOX", "CONDSTORE") as client, world.user("INBOX") as other:
        first = await client.ok("UID FETCH 5 (MODSEQ)")
        modseq = int(first.lines[0].split(b"MODSEQ (")[1].split(b")")[0])
        await other.ok("STORE 2,4 +FLAGS.SILENT (\\Flagged)")
        await client.ok("NOOP")
        answer = await client.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})")
        assert [line.split(b" ")[1] for line in answer.lines] == [b"2", b"4"]
        assert all(b"MODSEQ (" in line for line in answer.lines)
        answer = await client.ok("UID FETCH 1:* (UID) (PARTIAL 2:3)")
        assert answer.lines == [b"* 2 FETCH (UID 2)", b"* 3 FETCH (UID 3)"]
        answer = await client.ok("UID FETCH 1:* (UID) (PARTIAL -1:-2)")
        assert answer.lines == [b"* 4 FETCH (UID 4)", b"* 5 FETCH (UID 5)"]


async def test_a_large_body_streams(world: World) -> None:
    body = "0123456789abcdef" * 64 * 1024
    data = message("large", body)
    line = await one(world, "(UID BODY[] RFC822.SIZE)", data)
    assert b"BODY[] {%d}\r\n%b)" % (len(data), data) in line
    line = await one(world, "BODY[TEXT]<100000.500000>", data)
    assert line.endswith(body[100000:600000].encode() + b")")


async def test_a_large_binary_part_streams(world: World) -> None:
    import base64

    content = bytes(range(256)) * 4096
    encoded = base64.encodebytes(content).replace(b"\n", b"\r\n")
    data = b"Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded
    line = await one(world, "BINARY[1]", data)
    assert line.endswith(b"~{%d}\r\n%b)" % (len(content), content))
    line = await one(world, "BINARY[1]<300000.400000>", data)
    assert line.endswith(content[300000:700000] + b")")


async def test_many_sections_of_many_messages_are_said_a_few_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b"Subject: x\r\nX-Long: " + b"y" * 20_000 + b"\r\n\r\n" + b"z" * 100_000
    for _ in range(2):
        await world.put(body)
    largest = 0
    write = Session.write

    def measured(session: Session, data: bytes) -> None:
        nonlocal largest
        largest = max(largest, len(data))
        write(session, data)

    monkeypatch.setattr(Session, "write", measured)
    async with world.user("INBOX") as client:
        for name in ("BODY.PEEK[HEADER]", "BODY.PEEK[]"):
            items = " ".join(f"{name}<{at}.100000>" for at in range(100))
            answer = await client.ok(f"FETCH 1:2 ({items})")
            assert [line.count(b"BODY[") for line in answer.lines] == [100, 100]
            start = body if name == "BODY.PEEK[]" else body[: body.index(b"z")]
            line = answer.lines[1]
            for at in (0, 99):
                label = b"%b<%d> {%d}\r\n" % (name.replace(".PEEK", "").encode(), at, len(start[at : at + 100_000]))
                assert line.partition(label)[2].startswith(start[at : at + 100_000])
    assert largest < 3 * 1024 * 1024


@pytest.mark.parametrize("few", [0, 20])
async def test_structures_of_many_messages_are_rendered_in_a_thread(
    world: World, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    made, in_loop = fetch_plan.structure, set()

    def noted(parts: bytes, header: bytes, *, extended: bool, utf8: bool) -> bytes:
        in_loop.add(threading.current_thread() is threading.main_thread())
        return made(parts, header, extended=extended, utf8=utf8)

    monkeypatch.setattr(fetch_plan, "structure", noted)
    monkeypatch.setattr(fetching, "FEW", few)
    assert b'BODY (("text" "plain"' in (await one(world, "BODY")).replace(b"TEXT", b"text").replace(b"PLAIN", b"plain")
    assert in_loop == {few > 0}


@pytest.mark.parametrize("octets", [0, 64 * 1024])
async def test_a_tree_of_many_parts_is_taken_apart_in_a_thread(
    world: World, monkeypatch: pytest.MonkeyPatch, octets: int
) -> None:
    made, in_loop = structure_codec.load, set()

    def noted(parts: bytes, header: bytes = b"") -> Part:
        in_loop.add(threading.current_thread() is threading.main_thread())
        return made(parts, header)

    monkeypatch.setattr(structure_codec, "load", noted)
    monkeypatch.setattr(fetching, "LOOKED_AT", octets)
    assert b"{10}\r\ninner text)" in await one(world, "BODY.PEEK[2.1]")
    assert in_loop == {octets > 0}


@pytest.mark.parametrize("item", ["BODYSTRUCTURE", "BODY", "ENVELOPE", "BODY.PEEK[HEADER]"])
async def test_wide_columns_are_read_a_few_messages_at_a_time(
    world: World, monkeypatch: pytest.MonkeyPatch, item: str
) -> None:
    pages: list[int] = []
    fitting = reading_many.fitting

    async def noted(*arguments: Any) -> Any:
        fit, read = await fitting(*arguments)
        assert len(read.rows) == fit
        pages.append(fit)
        return fit, read

    for _ in range(5):
        await world.put(MULTIPART)
    async with world.user("INBOX") as client, world.user("INBOX") as other:
        whole = (await client.ok(f"FETCH 1:* (UID {item})")).lines
        monkeypatch.setattr(reading_many, "OCTETS", 20)
        monkeypatch.setattr(reading_many, "HEADERS", 1)
        monkeypatch.setattr(reading_many, "fitting", noted)
        assert (await client.ok(f"FETCH 1:* (UID {item})")).lines == whole
        assert pages == [1] * 5
        await other.ok("UID STORE 2:3 +FLAGS.SILENT (\\Deleted)")
        await other.ok("EXPUNGE")
        assert [
            line for line in (await client.ok(f"FETCH 1:* (UID {item})")).lines if item[:4] in line.decode()
        ] == whole


async def test_messages_of_all_kinds_are_said_in_their_order(world: World) -> None:
    long = b"Subject: long\r\n" + b"".join([b"X-%d: %b\r\n" % (number, b"y" * 900) for number in range(50)])
    headers = [
        b"Subject: one\r\nTo: a@example.org,\r\n b@example.org\r\nX: y\r\nsubject : two\r\n\r\n",
        long + b"To: behind@example.org\r\n\r\n",
        b"Subject: no\0thing\r\nX: y\r\n\r\n",
        b"X-Nothing: wanted\n\n",
        b"Subject: no end of the line",
        b"\r\n",
        long + b"\r\n",
        b"Subject: last\r\n\r\n",
    ]
    fields = [
        b"Subject: one\r\nTo: a@example.org,\r\n b@example.org\r\nsubject : two\r\n\r\n",
        b"Subject: long\r\nTo: behind@example.org\r\n\r\n",
        b"Subject: no\x80thing\r\n\r\n",
        b"\r\n",
        b"Subject: no end of the line\r\n\r\n",
        b"\r\n",
        b"Subject: long\r\n\r\n",
        b"Subject: last\r\n\r\n",
    ]
    texts = [b"text" if number % 3 else b"z\0" * 100_000 for number in range(len(headers))]
    texts[4] = b""
    for header, text in zip(headers, texts, strict=True):
        await world.put(header + text)
    said = [
        (header.replace(b"\0", b"\x80"), text.replace(b"\0", b"\x80"))
        for header, text in zip(headers, texts, strict=True)
    ]
    expected = {
        "HEADER.FIELDS (SUBJECT TO)": fields,
        "HEADER": [header for header, _ in said],
        "": [header + text for header, text in said],
        "TEXT": [text for _, text in said],
    }
    async with world.user("INBOX") as client:
        for section, values in expected.items():
            answer = await client.ok(f"FETCH 1:* (FLAGS BODY.PEEK[{section}])")
            label = section.encode()
            assert answer.lines == [
                b"* %d FETCH (FLAGS () BODY[%b] {%d}\r\n%b)" % (number, label, len(value), value)
                for number, value in enumerate(values, 1)
            ]
        answer = await client.ok("FETCH 1:* (BODY.PEEK[]<1.5> BODY.PEEK[TEXT]<2.9>)")
        assert answer.lines == [
            b"* %d FETCH (BODY[]<1> {%d}\r\n%b BODY[TEXT]<2> {%d}\r\n%b)" % (number, len(start), start, len(some), some)
            for number, (header, text) in enumerate(said, 1)
            for start, some in [((header + text)[1:6], text[2:11])]
        ]
