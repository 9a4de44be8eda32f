"""Thread keys: base subjects (RFC 5256 2.1), Message-IDs and references."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.base import limits
from mox_trio.protocol.mime import threads


@pytest.mark.parametrize(
    ("subject", "base", "is_reply"),
    [
        ("Minutes", "minutes", False),
        ("Re: Minutes", "minutes", True),
        ("RE: re: Minutes", "minutes", True),
        ("Fwd: FW: Minutes", "minutes", True),
        ("Re : Minutes", "minutes", True),
        ("Re[2]: Minutes", "minutes", True),
        ("Re [list]: Minutes", "minutes", True),
        ("[list] Minutes", "minutes", False),
        ("[list] [other] Minutes", "minutes", False),
        ("[list] Re: [list] Minutes", "minutes", True),
        ("Re: [list] Re: Minutes", "minutes", True),
        ("Minutes (fwd)", "minutes", True),
        ("Minutes (FWD) (fwd)  ", "minutes", True),
        ("[Fwd: Minutes]", "minutes", True),
        ("[fwd: Re: [list] Minutes (fwd)]", "minutes", True),
        ("[fwd: [fwd: Minutes]]", "minutes", True),
        ("[Minutes]", "[minutes]", False),
        ("[list] [Minutes]", "[minutes]", False),
        ("Re: [Minutes]", "[minutes]", True),
        ("Re: [fwd: x] Minutes", "minutes", True),
        ("  Minutes \t of   May ", "minutes of may", False),
        ("Reply: Minutes", "reply: minutes", False),
        ("Regarding Minutes", "regarding minutes", False),
        ("AW: Minutes", "aw: minutes", False),
        ("Re", "re", False),
        ("Re:", "", True),
        ("(fwd)", "", True),
        ("[fwd:]", "", True),
        ("[fwd:", "[fwd:", False),
        ("", "", False),
        ("Minutes)", "minutes)", False),
        ("GRÜSSE", "grüsse", False),
    ],
)
def test_base_subjects(subject: str, base: str, is_reply: bool) -> None:
    assert threads.base_subject(subject) == (base, is_reply)


@given(
    st.text(max_size=30), st.lists(st.sampled_from(["Re: ", "fwd: ", "[tag] Re: ", "FW:  "]), min_size=1, max_size=4)
)
def test_answers_have_the_base_of_what_they_answer(subject: str, prefixes: list[str]) -> None:
    assert threads.base_subject("".join(prefixes) + "x" + subject) == (threads.base_subject("x" + subject)[0], True)


@given(st.text(max_size=60) | st.from_regex(r"((\[|\]|fwd:|re:|\(fwd\)| ){0,3}a?){0,8}"))
def test_any_text_has_a_base_subject(subject: str) -> None:
    base, _ = threads.base_subject(subject)
    assert base == base.strip(" ")
    assert len(base) <= limits.BASE_SUBJECT_CHARACTERS


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b"<AbC@X.Test>", "abc@x.test"),
        (b"  <abc@x.test>  (comment)", "abc@x.test"),
        (b"<abc @x.test>", "abc@x.test"),
        (b"abc@x.test", "abc@x.test"),
        (b"<abc@x.test", "abc@x.test"),
        (b"<no address>", "noaddress"),
        ("<é@x.test>".encode(), "é@x.test"),
        (b"<a\x00b@x.test>", "a\ufffdb@x.test"),
        (b"<>", ""),
        (b"", ""),
    ],
)
def test_message_ids_are_canonical(body: bytes, canonical: str) -> None:
    assert threads.message_id(body) == canonical
    assert threads.written_message_id(body).lower() == canonical


def test_a_message_id_is_told_to_others_as_it_was_written() -> None:
    assert threads.written_message_id(b" <AbC.1@Example.ORG> ") == "AbC.1@Example.ORG"


@pytest.mark.parametrize(
    ("references", "in_reply_to", "expected"),
    [
        (b"<1@x> <2@x> <3@x>", b"<4@x>", ("3@x", "2@x", "1@x")),
        (b"<1@x><2@x>,<3@X>", None, ("3@x", "2@x", "1@x")),
        (b"<1@x> <2\t@x>", None, ("2@x", "1@x")),
        (b"ut-off@x> <1@x> <2@x> <cut-o", None, ("2@x", "1@x")),
        (b"<cut <1@x>", None, ("1@x",)),
        (b"<1@x> <2@x> <1@x>", None, ("1@x", "2@x")),
        (b"1@x 2@x", None, ("2@x", "1@x")),
        (b"", b"<4@x>", ("4@x",)),
        (None, b'Your message of "Monday" <4@x>', ("4@x",)),
        (b"nothing here", b"nothing there", ()),
        (None, None, ()),
    ],
)
def test_references_come_nearest_first(
    references: bytes | None, in_reply_to: bytes | None, expected: tuple[str, ...]
) -> None:
    assert threads.references(references, in_reply_to) == expected


def test_only_the_nearest_references_are_kept() -> None:
    body = b" ".join([b"<%d@x>" % number for number in range(1000)])
    found = threads.references(body, None)
    assert found[0] == "999@x"
    assert len(found) == limits.THREAD_REFERENCES


@given(st.binary(max_size=80))
def test_any_octets_have_keys(body: bytes) -> None:
    for key in (threads.message_id(body), *threads.references(body, body)):
        key.encode()
        assert not set(key) & set("\x00\r\n\t")


@pytest.mark.parametrize(
    "unit", ["re:", "[", "]", "[a]", "[a] ", "[fwd:", "(fwd)", " ", "re ", "re[", "re[a]", "fwd [a]:", "(", ")", "]["]
)
def test_hostile_subjects_take_linear_time(unit: str) -> None:
    before = time.process_time()
    for subject in (
        unit * (400_000 // len(unit)),
        "x" + unit * (400_000 // len(unit)),
        "[fwd:" * 60_000 + unit + "]" * 60_000,
    ):
        threads.base_subject(subject)
    assert time.process_time() - before < 3


@pytest.mark.parametrize("unit", [b"<", b">", b"<a@b>", b"<a", b" ", b"a@b ", b"<>"])
def test_hostile_references_take_linear_time(unit: bytes) -> None:
    before = time.process_time()
    threads.references(unit * (1_000_000 // len(unit)), None)
    threads.message_id(unit * (1_000_000 // len(unit)))
    assert time.process_time() - before < 3
