"""The structure of real and of odd mails, as Dovecot sees it: `differences` says where we differ, and why."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mox_trio.protocol.mime import bodystructure, envelope, parser
from tests.kit import ruby_mail
from tests.protocol.mime import differences, structure_form
from tests.protocol.mime.odd_mails import ODD_MAILS

RECORD: dict[str, Any] = json.loads((Path(__file__).parent / "dovecot.json").read_bytes())
MAILS = {"odd": ODD_MAILS, "ruby-mail": ruby_mail.mails()}
CASES = [(group, name) for group, mails in MAILS.items() for name in mails or [ruby_mail.ABSENT]]


def _bodystructure(mail: bytes) -> bytes:
    return bodystructure.render(parser.parse(mail), extended=True, envelope=envelope.render)


def _envelope(mail: bytes) -> bytes:
    return envelope.render(parser.parse(mail).header)


@pytest.mark.parametrize(("group", "name"), CASES)
def test_bodystructure_agrees_with_dovecot_or_the_difference_is_explained(group: str, name: str) -> None:
    _compare(group, name, "bodystructure", _bodystructure, structure_form.bodystructure)


@pytest.mark.parametrize(("group", "name"), CASES)
def test_envelope_agrees_with_dovecot_or_the_difference_is_explained(group: str, name: str) -> None:
    _compare(group, name, "envelope", _envelope, structure_form.envelope)


def test_every_mail_of_the_collection_was_recorded() -> None:
    ruby_mail.needed()
    assert set(RECORD["ruby-mail"]) == set(MAILS["ruby-mail"])
    assert len(MAILS["ruby-mail"]) == 105


def test_every_odd_mail_was_recorded() -> None:
    assert set(RECORD["odd"]) == set(ODD_MAILS)


def test_every_explanation_is_of_a_mail_that_was_recorded() -> None:
    for table in differences.EXPLAINED.values():
        assert {name for group, name in table} <= set(RECORD["odd"]) | set(RECORD["ruby-mail"])
        assert all(reason.endswith(".") for reason in table.values())


def _compare(group: str, name: str, item: str, render: Callable[[bytes], bytes], form: Callable[[bytes], Any]) -> None:
    if name == ruby_mail.ABSENT:
        ruby_mail.needed()
    ours = form(render(MAILS[group][name]))
    theirs = form(RECORD[group][name][item].encode("latin-1"))
    reason = differences.EXPLAINED[item].get((group, name))
    if reason is None:
        assert ours == theirs
    else:
        assert ours != theirs, f"this is no longer so: {reason}"
