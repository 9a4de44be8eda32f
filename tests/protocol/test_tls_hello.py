"""ClientHello: what real clients send, in any pieces, and what is none."""

import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.protocol.tls_hello import Hello, NotTls, Reader, parse


def real(server_name: str | None = None, alpn: tuple[str, ...] = ()) -> bytes:
    """The first bytes that OpenSSL sends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if server_name is None:
        context.check_hostname = False
    if alpn:
        context.set_alpn_protocols(list(alpn))
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=server_name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def in_records(hello: bytes, size: int) -> bytes:
    """The same message in records of `size` bytes."""
    message = hello[5:]
    pieces = [message[start : start + size] for start in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2) + piece for piece in pieces)


EXPECTED = Hello("mail.example.org", ("imap", "http/1.1"))


@pytest.fixture(scope="module")
def hello() -> bytes:
    return real("mail.example.org", ("imap", "http/1.1"))


def test_a_hello_says_name_and_protocols(hello: bytes) -> None:
    assert Reader().feed(hello) == EXPECTED


def test_a_hello_may_come_one_byte_at_a_time(hello: bytes) -> None:
    reader = Reader()
    for each in hello[:-1]:
        assert reader.feed(bytes([each])) is None
    assert reader.feed(hello[-1:]) == EXPECTED
    assert reader.received == hello


def test_what_follows_a_hello_is_left_alone(hello: bytes) -> None:
    reader = Reader()
    assert reader.feed(hello + b"\x14\x03\x03\x00\x01\x01") == EXPECTED
    assert reader.received.startswith(hello)


@pytest.mark.parametrize("size", [10, 100])
def test_a_hello_may_span_records(hello: bytes, size: int) -> None:
    reader = Reader()
    records = in_records(hello, size)
    assert reader.feed(records[:-1]) is None
    assert reader.feed(records[-1:]) == EXPECTED


def test_a_hello_without_names_is_empty() -> None:
    assert Reader().feed(real()) == Hello()


def test_a_name_is_in_lower_case_without_its_last_dot() -> None:
    assert parse(body(server_name_extension(b"Mail.Example.ORG."))).server_name == "mail.example.org"


def test_a_name_that_is_no_host_name_is_none() -> None:
    assert parse(body(server_name_extension(b"a b"))).server_name == ""
    assert parse(body(server_name_extension(b"\xff"))).server_name == ""


def test_a_hello_of_old_clients_has_no_extensions() -> None:
    assert parse(b"\x03\x01" + bytes(32) + b"\x00" + b"\x00\x02\x00\x2f" + b"\x01\x00") == Hello()


def server_name_extension(name: bytes) -> bytes:
    entry = b"\x00" + len(name).to_bytes(2) + name
    content = len(entry).to_bytes(2) + entry
    return b"\x00\x00" + len(content).to_bytes(2) + content


def body(extensions: bytes) -> bytes:
    start = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
    return start + len(extensions).to_bytes(2) + extensions


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"EHLO example.org\r\n", "nottls"),
        (b"\x16\x01\x01\x00\x05hello", "nottls"),
        (b"\x80\x2e\x01\x00\x02", "sslv2"),
        (b"\x80\x2e\x09\x00\x02", "nottls"),
        (b"\x16\x03\x01\x00\x00", "malformed"),
        (b"\x16\x03\x01\x40\x01", "malformed"),
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", "malformed"),
        (b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", "toolarge"),
        (b"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03", "malformed"),
        (b"".join(b"\x16\x03\x01\x00\x01" + bytes([each]) for each in (1, 0, 16, *bytes(70))), "malformed"),
    ],
)
def test_what_is_no_hello_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(NotTls) as refused:
        Reader().feed(data)
    assert refused.value.reason == reason


def test_a_hello_that_never_ends_is_too_large() -> None:
    reader = Reader(most=1000)
    assert reader.feed(b"\x16\x03\x01\x03\xe4\x01\x00\x03\xe0" + bytes(900)) is None
    with pytest.raises(NotTls, match="toolarge"):
        reader.feed(bytes(91))


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    try:
        found = Reader().feed(data)
    except NotTls:
        return
    assert found is None or isinstance(found, Hello)


@settings(max_examples=100)
@given(st.data())
def test_a_damaged_hello_is_read_or_refused(data: st.DataObject) -> None:
    hello = bytearray(real("mail.example.org", ("smtp",)))
    at = data.draw(st.integers(0, len(hello) - 1))
    hello[at] = data.draw(st.integers(0, 255))
    try:
        found = Reader().feed(bytes(hello))
    except NotTls:
        return
    assert found is None or isinstance(found, Hello)
