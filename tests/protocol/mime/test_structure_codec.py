"""Part trees as bytes and back."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.protocol.mime import parser, structure_codec
from mox_trio.protocol.mime.part import Part, walk
from tests.kit import mails
from tests.protocol.mime.odd_mails import ODD_MAILS

SMALL = structure_codec.dump(parser.parse(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--"))


@pytest.mark.parametrize("name", ODD_MAILS)
def test_an_odd_mail_reads_as_it_was_written(name: str) -> None:
    root = parser.parse(ODD_MAILS[name])
    assert structure_codec.load(structure_codec.dump(root), root.header) == root


@given(mails.BROKEN | mails.SHAPES.map(lambda shape: shape.mail))
def test_any_tree_reads_as_it_was_written(mail: bytes) -> None:
    root = parser.parse(mail)
    assert structure_codec.load(structure_codec.dump(root), root.header) == root


def test_every_field_of_a_part_is_written() -> None:
    part = Part(
        *(1, 2, 3, 4, 5),
        type="message",
        subtype="rfc822",
        parameters=(("name", "ä"),),
        encoding="8bit",
        disposition="inline",
        disposition_parameters=(("filename", "ö"),),
        content_id="<a@b>",
        description="d",
        language=("en", "de"),
        location="l",
        md5="m",
        children=[Part(header=b"\xff\0")],
    )
    part.header = b"A: b"
    unset = Part()
    assert all(getattr(part, field.name) != getattr(unset, field.name) for field in dataclasses.fields(Part))
    root = Part(children=[part])
    assert structure_codec.load(structure_codec.dump(root)) == root


def test_the_header_of_the_root_is_kept_elsewhere() -> None:
    root = parser.parse(b"Subject: canary\r\n\r\n")
    assert b"canary" not in structure_codec.dump(root)
    assert structure_codec.load(structure_codec.dump(root)).header == b""


def test_a_deep_tree_is_written_and_read() -> None:
    structure = parser.Parser(depth=20_000, parts=20_000)
    structure.feed(b"Content-Type: message/rfc822\r\n\r\n" * 15_000)
    loaded = structure_codec.load(structure_codec.dump(structure.close()))
    assert sum(1 for _ in walk(loaded)) == 15_001


def test_another_version_is_refused() -> None:
    rows = json.loads(SMALL)
    rows[0] += 1
    with pytest.raises(ValueError, match="part tree is of version"):
        structure_codec.load(json.dumps(rows).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"1",
        b"[1]",
        b"[1,2]",
        b"[1,[]]",
        b"[1,[1,0,0,0,0,0]]",
        b'[1,["0",0,0,0,0,0]]',
        b"\xff",
        b"[" * 9999,
    ],
)
def test_what_is_no_tree_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="part tree is damaged"):
        structure_codec.load(data)


@given(st.integers(0, len(SMALL) - 1))
def test_a_tree_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="part tree is damaged"):
        structure_codec.load(SMALL[:length])
