"""What threads are made of: the fields that say it, cut out of a header as a parser would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.mailstore.search import facets
from mox_trio.protocol.mime import header

pieces = st.sampled_from(
    [
        b"References:",
        b"references :",
        b"References-To: x",
        b"X-References: y",
        b" <a@b>",
        b"<c@d>",
        b"\r\n",
        b"\n",
        b"\r\n ",
        b"\n\t",
    ]
)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"References: <a@b>\r\n",
        b"Subject: x\r\nReferences: <a@b>\r\n <c@d>\r\n\t<e@f>\r\nTo: y\r\n\r\n",
        b"Subject: x\nREFERENCES:\n <a@b>\nreferences: <c@d>\n",
        b"Subject: references: <a@b>\r\n",
        b"X: y\r\nReferences-Of: <a@b>\r\nReferences: <c@d>\r\n",
        b"X: y\r\nReferences : <c@d>",
    ],
)
def test_a_field_is_what_a_parser_finds(block: bytes) -> None:
    assert facets.field(block, block.lower(), b"references") == header.parse(block).get(b"references")


def is_header(block: bytes) -> bool:
    """Without a blank line: nothing follows a header in its column."""
    return b"\n\n" not in block and b"\n\r\n" not in block and not block.startswith((b"\n", b"\r\n"))


@given(st.lists(pieces, max_size=12).map(b"".join).filter(is_header))
def test_any_header_gives_what_a_parser_finds(block: bytes) -> None:
    assert facets.field(block, block.lower(), b"references") == header.parse(block).get(b"references")
