"""Metrics: names and labels of the table only, and a bound on series."""

import pytest

from mox_trio.base import metrics
from mox_trio.base.metrics import Metrics


def test_what_is_counted_is_in_the_text_with_the_prefix() -> None:
    each = Metrics()
    each.count("smtpserver_connection_total", kind="smtp")
    each.count("smtpserver_connection_total", 2, kind="smtp")
    each.observe("spf_verify_duration_seconds", 0.02, status="pass")
    each.set("queue_hold", 4)
    text = each.text().decode()
    assert 'moxtrio_smtpserver_connection_total{kind="smtp"} 3.0' in text
    assert 'moxtrio_spf_verify_duration_seconds_bucket{le="0.05",status="pass"} 1.0' in text
    assert 'moxtrio_spf_verify_duration_seconds_bucket{le="0.01",status="pass"} 0.0' in text
    assert "moxtrio_queue_hold 4.0" in text
    assert "_created" not in text


def test_a_metric_without_labels_is_there_before_it_is_counted() -> None:
    assert "moxtrio_queue_plaintext_fallback_total 0.0" in Metrics().text().decode()


def test_two_servers_in_one_process_count_by_themselves() -> None:
    one, other = Metrics(), Metrics()
    one.count("logging_level_info_total")
    assert "moxtrio_logging_level_info_total 1.0" in one.text().decode()
    assert "moxtrio_logging_level_info_total 0.0" in other.text().decode()


def test_a_name_that_is_not_in_the_table_is_an_error() -> None:
    with pytest.raises(KeyError):
        Metrics().count("smtpserver_conection_total", kind="smtp")


def test_other_labels_than_those_of_the_table_are_an_error() -> None:
    with pytest.raises(ValueError, match="kind"):
        Metrics().count("smtpserver_connection_total", protocol="smtp")
    with pytest.raises(ValueError, match="kind"):
        Metrics().count("smtpserver_connection_total")


def test_the_order_of_labels_does_not_matter() -> None:
    each = Metrics()
    each.count("authentication_total", kind="smtp", variant="plain", result="ok")
    each.count("authentication_total", result="ok", kind="smtp", variant="plain")
    assert 'moxtrio_authentication_total{kind="smtp",result="ok",variant="plain"} 2.0' in each.text().decode()


def test_series_beyond_the_bound_are_counted_as_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST_SERIES", 3)
    each = Metrics()
    for number in range(10):
        each.count("dkim_sign_total", key=f"key{number}")
    text = each.text().decode()
    assert 'moxtrio_dkim_sign_total{key="other"} 7.0' in text
    assert 'key="key3"' not in text
