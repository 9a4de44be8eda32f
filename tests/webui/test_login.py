"""Who may call: passwords, keys, limits on failed logins, pages of others."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from trio.testing import MockClock

from mox_trio.mailstore import attempts, credentials
from mox_trio.mailstore.credentials import Terms
from mox_trio.mailstore.logins import Protocols
from mox_trio.transport.connection import Broken
from tests.kit import world
from tests.webui import calling
from tests.webui.calling import Api, message

BOB = "bob@one.example"


async def status(api: Api, authorization: str) -> int:
    return (await api.call("SuppressionList", authorization=authorization)).status


async def test_a_password_logs_in_any_address_of_the_account(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        assert await status(api, calling.basic("ann@one.example")) == 200
        assert await status(api, calling.basic("ANN+shop@one.example")) == 200
        for wrong in (
            *("", "Digest x", "Basic", "Basic !!!", "Bearer nothing", calling.basic("ann")),
            *(calling.basic("ann@one.example", "wrong"), calling.basic("nobody@one.example")),
        ):
            api.authorization = ""
            answer = await api.call("SuppressionList", authorization=wrong)
            assert answer.status == 401, wrong
            assert answer.headers["www-authenticate"].startswith("Basic realm=")


async def test_too_many_failed_logins_are_not_looked_at_and_are_those_of_all_protocols(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    static = calling.STATIC + "\n[limits]\nfailed_logins_minute = { client = 3, neighbourhood = 10, region = 10 }\n"
    async with world.opened(tmp_path, autojump_clock, "one", one={"static": static}) as net:
        api = Api(net)
        statuses = [await status(api, calling.basic("ann@one.example", "wrong")) for _ in range(3)]
        assert statuses == [401, 401, 401]
        assert await status(api, calling.basic("ann@one.example")) == 429
        with pytest.raises(Broken):  # SMTP does not even greet who failed too often
            async with net["one"].user("ann"):
                pass
        api.client_address = "198.51.100.77"
        assert await status(api, calling.basic("ann@one.example")) == 200


async def test_an_app_password_opens_what_it_says(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        logins, account = api.server.services.logins, await api.server.account("ann")
        for protocols, expected in ((Protocols.IMAP, 401), (Protocols.WEBAPI, 200)):
            made = await credentials.add_app_password(logins, account, Terms("x", protocols))
            assert await status(api, calling.basic("ann@one.example", made.secret)) == expected


async def key(api: Api, **terms: object) -> str:
    made = await api.ok("KeyAdd", {"Name": "k", **terms})
    return str(made["Secret"])


async def test_a_key_is_for_bearer_and_for_the_place_of_a_password(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        secret = await key(api)
        assert await status(api, f"Bearer {secret}") == 200
        assert await status(api, calling.basic("ann@one.example", secret)) == 200
        assert await status(api, calling.basic(BOB, secret)) == 401
        (listed,) = (await api.ok("KeyList"))["Keys"]
        assert (listed["Name"], listed["Scopes"], listed["Addresses"]) == ("k", [], [])
        assert secret not in str(listed)
        await api.ok("KeyRemove", {"ID": listed["ID"]})
        assert await api.refused("KeyRemove", {"ID": listed["ID"]}) == "error"
        assert await status(api, f"Bearer {secret}") == 401


async def test_a_key_ends_when_it_says(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        at = datetime.fromtimestamp(api.server.store.now() / 1000, UTC) + timedelta(hours=1)
        secret = await key(api, Expires=at.isoformat())
        assert await status(api, f"Bearer {secret}") == 200
        await api.net.hours(1)
        assert await status(api, f"Bearer {secret}") == 401


@pytest.mark.parametrize(
    ("scopes", "opens"),
    [
        (["send"], {"Send"}),
        (["read"], {"MessageGet"}),
        (["write"], {"MessageDelete"}),
        (["suppressions", "templates"], {"SuppressionList", "TemplateList"}),
        ([], {"Send", "MessageGet", "MessageDelete", "SuppressionList", "TemplateList"}),
    ],
)
async def test_a_key_opens_its_scopes_and_never_makes_keys(
    tmp_path: Path, autojump_clock: MockClock, scopes: list[str], opens: set[str]
) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        api.authorization = f"Bearer {await key(api, Scopes=scopes)}"
        for method in ("Send", "MessageGet", "MessageDelete", "SuppressionList", "TemplateList", "KeyAdd", "KeyList"):
            answer = await api.call(method, {"Name": "x"} if method == "KeyAdd" else {})
            assert (answer.status != 403) is (method in opens), method
            if answer.status == 403:
                assert answer.facts["Code"] == "forbidden"


async def test_a_key_sends_from_its_addresses_only(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        assert await api.refused("KeyAdd", {"Name": "x", "Addresses": [BOB]}) == "badAddress"
        secret = await key(api, Addresses=["ann+shop@one.example"])
        api.authorization = f"Bearer {secret}"
        await api.ok("Send", message(BOB))
        await api.ok("Send", message(BOB, From=[{"Address": "Ann+Shop@one.example"}]))
        assert await api.refused("Send", message(BOB, From=[{"Address": "ann@one.example"}])) == "badFrom"
        await api.net.quiet()
        assert all(b"ann+shop@one.example" in each.lower() for each in await api.server.mails("bob"))


async def test_an_account_that_is_switched_off_is_told_so(tmp_path: Path, autojump_clock: MockClock) -> None:
    more = {"ann": 'login_disabled = "ask the office"'}
    async with calling.opened(tmp_path, autojump_clock, dynamic=more) as api:
        answer = await api.call("SuppressionList")
        assert (answer.status, answer.body) == (401, b"ask the office\n")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_pages_of_others_cannot_use_the_password_of_a_browser(
    tmp_path: Path, autojump_clock: MockClock, headers: dict[str, str]
) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        assert (await api.call("Send", message(BOB), **headers)).status == 403
        form = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        assert (await api.call("SuppressionList", **form)).status == 200
        own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
        assert (await api.call("Send", message(BOB), **own)).status == 200


async def test_what_is_no_request_is_said_to_be_none(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        for given in (
            {"content": b""},
            {"content": b"{}", "headers": {"Content-Type": "text/plain"}},
            {"data": {"request": ""}},
            {"data": {"other": "{}"}},
            {"data": {"request": "[]"}},
            {"data": {"request": '{"a": '}},
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
            {"content": b"--b\r\nx", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
            {"data": {"request": "{}"}, "files": [("attachedfile", ("x", b"x"))]},
            {"data": {"request": "{}"}, "files": [("other", ("x", b"x"))]},
        ):
            answer = await api.post("SuppressionList", **given)
            assert (answer.status, answer.facts["Code"]) == (400, "protocol"), given
        request = httpx.Request("POST", "http://localhost/webapi/v0/Nothing")
        assert (await api.send(request)).status == 404
        assert (await api.send(httpx.Request("PUT", "http://localhost/webapi/v0/Send"))).status == 405


async def test_attempts_are_recorded(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with calling.opened(tmp_path, autojump_clock) as api:
        await api.ok("SuppressionList")
        await api.call("SuppressionList", authorization=calling.basic("ann@one.example", "wrong"))
        await api.net.hours(0.01)
        rows = await attempts.latest(api.server.store, await api.server.account("ann"))
        assert {(row.protocol, row.mechanism, row.result) for row in rows} == {
            ("webapi", "HTTPBASIC", "ok"),
            ("webapi", "HTTPBASIC", "bad-credentials"),
        }
