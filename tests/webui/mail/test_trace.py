"""The way of a message, as its account may see it."""

from pathlib import Path
from typing import Any

import trio

from mox_trio.admin import tracing
from mox_trio.mailstore import accounts, deliver
from mox_trio.mailstore.deliver import Incoming
from mox_trio.mailstore.spool import Spool
from tests.kit import stores
from tests.kit.localserve import LocalServer
from tests.webui.mail import talking


async def test_mail_from_outside_says_how_it_came_and_why_it_was_taken(server: LocalServer) -> None:
    await talking.deliver(server, talking.mail("followed in", Message_ID="<followed@example.org>"))
    async with talking.logged_in(server) as browser, browser.page() as page:
        row = (await page.look(1, mailbox=page.box("inbox"), threads=False))["rows"][0]
        mailbox, uid = map(int, row["id"].split("."))
        received, stored = await page.call("trace", mailbox=mailbox, uid=uid)
        assert (received["what"], received["recipient"]) == ("received", "mox@localhost")
        assert received["facts"]["remote_ip"] == "127.0.0.1"
        assert received["facts"]["ehlo_domain"] == "client.example.org"
        assert received["facts"]["reason"] in received["text"]
        assert (stored["what"], stored["text"]) == ("stored", f"in Inbox UID {uid}")


async def test_mail_that_was_sent_says_how_it_left(server: LocalServer) -> None:
    async with talking.logged_in(server) as browser, browser.page() as page:
        sent = await page.call("send", letter=talking.letter("followed out"))
        steps: list[dict[str, Any]] = []
        with trio.fail_after(talking.WAIT):
            while not any(each["what"] == "retired" for each in steps):
                steps = await page.call("trace", mailbox=sent["mailbox"], uid=sent["uid"])
        kinds = [each["what"] for each in steps]
        assert kinds.index("queued") < kinds.index("attempt") < kinds.index("retired")
        left = steps[kinds.index("retired")]
        assert (left["recipient"], left["text"]) == ("<you@localhost>", "delivered")
        queued = steps[kinds.index("queued")]
        assert queued["facts"]["queued_as"] == sent["queued"]


async def test_a_message_without_a_message_id_is_followed_by_nothing(server: LocalServer) -> None:
    await talking.deliver(server, talking.mail("nameless"))
    async with talking.logged_in(server) as browser, browser.page() as page:
        row = (await page.look(1, mailbox=page.box("inbox"), threads=False))["rows"][0]
        mailbox, uid = map(int, row["id"].split("."))
        assert await page.call("trace", mailbox=mailbox, uid=uid) == []


async def test_an_account_is_told_of_its_own_messages_alone(tmp_path: Path) -> None:
    message = stores.message("shared", "text\r\n", Message_ID="<shared@example.org>")
    async with stores.opened(tmp_path) as kit:
        every = [await accounts.create(kit.store, name) for name in ("ann", "bob")]
        for account in every:
            async with Spool(kit.store) as spool:
                await spool.write(message)
                await deliver.to_mailbox(kit.store, account, "Inbox", Incoming(await spool.finish()))
        for account in every:
            steps = await tracing.of_account(kit.store, account, "shared@example.org")
            assert [(each.account, each.what) for each in steps] == [(account.name, "stored")]
