"""Failures, text and identifiers."""

import copy
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mox_trio.base import ids, text
from mox_trio.base.failure import Failure, Kind


def test_the_private_detail_of_a_failure_is_never_shown() -> None:
    failure = Failure(Kind.UNAVAILABLE, "try again later", "password=hunter2 at /var/lib")
    shown = f"{failure} {failure!r} {failure.args!r} {''.join(traceback.format_exception(failure))}"
    assert "hunter2" not in shown
    assert "try again later" in shown
    assert failure.private == "password=hunter2 at /var/lib"


def test_a_copied_failure_keeps_its_parts() -> None:
    failure = copy.copy(Failure(Kind.QUOTA, "full", "detail"))
    assert (failure.kind, failure.public, failure.private) == (Kind.QUOTA, "full", "detail")


@pytest.mark.parametrize(("kind", "temporary"), [(Kind.TRY_LATER, True), (Kind.QUOTA, True), (Kind.INVALID, False)])
def test_kinds_know_whether_waiting_helps(kind: Kind, temporary: bool) -> None:
    assert kind.is_temporary is temporary


@given(st.text())
def test_nfc_is_idempotent(value: str) -> None:
    assert text.nfc(text.nfc(value)) == text.nfc(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [("plain é", None), ("a\x07b", "U+0007"), ("\x7f", "U+007F"), ("\x85", "U+0085"), ("\u2029", "U+2029")],
)
def test_control_characters_are_named(value: str, found: str | None) -> None:
    assert text.maybe_control(value) == found
    assert text.maybe_control(text.without_controls(value)) is None


def test_passwords_are_compared_in_one_form() -> None:
    assert text.opaque_string("pass\u00a0word e\u0301") == "pass word é"
    assert text.opaque_string("Pass Word") == "Pass Word"


@pytest.mark.parametrize("bad", ["", "a\x00b", "a\nb"])
def test_passwords_with_control_characters_are_refused_without_quoting_them(bad: str) -> None:
    with pytest.raises(ValueError, match=r"is empty|holds the character") as refusal:
        text.opaque_string(bad)
    assert bad == "" or bad not in str(refusal.value)


@given(st.binary(min_size=10, max_size=64))
def test_identifiers_are_url_safe_and_distinct(entropy: bytes) -> None:
    assert set(ids.url_safe(entropy)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert ids.url_safe(entropy) != ids.url_safe(entropy[:-1] + bytes([entropy[-1] ^ 1]))
    assert 0 < ids.row_number(entropy) < 2**63


def test_too_little_entropy_is_refused() -> None:
    with pytest.raises(ValueError, match="entropy"):
        ids.url_safe(b"short")
    with pytest.raises(ValueError, match="entropy"):
        ids.row_number(b"short")
