"""One-time codes against the vectors of RFC 6238."""

import pytest

from mox_trio.protocol import one_time

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_the_vectors_of_rfc_6238_appendix_b(seconds: int, code: str) -> None:
    assert one_time.code(SECRET, seconds // one_time.STEP) == code
    assert one_time.maybe_step(SECRET, code, seconds) == seconds // one_time.STEP


def test_a_clock_may_be_a_step_off_and_no_more() -> None:
    code = one_time.code(SECRET, 100)
    good = [step for step in range(95, 106) if one_time.maybe_step(SECRET, code, step * 30 + 7) == 100]
    assert good == [99, 100, 101]
    assert one_time.maybe_step(SECRET, code, 3000, after=100) is None
    for wrong in ("", "12345", code + "0", "١٢٣٤٥٦"):
        assert one_time.maybe_step(SECRET, wrong, 3000) is None


def test_an_authenticator_reads_account_issuer_and_secret() -> None:
    assert one_time.uri(SECRET, "ann@example.org", "mail.example.org") == (
        "otpauth://totp/mail.example.org:ann@example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=mail.example.org"
    )
