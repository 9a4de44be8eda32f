"""Hostile HTML and style sheets cost no more than their length: the patterns are searched with the interpreter's lock held."""

import time

import pytest

from webui.mail import sanitising, stylesheets

SECONDS = 3.0
"""What is linear takes a hundredth of this; what is not, minutes."""


@pytest.mark.parametrize("hostile", ["<style ", "<body ", "<style>", "<style></style", "<body><style><body "])
def test_elements_that_do_not_end_are_looked_for_once(hostile: str) -> None:
    began = time.perf_counter()
    shown = sanitising.show(hostile * 60_000, lambda _: None, with_remote=False)
    assert time.perf_counter() - began < SECONDS
    assert "<style>" in shown.document


@pytest.mark.parametrize("hostile", ["a" * 500_000, "a-" * 200_000, "(" * 500_000, "rgb" * 150_000 + "("])
def test_a_long_value_of_a_declaration_is_left_out(hostile: str) -> None:
    began = time.perf_counter()
    assert stylesheets.declarations(f"margin:0;color:{hostile}") == "margin:0"
    assert time.perf_counter() - began < SECONDS


def test_many_rules_without_a_semicolon_are_read_once() -> None:
    began = time.perf_counter()
    kept = stylesheets.sheet("a{color:red}" * 20_000)
    assert time.perf_counter() - began < SECONDS
    assert kept.count("a{color:red}") == 20_000


def test_an_import_between_rules_is_left_out() -> None:
    assert stylesheets.sheet("a{margin:0}@import 'x';b{margin:1px;color:red};c{margin:2px}") == (
        "a{margin:0}\nb{margin:1px;color:red}\nc{margin:2px}"
    )


def test_functions_in_values_are_found_wherever_they_stand() -> None:
    assert stylesheets.declarations("width:calc(1px + min(2px,3px));color:xurl(a)") == "width:calc(1px + min(2px,3px))"
    assert stylesheets.declarations("margin:0 url(x)") == ""


def test_what_is_nested_without_end_is_shown_in_part() -> None:
    began = time.perf_counter()
    shown = sanitising.show("<p>seen</p>" + "<a><div>" * 200_000, lambda _: None, with_remote=False)
    assert time.perf_counter() - began < 20 * SECONDS
    assert "<p>seen</p>" in shown.document
    assert "seen" in sanitising.for_editing("<p>seen</p>" + "<a><div>" * 200_000)


def test_style_sheets_and_the_ground_of_the_body_are_found() -> None:
    document = "<STYLE type=a>p{color:red}</style><body style='margin:3px' bgcolor=#fff><style>b{margin:0}"
    shown = sanitising.show(document, lambda _: None, with_remote=False).document
    assert "p{color:red}" in shown
    assert "b{margin:0}" in shown
    assert 'style="margin:3px;background-color:#fff"' in shown
