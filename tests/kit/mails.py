"""Mails for Hypothesis: well-formed ones together with what their structure is, and broken ones."""

from dataclasses import dataclass, field

from hypothesis import strategies as st

CRLF = b"\r\n"
LINES = st.lists(
    st.sampled_from([b"", b"hello", b"- a", b"-- ", b"a: b", b"aGVsbG8=", b"=C3=A4", b"\xe4 ", b"x" * 90]), max_size=4
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a part is to be: its type, its body, the parts in it; `mail` is all of it."""

    mail: bytes
    kind: str
    body: bytes
    inside: list["Shape"] = field(default_factory=list)


@st.composite
def _leaf(draw: st.DrawFn) -> Shape:
    kind = draw(st.sampled_from(["text/plain", "text/html", "image/png", "application/octet-stream"]))
    encoding = draw(st.sampled_from([b"7bit", b"base64", b"quoted-printable"]))
    body = CRLF.join(draw(LINES))
    head = b"Content-Type: " + kind.encode() + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n"
    if kind == "text/plain" and draw(st.booleans()):
        head = draw(st.sampled_from([b"\r\n", b"Subject: x\r\n\r\n", b"Content-ID: <a@b>\r\n\r\n"]))
    return Shape(head + body, kind, body)


def _multipart(inside: list[Shape], subtype: str, preamble: list[bytes], epilogue: list[bytes]) -> Shape:
    # A boundary that is longer than any within it is neither one of them nor the beginning of one.
    boundary = b"b" * (1 + _height(inside))
    body = b"".join(line + CRLF for line in preamble)
    body += b"".join(b"--" + boundary + CRLF + part.mail + CRLF for part in inside)
    body += b"--" + boundary + b"--" + b"".join(CRLF + line for line in epilogue)
    head = b"Content-Type: multipart/" + subtype.encode() + b'; boundary="' + boundary + b'"\r\n\r\n'
    return Shape(head + body, "multipart/" + subtype, body, inside)


def _height(shapes: list[Shape]) -> int:
    return 1 + max((_height(shape.inside) for shape in shapes), default=0)


def _message(inside: Shape) -> Shape:
    return Shape(b"Content-Type: message/rfc822\r\n\r\n" + inside.mail, "message/rfc822", inside.mail, [inside])


def _around(shapes: st.SearchStrategy[Shape]) -> st.SearchStrategy[Shape]:
    subtypes = st.sampled_from(["mixed", "alternative", "related"])
    multiparts = st.builds(_multipart, st.lists(shapes, min_size=1, max_size=3), subtypes, LINES, LINES)
    return multiparts | st.builds(_message, shapes)


SHAPES: st.SearchStrategy[Shape] = st.recursive(_leaf(), _around, max_leaves=6)

_PIECES = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b"--",
        b"--b",
        b"--bb",
        b"--b--",
        b"\r\n--b\r\n",
        b"\n--bb--\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: multipart/digest; boundary=bb\n",
        b"Content-Type: message/rfc822\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n",
        b" ",
        b"a",
        b"=",
        b"\xe4",
        b"x" * 250,
    ]
)


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    mail = draw(SHAPES).mail
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(mail)))
        stop = draw(st.integers(start, min(len(mail), start + 12)))
        mail = mail[:start] + draw(_PIECES | st.just(b"")) + mail[stop:]
    return mail


BROKEN: st.SearchStrategy[bytes] = st.lists(_PIECES, max_size=25).map(b"".join) | _mutated() | st.binary(max_size=60)
