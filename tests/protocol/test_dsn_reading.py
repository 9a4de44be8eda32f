"""What notices of other servers say, and what is none."""

import pytest

from mox_trio.protocol import dsn_reading
from mox_trio.protocol.dsn_reading import Told
from mox_trio.protocol.mime.parser import Parser


def read(data: bytes) -> Told | None:
    parser = Parser()
    parser.feed(data)
    return dsn_reading.told(parser.close(), lambda start, stop: data[start:stop])


def notice(group: str, kind: str = "delivery-status", more: str = "") -> bytes:
    return (
        f'Content-Type: multipart/report; report-type={kind}; boundary="b"\r\n\r\n--b\r\n\r\ntext\r\n'
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n{group}{more}--b--\r\n"
    ).encode()


GROUP = (
    "Final-Recipient: rfc822; a@b.c\r\nAction: FAILED\r\nStatus: 5.1.1 (bad)\r\nDiagnostic-Code: smtp; 550-5.1.1 no\r\n"
)


def test_a_notice_says_what_happened() -> None:
    assert read(notice(GROUP)) == Told("failed", "5.1.1", 550, "550-5.1.1 no")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("Action: delayed\r\n", Told("delayed", "", 0, "")),
        ("Action: delivered\r\nDiagnostic-Code: x-unix; 550 no\r\n", Told("delivered", "", 0, "550 no")),
        ("Action: failed\r\nStatus: nonsense\r\nDiagnostic-Code: smtp; 5500\r\n", Told("failed", "", 0, "5500")),
    ],
)
def test_what_is_missing_or_odd_is_left_out(change: str, told: Told) -> None:
    assert read(notice(change)) == told


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: x\r\n\r\ntext",
        notice(GROUP, kind="disposition-notification"),
        notice(GROUP, more="\r\n" + GROUP),
        notice("Action: vanished\r\n"),
        notice(""),
    ],
)
def test_anything_else_is_no_notice_about_one_recipient(data: bytes) -> None:
    assert read(data) is None
