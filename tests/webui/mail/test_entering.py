"""Logging in, sessions, and who may talk to the webmail."""

import html
import json
import re
from collections.abc import AsyncIterator

import trio

from tests.kit.localserve import LocalServer
from tests.webui.mail import talking


async def test_a_right_password_makes_a_session_and_logging_out_ends_it(server: LocalServer) -> None:
    async with talking.browser(server) as browser:
        assert (await browser.http.get("session")).json() == {"login": None}
        answer = await browser.log_in()
        cookies = answer.headers.get_list("set-cookie")
        session = next(each for each in cookies if each.startswith("webmailsession="))
        assert {"HttpOnly", "SameSite=Strict", "Path=/webmail/"} <= {part.strip() for part in session.split(";")}
        assert (await browser.http.get("session")).json()["login"] == "mox@localhost"
        assert (await browser.http.post("logout", json={})).status_code == 403
        assert (await browser.http.post("logout", headers={"x-mox-csrf": browser.csrf})).status_code == 200
        assert (await browser.http.get("session")).json() == {"login": None}
        assert (await browser.http.get("export?mailbox=1&uids=1")).status_code == 401


async def test_the_page_itself_says_who_is_logged_in(server: LocalServer) -> None:
    async with talking.browser(server) as browser:
        said = re.compile(r'<meta name="mox-session" content="([^"]*)" />')

        async def told() -> dict[str, str | None]:
            page = await browser.http.get("")
            assert page.headers["cache-control"] == "no-store"
            found = said.search(page.text)
            assert found is not None
            return dict(json.loads(html.unescape(found[1])))

        assert await told() == {"login": None}
        await browser.log_in()
        assert await told() == {"login": "mox@localhost", "csrf": browser.csrf}


async def test_what_is_not_there_is_said_as_text_to_who_looks_at_it_and_as_json_to_programs(
    server: LocalServer,
) -> None:
    async with talking.browser(server) as browser:
        looked = await browser.http.get("nothing-here", headers={"accept": "text/html,*/*"})
        assert (looked.status_code, looked.text) == (404, "there is nothing at this address\n")
        assert looked.headers["content-type"] == "text/plain; charset=utf-8"
        left = await browser.http.get("msg/1/1/raw", headers={"accept": "text/html,*/*"})
        assert left.status_code == 401
        assert left.text.count("\n") == 1
        asked = await browser.http.get("nothing-here")
        assert asked.json()["error"] == {"code": "http", "message": "there is nothing at this address"}


async def test_wrong_names_and_passwords_get_one_answer(server: LocalServer) -> None:
    async with talking.browser(server) as browser:
        wrong = await browser.log_in("nonsense nonsense")
        nobody = await browser.log_in(address="nobody@elsewhere.example")
        assert (wrong.status_code, wrong.json()) == (nobody.status_code, nobody.json())
        assert wrong.status_code == 401


async def test_half_a_character_is_no_text(server: LocalServer) -> None:
    async with talking.browser(server) as browser:
        body = b'{"token": "\\ud800", "address": "mox@localhost", "password": "\\ud800"}'
        answer = await browser.http.post("login", content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
        whole = body.replace(b"\\ud800", b"\\ud83d\\ude00")
        answer = await browser.http.post("login", content=whole, headers={"content-type": "application/json"})
        assert answer.status_code == 403


async def test_a_form_of_another_site_has_no_login_token(server: LocalServer) -> None:
    async with talking.browser(server) as browser:
        given = {"token": "guessed", "address": "mox@localhost", "password": "moxmoxmox"}
        assert (await browser.http.post("login", json=given)).status_code == 403
        assert (await browser.http.post("login", data=given)).status_code == 400


async def test_attempts_are_recorded_beside_those_of_other_protocols(server: LocalServer) -> None:
    async with talking.browser(server) as browser:
        await browser.log_in("wrong wrong wrong")
    assert "service=webmail" in server.wait_for_line('message="login failed"')


async def test_a_websocket_of_another_origin_is_refused(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.websocket("http://evil.example") as wire:
        assert await talking.Page(wire).closed() == 1008


async def test_a_page_without_the_csrf_token_is_sent_away(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.websocket() as wire:
        page = talking.Page(wire)
        await page.say(t="hello", csrf="guessed")
        assert (await page.next())["t"] == "bye"
        assert await page.closed() == 4401


async def test_a_page_without_a_session_is_sent_away(server: LocalServer) -> None:
    async with talking.browser(server) as browser, browser.websocket() as wire:
        page = talking.Page(wire)
        await page.say(t="hello", csrf="")
        assert await page.closed() == 4401


async def test_what_is_no_message_of_the_protocol_ends_the_connection(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        await page.wire.send_message('{"t":"look","view":-1}')
        assert await page.closed() == 4400


async def test_pages_allow_no_inline_script_and_cannot_be_framed(server: LocalServer) -> None:
    async with talking.browser(server) as browser:
        answer = await browser.http.get("")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in policy
    if answer.status_code == 200:
        assert "require-trusted-types-for 'script'" in policy
        assert "<script>" not in answer.text
        assert "style=" not in answer.text


async def test_a_login_that_is_too_long_is_refused_however_it_is_sent(server: LocalServer) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 16_384

    async with talking.browser(server) as browser:
        headers = {"content-type": "application/json"}
        with trio.fail_after(20):
            answer = await browser.http.post("login", content=blocks(), headers=headers)
        assert answer.status_code == 413
        assert (await browser.http.post("login", content=b"[" * 60_000, headers=headers)).status_code == 400


async def test_numbers_that_are_none_are_the_fault_of_who_asks(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser:
        for path in ("msg/99999999999999999999/1/html", "msg/1/99999999999/raw"):
            assert (await browser.http.get(path)).status_code == 404
        for query in ("mailbox=x&uids=1", "mailbox=1&uids=²", "mailbox=1&uids=-1", f"mailbox={'9' * 5000}"):
            assert (await browser.http.get(f"export?{query}")).status_code == 400
