"""Certificates, addresses, webhooks, keys and suppressions, as the settings have them; sessions that end at once."""

from datetime import UTC, datetime, timedelta

import pytest
import trio

from mox_trio.app.localserve_files import ADDRESS, PASSWORD
from tests.kit import wires
from tests.kit.localserve import LocalServer
from tests.webui.mail import talking

AT_ONCE = 5.0
"""Seconds: less than until sessions are looked at by themselves."""


async def test_sessions_that_end_close_their_websockets_at_once(server: LocalServer) -> None:
    async with (
        talking.logged_in(server) as lost,
        talking.logged_in(server) as browser,
        lost.page() as left,
        browser.page() as page,
    ):
        await page.call("sessionEnd")
        with trio.fail_after(AT_ONCE):
            assert (await left.hear("bye"))["reason"]
            assert await left.closed() == 4401
        assert (await page.call("sessions"))[0]["isThis"]
        async with browser.page() as another:
            answer = await browser.http.post("logout", headers={"x-mox-csrf": browser.csrf})
            assert answer.status_code == 200
            with trio.fail_after(AT_ONCE):
                assert await another.closed() == 4401
                assert await page.closed() == 4401


async def test_all_sessions_end_with_this_one(server: LocalServer) -> None:
    async with talking.logged_in(server) as other, talking.logged_in(server) as browser, browser.page() as page:
        await page.say(t="call", id=1, name="sessionEnd", args={"all": True})
        with trio.fail_after(AT_ONCE):
            assert await page.closed() == 4401
        for each in (other, browser):
            assert (await each.http.get("session")).json() == {"login": None}


async def test_a_certificate_is_registered_renamed_and_removed(server: LocalServer) -> None:
    made = wires.certificate("laptop.example.org")
    pem = made.certificate.decode()
    given = {"password": PASSWORD, "name": "Laptop", "address": ADDRESS, "pem": pem, "asks": False}
    async with talking.logged_in(server) as browser, browser.page() as page:
        for wrong in ({"password": "no"}, {"pem": "-----BEGIN PUBLIC KEY-----"}, {"address": "you@example.org"}):
            with pytest.raises(talking.Refused):
                await page.call("tlsKeyAdd", **{**given, **wrong})
        added = await page.call("tlsKeyAdd", **given)
        (shown,) = await page.call("tlsKeys")
        assert (shown["name"], shown["asks"], shown["address"]) == ("Laptop", False, ADDRESS)
        assert shown["kind"].split("-")[0] in ("rsa", "ecdsa", "ed25519")
        with pytest.raises(talking.Refused, match="exists"):
            await page.call("tlsKeyAdd", **given)
        await page.call("tlsKeyChange", id=added["id"], name="Old laptop", asks=True)
        (shown,) = await page.call("tlsKeys")
        assert (shown["name"], shown["asks"]) == ("Old laptop", True)
        with pytest.raises(talking.Refused, match="not-found"):
            await page.call("tlsKeyChange", id=added["id"] + 100, name="x", asks=True)
        await page.call("credentialRemove", id=added["id"])
        assert await page.call("tlsKeys") == []


async def test_an_account_says_what_it_is_and_holds(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        await talking.deliver(server, talking.mail("counted"))
        about = await page.call("accountAbout")
        assert ADDRESS in [each["address"] for each in about["addresses"]]
        assert about["used"] > 0
        assert about["messages"] >= 1
        assert sum(each["bytes"] for each in about["mailboxes"]) == about["used"]


async def test_webhooks_keys_and_suppressions_are_those_of_the_api(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        url = "http://127.0.0.1:9/hook"
        request = {"Direction": "outgoing", "URL": url, "Events": ["failed"]}
        assert (await page.call("api", method="WebhookSet", request=request))["Secret"]
        tried = await page.call("api", method="WebhookTest", request={"Direction": "outgoing"})
        assert (tried["Success"], bool(tried["Error"])) == (False, True)
        (set_,) = (await page.call("api", method="WebhookGet"))["Webhooks"]
        assert (set_["URL"], set_["Events"]) == (url, ["failed"])
        with pytest.raises(talking.Refused, match="invalid"):
            await page.call("api", method="WebhookSet", request={**request, "URL": "ftp://x"})
        await page.call("api", method="WebhookRemove", request={"Direction": "outgoing"})
        assert (await page.call("api", method="HookList"))["Hooks"] == []

        expires = (datetime.now(UTC) + timedelta(days=3)).isoformat()
        key = {"Name": "shop", "Scopes": ["webhooks"], "Expires": expires}
        with pytest.raises(talking.Refused, match="credentials"):
            await page.call("api", method="KeyAdd", request=key, password="wrong wrong")
        made = await page.call("api", method="KeyAdd", request=key, password=PASSWORD)
        assert made["Secret"]
        await page.call("api", method="KeyRemove", request={"ID": made["Key"]["ID"]})
        assert (await page.call("api", method="KeyList"))["Keys"] == []

        await page.call("api", method="SuppressionAdd", request={"EmailAddress": "no@example.org", "Reason": "asked"})
        (listed,) = (await page.call("api", method="SuppressionList"))["Suppressions"]
        assert (listed["OriginalAddress"], listed["Reason"]) == ("no@example.org", "asked")
        await page.call("api", method="SuppressionRemove", request={"EmailAddress": "no@example.org"})
        for method in ("Send", "MessageGet", "Nothing"):
            with pytest.raises(talking.Refused, match="unsupported"):
                await page.call("api", method=method)
