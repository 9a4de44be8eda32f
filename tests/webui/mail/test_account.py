"""Passwords, sessions and attempts, as the settings show them."""

import smtplib

import pytest

from mox_trio.app.localserve_files import ADDRESS, PASSWORD
from tests.kit.localserve import LocalServer
from tests.webui.mail import talking


async def test_a_new_password_needs_the_old_one_and_ends_other_sessions(server: LocalServer) -> None:
    async with talking.logged_in(server) as other, talking.logged_in(server) as browser, browser.page() as page:
        with pytest.raises(talking.Refused, match="credentials"):
            await page.call("passwordSet", password="wrong wrong", new="another password")
        with pytest.raises(talking.Refused, match="invalid"):
            await page.call("passwordSet", password=PASSWORD, new="short")
        assert len(await page.call("sessions")) >= 2
        await page.call("passwordSet", password=PASSWORD, new="another password")
        assert (await other.http.get("session")).json() == {"login": None}
        assert [each["isThis"] for each in await page.call("sessions")] == [True]
        assert (await other.log_in()).status_code == 401
        assert (await other.log_in("another password")).status_code == 200
        await page.call("passwordSet", password="another password", new=PASSWORD)


async def test_a_password_of_a_program_opens_what_it_says_until_it_is_removed(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        made = await page.call("appPasswordAdd", password=PASSWORD, name="Phone", opens=["submission"])
        with server.submission() as smtp:
            smtp.login(ADDRESS, made["secret"])
        named = [each for each in await page.call("credentials") if each["name"] == "Phone"]
        assert [each["opens"] for each in named] == [["submission"]]
        await page.call("credentialRemove", id=made["id"])
        with server.submission() as smtp, pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login(ADDRESS, made["secret"])
        main = next(each for each in await page.call("credentials") if each["kind"] == "main")
        with pytest.raises(talking.Refused, match="forbidden"):
            await page.call("credentialRemove", id=main["id"])


async def test_a_session_is_ended_from_another(server: LocalServer) -> None:
    async with talking.logged_in(server) as lost, talking.logged_in(server) as browser, browser.page() as page:
        other = next(each for each in await page.call("sessions") if not each["isThis"])
        assert await page.call("sessionEnd", id=other["id"]) == {"ended": 1}
        await page.call("sessionEnd")
        assert (await lost.http.get("session")).json() == {"login": None}
        assert (await browser.http.get("session")).json()["login"] == ADDRESS
