"""Requests and results as JSON: as Go programs write and read them."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from mox_trio.base import limits
from mox_trio.policy import webhook_schedule
from mox_trio.protocol.webapi import hooks, shapes, templates
from mox_trio.protocol.webapi.messages import SendRequest, SendResult, Submission
from mox_trio.protocol.webapi.methods import MessagePartGetRequest, MessageRequest, QueueRequest, Template


@pytest.mark.parametrize(
    ("name", "json_name"),
    [
        *(("from_", "From"), ("cc", "CC"), ("html", "HTML"), ("message_id", "MessageID"), ("msgid", "MsgID")),
        *(
            ("queue_msgid", "QueueMsgID"),
            ("queue_msgids", "QueueMsgIDs"),
            ("dkim_verified_domains", "DKIMVerifiedDomains"),
        ),
        *(("remote_ip", "RemoteIP"), ("require_tls", "RequireTLS"), ("smtp_enhanced_code", "SMTPEnhancedCode")),
        *(("superseded_by_id", "SupersededByID"), ("content_type_params", "ContentTypeParams"), ("url", "URL")),
    ],
)
def test_names_are_written_as_mox_writes_them(name: str, json_name: str) -> None:
    assert shapes.json_name(name) == json_name


def test_null_is_absent_and_names_come_in_any_case() -> None:
    given = '{"to": [{"ADDRESS": "a@b.c", "Name": null}], "Cc": null, "text": "x", "Headers": null, "RequireTLS": null}'
    request = SendRequest.model_validate_json(given)
    assert [each.address for each in request.to] == ["a@b.c"]
    assert (request.cc, request.text, request.headers, request.require_tls) == ((), "x", (), None)


@pytest.mark.parametrize(
    ("shape", "given"),
    [
        (MessageRequest, '{"MsgID": "5"}'),
        (MessageRequest, '{"MsgID": 5.5}'),
        (MessageRequest, '{"MsgID": true}'),
        (MessageRequest, '{"MsgID": 9223372036854775808}'),
        (MessageRequest, '{"Other": 1}'),
        (MessageRequest, '{"MsgID": 5, "Other": null}'),
        (MessageRequest, "[]"),
        (MessagePartGetRequest, '{"PartPath": [-1]}'),
        (SendRequest, '{"SaveSent": 1}'),
        (SendRequest, '{"Subject": "a\\nb"}'),
        (SendRequest, '{"FutureRelease": "2026-01-01T00:00:00"}'),
        (QueueRequest, json.dumps({"QueueMsgIDs": list(range(limits.API_IDS + 1))})),
    ],
)
def test_what_is_not_of_the_type_is_refused(shape: type[shapes.Shape], given: str) -> None:
    with pytest.raises(ValidationError):
        shape.model_validate_json(given)


def test_a_result_goes_to_json_and_back() -> None:
    result = SendResult(message_id="<a@b>", submissions=(Submission(address="x@y", queue_msgid=7, from_id="f"),))
    assert SendResult.model_validate_json(result.to_json()) == result
    assert json.loads(SendResult(message_id="").to_json()) == {"MessageID": "", "Submissions": []}


def test_instants_are_rfc_3339_in_utc() -> None:
    at = datetime.fromisoformat("2026-01-02T03:04:05.678+02:00")
    assert shapes.rfc3339(at) == "2026-01-02T01:04:05.678Z"
    assert shapes.instant(1000) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_a_template_is_filled_once() -> None:
    template = Template(name="t", subject="{{a}}", text="{{ a }} {{b.c}} {a} {{}} {{ a}}", html="<b>{{a}}</b>")
    assert templates.names(template) == {"a", "b.c"}
    filled = templates.filled(template, {"a": "{{b.c}}<", "b.c": "2", "unused": "x"})
    assert filled == ("{{b.c}}<", "{{b.c}}< 2 {a} {{}} {{b.c}}<", "<b>{{b.c}}&lt;</b>")
    with pytest.raises(templates.Missing, match="values for b"):
        templates.filled(template, {"a": ""})


def test_a_template_does_not_grow_without_bound() -> None:
    template = Template(name="t", text="{{a}}" * 50_000)
    with pytest.raises(templates.Missing, match="longer"):
        templates.filled(template, {"a": "x" * 1000})


def test_a_signature_is_of_a_time_and_a_body() -> None:
    value = hooks.signature(b"key", 1_700_000_000, b"{}")
    assert value == "t=1700000000,v1=" + value.partition("v1=")[2]
    assert hooks.is_right(b"key", value, b"{}", 1_700_000_100)
    for secret, body, now in ((b"other", b"{}", 0), (b"key", b"{ }", 0), (b"key", b"{}", 301), (b"key", b"{}", -301)):
        assert not hooks.is_right(secret, value, body, 1_700_000_000 + now)
    for broken in ("", "t=,v1=", "v1=00", "t=1700000000", value + "0"):
        assert not hooks.is_right(b"key", broken, b"{}", 1_700_000_000)


def test_calls_are_made_again_for_32_hours() -> None:
    waits = [webhook_schedule.wait(attempts) for attempts in range(1, 13)]
    assert waits[-1] is None
    assert waits[:4] == [60, 120, 240, 450]
    assert sum(filter(None, waits)) == 115_170
    assert webhook_schedule.wait(1, 0.0) == pytest.approx(59.4)
    assert webhook_schedule.wait(1, 1.0) == pytest.approx(60.6)
