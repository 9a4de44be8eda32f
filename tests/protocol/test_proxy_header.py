"""PROXY headers of both versions: whole, in pieces, with the client's bytes behind them, and what is none."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mox_trio.protocol.proxy_header import LONGEST, SIGNATURE, Header, NotProxied, Reader


def both(source: str, destination: str, ports: tuple[int, int] = (56324, 25)) -> Header:
    return Header((ip_address(source), ports[0]), (ip_address(destination), ports[1]))


def second(command: int, family: int, content: bytes) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(content).to_bytes(2) + content


V4 = ip_address("192.0.2.1").packed + ip_address("192.0.2.25").packed + (56324).to_bytes(2) + (25).to_bytes(2)
V6 = ip_address("2001:db8::1").packed + ip_address("2001:db8::25").packed + (56324).to_bytes(2) + (25).to_bytes(2)

HEADERS = [
    (b"PROXY TCP4 192.0.2.1 192.0.2.25 56324 25\r\n", both("192.0.2.1", "192.0.2.25")),
    (b"PROXY TCP6 2001:db8::1 2001:db8::25 56324 25\r\n", both("2001:db8::1", "2001:db8::25")),
    (b"PROXY UNKNOWN\r\n", Header()),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", Header()),
    (second(0x21, 0x11, V4), both("192.0.2.1", "192.0.2.25")),
    (second(0x21, 0x11, V4 + b"\x04\x00\x01x"), both("192.0.2.1", "192.0.2.25")),
    (second(0x21, 0x21, V6), both("2001:db8::1", "2001:db8::25")),
    (second(0x20, 0x00, b""), Header()),
    (second(0x20, 0x11, V4), Header()),
    (second(0x21, 0x00, b"anything"), Header()),
]


@pytest.mark.parametrize(("data", "header"), HEADERS)
def test_a_header_is_read_whole(data: bytes, header: Header) -> None:
    reader = Reader()
    assert reader.feed(data) == header
    assert reader.rest == b""


@pytest.mark.parametrize(("data", "header"), HEADERS)
def test_a_header_may_come_one_byte_at_a_time(data: bytes, header: Header) -> None:
    reader = Reader()
    for each in data[:-1]:
        assert reader.feed(bytes([each])) is None
    assert reader.feed(data[-1:]) == header


@pytest.mark.parametrize(("data", "header"), HEADERS)
def test_what_is_behind_a_header_is_the_clients(data: bytes, header: Header) -> None:
    reader = Reader()
    assert reader.feed(data + b"EHLO example.org\r\n") == header
    assert reader.rest == b"EHLO example.org\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"EHLO example.org\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"PROXY TCP4 192.0.2.1 192.0.2.25 56324\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.25 56324 25 26\r\n",
        b"PROXY TCP4 2001:db8::1 192.0.2.25 56324 25\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.25 65536 25\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.25 -1 25\r\n",
        b"PROXY UDP4 192.0.2.1 192.0.2.25 56324 25\r\n",
        b"PROXY " + b"x" * 101,
        b"\r\n\r\n\x00\r\nQUIX",
        second(0x11, 0x11, V4),
        second(0x22, 0x11, V4),
        second(0x21, 0x12, V4),
        second(0x21, 0x11, V4[:-1]),
        second(0x21, 0x31, b"x" * 216),
        SIGNATURE + b"\x21\x11" + LONGEST.to_bytes(2),
    ],
)
def test_everything_else_is_refused(data: bytes) -> None:
    with pytest.raises(NotProxied):
        Reader().feed(data)


@settings(max_examples=100)
@given(st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE]), st.binary(max_size=200))
def test_no_bytes_raise_anything_else(start: bytes, data: bytes) -> None:
    try:
        found = Reader().feed(start + data)
    except NotProxied:
        return
    assert found is None or isinstance(found, Header)
