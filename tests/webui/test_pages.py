"""Pages about methods, and the OpenAPI document."""

import gzip
import html.parser
from pathlib import Path

import pytest
from trio.testing import MockClock

from tests.webui import calling
from webui.webapi import pages
from webui.webapi.table import METHODS


class Seen(html.parser.HTMLParser):
    """What a page has."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


async def test_every_method_has_a_page_without_anything_inline(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        listed = await api.get("v0/")
        assert (listed.status, listed.headers["content-security-policy"]) == (200, pages.CSP)
        seen = Seen()
        seen.feed(listed.body.decode())
        links = [attrs["href"] for tag, attrs in seen.tags if tag == "a"]
        for name in METHODS:
            assert name in links
            page = await api.get(f"v0/{name}")
            assert page.status == 200
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            each = Seen()
            each.feed(page.body.decode())
            assert not [tag for tag, _ in each.tags if tag in ("script", "style")]
            assert not [
                attrs for _, attrs in each.tags if "style" in attrs or any(key.startswith("on") for key in attrs)
            ]
            forms = [attrs for tag, attrs in each.tags if tag == "form"]
            assert [(form["action"], form["method"]) for form in forms] == [(f"{name}?page", "post")]
        css = await api.get("static/webapi.css")
        assert (css.status, css.headers["content-type"]) == (200, "text/css; charset=utf-8")


@pytest.mark.parametrize(("path", "status"), [("", 303), ("v0", 308), ("v0/Nothing", 404), ("static/../x", 404)])
async def test_other_places_lead_on_or_nowhere(
    tmp_path: Path, autojump_clock: MockClock, path: str, status: int
) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        assert (await api.get(path)).status == status


async def test_the_document_is_for_everybody(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        api.authorization = ""
        document = (await api.get("v0/openapi.json")).facts
        assert document["openapi"] == "3.1.0"
        assert {path.removeprefix("/") for path in document["paths"]} == set(METHODS)


async def test_every_example_is_a_request_of_its_method() -> None:
    for method in METHODS.values():
        method.request.model_validate_json(method.example)


async def test_a_call_that_is_tried_is_answered_with_a_page(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        asked = {"request": '{"EmailAddress": "<i>o\'x@x.example"}'}
        answer = await api.post("SuppressionAdd?page", data=asked)
        assert (answer.status, answer.headers["content-security-policy"]) == (400, pages.CSP)
        page = answer.body.decode()
        assert "400 Bad Request" in page
        assert "&#34;Code&#34;: &#34;badAddress&#34;" in page
        assert "curl --user ADDRESS http://localhost/webapi/v0/SuppressionAdd" in page
        assert "<i>" not in page
        assert "content-encoding" not in answer.headers
        assert (await api.post("SuppressionList?page", data={"request": "{}"})).body.startswith(b"<!doctype html>")
        assert (await api.call("SuppressionList")).body.startswith(b"{")
        api.authorization = "Basic x"
        assert (await api.post("SuppressionList?page", data={"request": "{}"})).status == 401


async def test_what_is_the_same_for_everybody_is_compressed_and_nothing_else(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        for path in ("v0/", "v0/openapi.json"):
            plain, packed = await api.get(path), await api.get(path, accept_encoding="br, gzip")
            assert packed.headers["content-encoding"] == "gzip"
            assert gzip.decompress(packed.body) == plain.body
            assert "content-encoding" not in (await api.get(path, accept_encoding="gzip;q=0")).headers
        answer = await api.call("SuppressionList", accept_encoding="gzip")
        assert "content-encoding" not in answer.headers
