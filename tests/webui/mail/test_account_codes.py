"""One-time codes as pages, programs and administrators meet them."""

import base64
import imaplib
import smtplib
import time

import httpx
import pytest

from mox_trio.app.localserve_files import ADDRESS, PASSWORD
from mox_trio.protocol import one_time
from tests.kit.localserve import LocalServer
from tests.webui.mail import talking


def code(secret: str, ahead: int = 0) -> str:
    """Of an authenticator."""
    octets = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return one_time.code(octets, int(time.time()) // one_time.STEP + ahead)


async def enter(browser: talking.Browser, given: str = "", password: str = PASSWORD) -> httpx.Response:
    """Log in with a code."""
    token = (await browser.http.post("login/prepare", json={})).json()["token"]
    form = {"token": token, "address": ADDRESS, "password": password, "code": given}
    return await browser.http.post("login", json=form)


async def test_with_codes_on_the_password_opens_pages_with_a_code_and_programs_not_at_all(server: LocalServer) -> None:
    async with talking.logged_in(server) as other, talking.logged_in(server) as browser, browser.page() as page:
        with pytest.raises(talking.Refused, match="credentials"):
            await page.call("codesBegin", password="wrong wrong")
        begun = await page.call("codesBegin", password=PASSWORD)
        assert begun["uri"].startswith("otpauth://totp/")
        assert begun["secret"] in begun["uri"]
        assert begun["path"].startswith("M")
        with pytest.raises(talking.Refused, match="credentials"):
            await page.call("codesConfirm", code="no code")
        codes = (await page.call("codesConfirm", code=code(begun["secret"], -1)))["codes"]
        assert (await page.call("codes"))["left"] == len(codes) == 10
        assert (await other.http.get("session")).json() == {"login": None}

        assert (await enter(other)).json() == {"code": "wanted"}
        assert (await other.http.get("session")).json() == {"login": None}
        assert (await enter(other, "000")).status_code == 401
        assert (await enter(other, code(begun["secret"]), "wrong wrong")).status_code == 401
        given = code(begun["secret"])
        assert (await enter(other, given)).status_code == 200
        assert (await enter(other, given)).status_code == 401
        assert (await enter(other, codes[0])).status_code == 200

        with server.submission() as smtp, pytest.raises(smtplib.SMTPAuthenticationError) as raised:
            smtp.login(ADDRESS, PASSWORD)
        assert raised.value.smtp_code == 534
        assert b"app password" in raised.value.smtp_error
        with imaplib.IMAP4("127.0.0.1", server.base + 143) as imap, pytest.raises(imaplib.IMAP4.error, match="ALERT"):
            imap.login(ADDRESS, PASSWORD)
        async with httpx.AsyncClient(auth=(ADDRESS, PASSWORD)) as program:
            basic = await program.post(f"{talking.origin(server)}/webapi/v0/KeyList", json={})
        assert (basic.status_code, "app password" in basic.text) == (401, True)
        assert "needs-app-password" in server.wait_for_line("needs-app-password")
        made = await page.call("appPasswordAdd", password=PASSWORD, name="Phone", opens=["imap", "webapi"])
        with imaplib.IMAP4("127.0.0.1", server.base + 143) as imap:
            imap.login(ADDRESS, made["secret"])

        fresh = (await page.call("codesNew", code=codes[1]))["codes"]
        assert not set(fresh) & set(codes)
        with pytest.raises(talking.Refused, match="credentials"):
            await page.call("codesOff", code=codes[2])
        await page.call("codesOff", code=fresh[0])
        assert (await page.call("codes")) == {"since": 0, "left": 0}
    with server.submission() as smtp:
        smtp.login(ADDRESS, PASSWORD)


async def test_who_lost_what_makes_codes_asks_the_administrator(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        begun = await page.call("codesBegin", password=PASSWORD)
        await page.call("codesConfirm", code=code(begun["secret"], -1))
        assert "are off" in server.run("account", "totp-off", "mox")
        server.run("account", "totp-off", "mox", code=1)
    async with talking.logged_in(server):
        pass
